"""What a new model's similarities mean, from a drive that was not trained on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from liploc_ros.datasets.drive import Drive
from liploc_ros.encoders import ModelBundle
from liploc_ros.encoders.spec import ConfidenceModel
from liploc_ros.evaluation.confidence_samples import describe_samples, gather_samples
from liploc_ros.evaluation.options import EvaluationError, EvaluationOptions
from liploc_ros.localization.calibration.fit import CalibrationError, fit_confidence_model
from liploc_ros.localization.calibration.outcomes import summarize
from liploc_ros.localization.calibration.samples import SAMPLES_FILE, save_samples
from liploc_ros.localization.calibration.storage import read_confidence_model

UNCALIBRATED = ConfidenceModel(
    min_score=0.5, min_margin=0.1, temperature=0.03, source="not calibrated: no drive was held out"
)


@dataclass(frozen=True)
class HeldOut:
    """What a held-out drive showed.

    Attributes:
        confidence_model: fitted to it.
        summary: recall and what acceptance lets through, in words.
    """

    confidence_model: ConfidenceModel
    summary: str


def calibrate_on(held_out: Drive, strangers: Sequence[Drive], bundle: ModelBundle, folder: Path) -> HeldOut:
    """Return a bundle's calibration, and keep the trials it was fitted to in ``folder``.

    A drive on which too little is found, or that is too short, calibrates nothing: the trained model is not lost for
    it, and its acceptance says why.

    Args:
        held_out: drive that was not trained on.
        strangers: recordings of other places, such as those that were trained on.
        bundle: the model.
        folder: for trials.npz.

    Raises:
        LiplocError: an image or scan cannot be read, or the trials cannot be written.
    """
    options = EvaluationOptions()
    try:
        trials = gather_samples(held_out, strangers, bundle, options, progress=True)
        save_samples(folder / SAMPLES_FILE, trials, options.place_spacing)
        confidence_model = fit_confidence_model(trials, options.place_spacing, describe_samples(held_out.name, trials))
    except (EvaluationError, CalibrationError) as error:
        why = f"not calibrated on {held_out.name}: {str(error).removeprefix(f'{held_out.source}: ')}"
        return HeldOut(bundle.spec.confidence_model.model_copy(update={"source": why}), why)
    said = summarize(trials, confidence_model, options.place_spacing)
    return HeldOut(confidence_model, f"held out: {said} (fitted to these same images: no independent measure)")


def confidence_model_at(path: Path | None) -> ConfidenceModel:
    """Return the calibration of a bundle, map or .json; that of a model which has none, when left out.

    Raises:
        LiplocError: there is none that can be read.
    """
    found = None if path is None else read_confidence_model(path)
    return UNCALIBRATED if found is None else found
