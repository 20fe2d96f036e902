# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The confidence model of a new bundle, fitted on a drive that was not trained on, and what to expect of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from liploc_ros.datasets.drive import Drive
from liploc_ros.encoders import ModelBundle
from liploc_ros.encoders.spec import ConfidenceModel
from liploc_ros.evaluation.confidence_samples import describe_samples, gather_by_protocol
from liploc_ros.evaluation.options import EvaluationError, EvaluationOptions
from liploc_ros.learning.expectation import Expectation, cross_fitted
from liploc_ros.localization.calibration.fit import CalibrationError, fit_confidence_model
from liploc_ros.localization.calibration.outcomes import summarize
from liploc_ros.localization.calibration.samples import SAMPLES_FILE, save_samples
from liploc_ros.localization.calibration.storage import read_confidence_model

UNFITTED = ConfidenceModel(min_score=0.5, min_margin=0.1, temperature=0.03, source="not fitted: no drive was held out")


@dataclass(frozen=True)
class HeldOutResult:
    """The result on a held-out drive.

    Attributes:
        confidence_model: fitted to the drive.
        summary: recall and the effect of the confidence model, as text.
        expected: what is found and accepted under each condition; empty if nothing was fitted.
    """

    confidence_model: ConfidenceModel
    summary: str
    expected: tuple[Expectation, ...] = field(default=())


def fit_on_held_out(held_out: Drive, other_places: Sequence[Drive], bundle: ModelBundle, folder: Path) -> HeldOutResult:
    """Return the confidence model of a bundle, and save the samples to which it was fitted in ``folder``.

    If the drive is too short, or too few images are localized, nothing is fitted: the bundle keeps its confidence
    model, and the reason becomes its source. The trained model is not lost in this case.

    Args:
        held_out: drive that was not trained on.
        other_places: recordings of other places, such as the training drives.
        bundle: the model.
        folder: for the samples.

    Raises:
        LiplocError: an image or scan cannot be read, or the samples cannot be written.
    """
    options = EvaluationOptions()
    name = held_out.name + (f" ({held_out.part})" if held_out.part else "")
    try:
        # Trained with little data, images of the training drives look more like any place than unseen images do: with
        # them, hardly any image would be accepted. docs/tutorial_training.md has the numbers.
        gathered = gather_by_protocol(
            held_out, other_places, bundle, options, progress=True, with_images_of_elsewhere=not held_out.part
        )
        samples = [sample for of_protocol in gathered.values() for sample in of_protocol]
        save_samples(folder / SAMPLES_FILE, samples, options.spacing)
        confidence_model = fit_confidence_model(samples, options.spacing, describe_samples(name, samples))
    except (EvaluationError, CalibrationError) as error:
        reason = f"not fitted on {name}: {str(error).removeprefix(f'{held_out.source}: ')}"
        return HeldOutResult(bundle.spec.confidence_model.model_copy(update={"source": reason}), reason)
    result = summarize(samples, confidence_model, options.spacing)
    return HeldOutResult(
        confidence_model,
        f"held out: {result} (fitted to the same images, so not an independent measurement)",
        cross_fitted(gathered, options.spacing, confidence_model),
    )


def confidence_model_at(path: Path | None) -> ConfidenceModel:
    """Return the confidence model of a bundle, map or .json file; ``UNFITTED`` without a path or for a map without one.

    Raises:
        LiplocError: the file or folder cannot be read.
    """
    stored = None if path is None else read_confidence_model(path)
    return UNFITTED if stored is None else stored
