"""``liploc evaluate --calibrate``: fit what similarities mean, and from which confidence an answer counts."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import typer

from liploc_ros.datasets import open_sources
from liploc_ros.datasets.drive import Drive
from liploc_ros.encoders import ModelBundle
from liploc_ros.evaluation.confidence_samples import describe_samples, gather_samples
from liploc_ros.evaluation.options import EvaluationError, EvaluationOptions
from liploc_ros.evaluation.provenance import drive_of, is_in_training
from liploc_ros.learning.model_card import update_model_card
from liploc_ros.localization.calibration.fit import fit_confidence_model
from liploc_ros.localization.calibration.outcomes import summarize
from liploc_ros.localization.calibration.samples import (
    SAMPLES_FILE,
    ConfidenceSample,
    SampleError,
    load_samples,
    save_samples,
)
from liploc_ros.localization.calibration.storage import check_target, kind_of, row_scores_of, write_confidence_model


@dataclass(frozen=True)
class Wanted:
    """What is to be calibrated, and on what.

    Attributes:
        target: bundle, map or JSON file that the calibration is put into.
        elsewhere: recordings of other places.
        trials: files of earlier runs that are fitted to as well.
    """

    target: Path
    elsewhere: Sequence[Path] = ()
    trials: Sequence[Path] = ()


@dataclass
class _Gathered:
    """Trials that can be fitted together, and what they are."""

    spacing: float | None = None
    trials: list[ConfidenceSample] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    def add(self, name: str, path: Path, trials: Sequence[ConfidenceSample], spacing: float) -> None:
        """Add the trials of a file.

        Raises:
            SampleError: they are of another kind of model, or of other places, than those before.
        """
        if self.spacing is not None and spacing != self.spacing:
            raise SampleError(f"{path}: places every {spacing:g} m, others every {self.spacing:g} m: give trials alike")
        if self.trials:
            _check_rows(path, trials, self.trials[0].row_scores.shape[1], "others")
        self.spacing = spacing
        self.trials += trials
        self.names.append(name)


def calibrate_on(
    drive: Drive | None,
    wanted: Wanted,
    bundle: ModelBundle,
    options: EvaluationOptions,
    out: Path,
) -> None:
    """Gather trials on a drive, keep them in ``out``, fit to them and those of files, and write the calibration.

    Args:
        drive: that the model did not train on; None to fit to files alone.
        wanted: see :class:`Wanted`.
        bundle: the model.
        options: how places are drawn.
        out: folder for trials.npz.

    Raises:
        LiplocError: a drive, file or folder that cannot be used, or trials that nothing can be learnt from.
    """
    check_target(wanted.target, bundle)
    if drive is None and not wanted.trials:
        raise SampleError("--fit-only without --trials: give trials.npz of `liploc evaluate --calibrate`")
    gathered, length = _Gathered(), row_scores_of(wanted.target)
    for file in wanted.trials:
        trials, spacing = load_samples(file)
        gathered.add(file.absolute().parent.name, file, trials, spacing)
        if length is not None:
            _check_rows(file, trials, length, str(wanted.target))
    if drive is not None:
        elsewhere = [other for path in wanted.elsewhere for other in open_sources(path)]
        trials = gather_samples(drive, elsewhere, bundle, options, progress=True)
        file = _saved(out, trials, options.place_spacing)
        typer.echo(f"{file}: {len(trials)} trials")
        gathered.add(drive_of(drive.name), file, trials, options.place_spacing)
        if is_in_training(drive.name, bundle.spec.training.drives):
            typer.echo(f"{drive.name}: the model SAW this drive in training; it will be too sure of itself elsewhere")
    spacing = gathered.spacing or options.place_spacing
    confidence_model = fit_confidence_model(
        gathered.trials, spacing, describe_samples(", ".join(gathered.names), gathered.trials)
    )
    write_confidence_model(wanted.target, confidence_model)
    if kind_of(wanted.target) == "bundle":
        update_model_card(wanted.target, confidence_model)
    typer.echo(summarize(gathered.trials, confidence_model, spacing))
    typer.echo(
        f"{wanted.target}: accepts from confidence {confidence_model.min_confidence:g} and margin "
        f"{confidence_model.min_margin:g} on; fitted to {confidence_model.source}"
    )


def _check_rows(path: Path, trials: Sequence[ConfidenceSample], length: int, others: str) -> None:
    if (own := trials[0].row_scores.shape[1]) != length:
        raise SampleError(f"{path}: rows of {own} numbers, {others} of {length}: give trials of one kind of model")


def _saved(out: Path, trials: Sequence[ConfidenceSample], spacing: float) -> Path:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EvaluationError(f"{out}: cannot be made ({error.strerror}): choose another folder") from error
    save_samples(out / SAMPLES_FILE, trials, spacing)
    return out / SAMPLES_FILE
