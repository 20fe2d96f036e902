# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""What to expect of a new model: how many held-out images are found, accepted, and accepted by mistake."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from liploc_ros.datasets.drive import Drive
from liploc_ros.encoders import ModelBundle
from liploc_ros.encoders.spec import ConfidenceModel
from liploc_ros.evaluation.confidence_samples import OFF_MAP
from liploc_ros.evaluation.metrics import ACCEPTANCE_THRESHOLD
from liploc_ros.learning.data.parts import GAP, drive_length
from liploc_ros.localization.calibration.fit import CalibrationError, fit_confidence_model
from liploc_ros.localization.calibration.outcomes import is_accepted, outcome_of
from liploc_ros.localization.calibration.samples import ConfidenceSample
from liploc_ros.localization.config import MatchingConfig

CONDITIONS = {
    "gap-8": "as recorded; every scan at least 8 m away",
    "crop-60": "60 degrees of the view",
    "crop-45": "45 degrees of the view",
    "crop-30": "30 degrees of the view",
    "covered-20": "20 % of the width covered",
    "blur-3": "blurred",
    "dark-0.3": "dark",
    "grey": "without color",
    "tilt-1": "mount wrong by 1 degree",
    "lane-1.75": "map of a lane 1.75 m to the left (simulated)",
    "lane--3.5": "map of a lane 3.5 m to the right (simulated)",
    OFF_MAP: "on maps of other places",
}
BLOCK = 5  # successive off-map images that are in the same half
CHECKED, NOT_CHECKED = (
    "Confidence was fitted to one half and counted on the other.",
    (
        "The halves were too small: confidence was fitted to the images that it is counted on, so that too many are "
        "accepted and too few of them are wrong."
    ),
)


@dataclass(frozen=True)
class Expectation:
    """The images of one condition.

    Attributes:
        condition: name of the protocol, or ``OFF_MAP``.
        images: all of them.
        found: first hypotheses within 2 m and 5 degrees; 0 for off-map images.
        accepted: accepted first hypotheses.
        correct: accepted ones that are found.
        wrong: accepted ones that are wrong by more than 5 m; all accepted ones of off-map images.
        is_independent: whether the confidence model was fitted to other images.
    """

    condition: str
    images: int
    found: int
    accepted: int
    correct: int
    wrong: int
    is_independent: bool


def cross_fitted(
    gathered: Mapping[str, Sequence[ConfidenceSample]], spacing: tuple[float, float], fitted: ConfidenceModel
) -> tuple[Expectation, ...]:
    """Return what each condition gives, counted with a confidence model of the other half of the path.

    Args:
        gathered: samples by condition.
        spacing: of the places [m].
        fitted: to all samples; used if the halves are too small.
    """
    halves = {name: _halves(samples) for name, samples in gathered.items()}
    models, is_independent = [fitted, fitted], True
    try:
        for half in (False, True):
            others = [
                s for name, samples in gathered.items() for s, h in zip(samples, halves[name], strict=True) if h != half
            ]
            models[half] = fit_confidence_model(others, spacing, "the other half")
    except CalibrationError:
        models, is_independent = [fitted, fitted], False
    return tuple(
        _count(
            name, [(s, models[h]) for s, h in zip(samples, halves[name], strict=True)], is_independent=is_independent
        )
        for name, samples in gathered.items()
    )


def expectation_table(expected: Sequence[Expectation]) -> str:
    """Return a table in Markdown, and how it was counted."""
    header = ("images", "number", "found within 2 m", "accepted", "of these within 2 m", "wrong by more than 5 m")
    rows = [header]
    for row in expected:
        is_off_map = row.condition == OFF_MAP
        found = "-" if is_off_map else f"{row.found} ({row.found / max(1, row.images):.0%})"
        correct = "-" if is_off_map else str(row.correct)
        accepted = f"{row.accepted} ({row.accepted / max(1, row.images):.0%})"
        name = CONDITIONS.get(row.condition, row.condition)
        rows.append((name, str(row.images), found, accepted, correct, str(row.wrong)))
    widths = [max(len(row[i]) for row in rows) for i in range(len(header))]
    lines = ["| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    note = CHECKED if all(row.is_independent for row in expected) else NOT_CHECKED
    return "\n".join(lines) + f"\n\n{note}"


def describe_expectation(bundle: ModelBundle, held_out: Drive, expected: Sequence[Expectation]) -> str:
    """Return the report of a training: what was trained, what was held out, and the table."""
    training, part = bundle.spec.training, held_out.part
    what = f"the {part} of {held_out.name}" if part else held_out.name
    near = f" The frames of the training are at least {GAP:.0f} m away." if part else ""
    same_street = (
        "The part that is held out is of the same street and hour as the training. Expect less in other streets and at "
        "other times: measure with `liploc evaluate`, or train with another drive as --held-out.\n"
    )
    return (
        f"# What to expect of {bundle.path.name}\n"
        f"Model {bundle.id[:12]}: {training.steps} steps on {training.frames} frames of {', '.join(training.drives)}. "
        f"Held out: {what}, {drive_length(held_out):.0f} m.{near} All headings are searched.\n\n"
        f"{expectation_table(expected)}\n{same_street if part else ''}"
    )


def _halves(samples: Sequence[ConfidenceSample]) -> list[bool]:
    """Return for each sample whether it is of the second half: of the path, or of blocks of off-map images."""
    if not samples or samples[0].truth is None:
        return [bool(i // BLOCK % 2) for i in range(len(samples))]
    # Images of a protocol are in driving order; some may be missing, so that conditions divide near the same place.
    return [i >= len(samples) / 2 for i in range(len(samples))]


def _count(
    name: str, samples: Sequence[tuple[ConfidenceSample, ConfidenceModel]], *, is_independent: bool
) -> Expectation:
    config = MatchingConfig()
    found = accepted = correct = wrong = 0
    for sample, model in samples:
        outcome = outcome_of(sample, np.array(model.score_weights), config)
        if outcome is None:
            continue
        takes = is_accepted(outcome, model)
        found += outcome.is_correct
        accepted += takes
        correct += takes and outcome.is_correct
        wrong += takes and outcome.position_error > ACCEPTANCE_THRESHOLD
    return Expectation(name, len(samples), found, accepted, correct, wrong, is_independent)
