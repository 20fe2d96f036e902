"""Scores at which a place counts as found, from a drive that was not trained on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from liploc_ros.datasets.frame import Drive
from liploc_ros.encoders import ModelBundle
from liploc_ros.encoders.bundle import SPEC_FILE
from liploc_ros.encoders.spec import AcceptanceSpec
from liploc_ros.localization import Localization, Localizer, LocalizerConfig
from liploc_ros.mapping import MapConfig, build_map_from_drive

RIGHT = 3.0  # metres within which a hypothesis is right
FALSE_ACCEPTS = 0.01  # share of out-of-map images whose score may reach the threshold
LEAST_MARGIN = 0.005  # two copies of one place have no lead at all
LEAST_PRECISION = 0.99  # of hypotheses above the threshold whose lead reaches the margin


@dataclass(frozen=True)
class Trial:
    """An image's best score, its lead over the next hypothesis, and the error [m]; infinite for out-of-map images."""

    score: float
    lead: float
    error: float


def calibrate(bundle: ModelBundle, held_out: Drive, strangers: Sequence[Drive]) -> tuple[AcceptanceSpec, list[Trial]]:
    """Return the acceptance for a bundle, and the trials it rests on.

    The map is the held-out drive's with scans 10 m apart; queries are its images, and the strangers', not in it.
    The threshold is the score that 1 % of the strangers reach. The margin is the least lead at which 99 % of the
    hypotheses above the threshold are right. The temperature is half the spread of right scores about their mean.
    """
    lidar_map = build_map_from_drive(held_out, bundle, MapConfig())
    localizer = Localizer(lidar_map, bundle, LocalizerConfig(min_confidence=0, min_margin=0))
    trials = list(_trials(localizer, held_out, in_map=True))
    for drive in strangers:
        trials += _trials(localizer, drive, in_map=False)
    scores, leads, errors = (
        np.array(values) for values in zip(*((t.score, t.lead, t.error) for t in trials), strict=True)
    )
    outside = np.isinf(errors)
    min_score = float(np.quantile(scores[outside], 1 - FALSE_ACCEPTS)) if outside.any() else float(scores.min())
    above = (scores >= min_score) & ~outside
    spec = AcceptanceSpec(
        min_score=round(min_score, 4),
        min_margin=round(max(LEAST_MARGIN, _margin(leads[above], errors[above] < RIGHT)), 4),
        temperature=round(max(0.005, float(scores[errors < RIGHT].std()) / 2) if (errors < RIGHT).any() else 0.03, 4),
        source=f"{held_out.name} held out, {int(outside.sum())} images from elsewhere",
    )
    return spec, trials


def summary(trials: Sequence[Trial], acceptance: AcceptanceSpec) -> str:
    """Return in words what the trials show: recall, and what acceptance lets through."""
    inside, outside = [t for t in trials if np.isfinite(t.error)], [t for t in trials if np.isinf(t.error)]
    accepted = [t for t in inside if _is_accepted(t, acceptance)]
    recall = ", ".join(f"{t:g} m {np.mean([i.error < t for i in inside]):.1%}" for t in (1, 2, 5))
    precision = np.mean([t.error < RIGHT for t in accepted]) if accepted else 0.0
    false_accepts = np.mean([_is_accepted(t, acceptance) for t in outside]) if outside else 0.0
    return (
        f"held out: {len(inside)} images, all headings searched, recall@1 within {recall}; "
        f"accepted {len(accepted) / len(inside):.1%}, {precision:.1%} of them within {RIGHT:g} m; "
        f"of {len(outside)} images from elsewhere {false_accepts:.1%} accepted "
        "(thresholds were set on these same images: no independent measure)"
    )


def _is_accepted(trial: Trial, acceptance: AcceptanceSpec) -> bool:
    return trial.score >= acceptance.min_score and trial.lead >= acceptance.min_margin


def write_acceptance(folder: Path, acceptance: AcceptanceSpec) -> None:
    """Put the acceptance into a bundle's model.json; maps made with the bundle stay valid."""
    spec = ModelBundle.load(folder).spec.model_copy(update={"acceptance": acceptance})
    draft = folder / f".{SPEC_FILE}.new"
    draft.write_text(spec.model_dump_json(indent=2) + "\n")
    draft.replace(folder / SPEC_FILE)


def _trials(localizer: Localizer, drive: Drive, in_map: bool) -> Iterator[Trial]:
    for frame in tqdm(list(drive.images()), desc=f"queries of {drive.name}", leave=False):
        name, read = next(iter(frame.images.items()))
        result = localizer.localize(read(), drive.cameras[name], frame.stamp_ns)
        if result.best is not None and frame.T_map_base is not None:
            away = float(np.linalg.norm(result.best.T_map_base[:2, 3] - frame.T_map_base[:2, 3]))
            yield Trial(result.best.score, _lead(result), away if in_map else float("inf"))


def _lead(result: Localization) -> float:
    return result.hypotheses[0].score - result.hypotheses[1].score if len(result.hypotheses) > 1 else 2.0


def _margin(leads: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Return the least lead above which the share of right hypotheses is high enough."""
    for lead in [0.0, *np.sort(leads)]:
        kept = leads >= lead
        if right[kept].mean() >= LEAST_PRECISION if kept.any() else True:
            return float(lead)
    return float(leads.max(initial=0.0))
