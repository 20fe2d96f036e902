# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Confidence samples of several files and drives that are fitted together."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from liploc_ros.datasets import Drive
from liploc_ros.encoders import ModelBundle
from liploc_ros.evaluation.confidence_samples import gather_samples
from liploc_ros.evaluation.options import EvaluationOptions
from liploc_ros.evaluation.provenance import drive_of
from liploc_ros.files import unwritable
from liploc_ros.localization.calibration.samples import (
    SAMPLES_FILE,
    ConfidenceSample,
    SampleError,
    load_samples,
    save_samples,
)


@dataclass
class SampleSet:
    """Samples of one kind of model and one spacing of places.

    Attributes:
        samples: all of them.
        spacing: distance between the places that were compared, along the path and across it [m]; None without samples.
        names: of their drives.
    """

    samples: list[ConfidenceSample] = field(default_factory=list)
    spacing: tuple[float, float] | None = None
    names: list[str] = field(default_factory=list)

    def add(self, name: str, path: Path, samples: Sequence[ConfidenceSample], spacing: tuple[float, float]) -> None:
        """Add the samples of a drive, which are stored at ``path``.

        Raises:
            SampleError: the spacing or the length of their rows differs from that of earlier samples.
        """
        if self.spacing is not None and spacing != self.spacing:
            raise SampleError(
                f"{path}: places every {_in_words(spacing)}, others every {_in_words(self.spacing)}: "
                "give samples of equal spacing"
            )
        if self.samples:
            _check_rows(path, samples, self.samples[0].row_scores.shape[1], "others")
        self.spacing = spacing
        self.samples += samples
        self.names.append(name)

    def add_file(self, path: Path, row_length: int | None, target: str) -> None:
        """Add the samples of a file. Its folder names the drive.

        Args:
            path: the file.
            row_length: of the model's samples; None accepts any.
            target: what has this row length, for the error message.

        Raises:
            SampleError: the file cannot be read, or its samples are of another kind.
        """
        samples, spacing = load_samples(path)
        self.add(path.absolute().parent.name, path, samples, spacing)
        if row_length is not None:
            _check_rows(path, samples, row_length, target)


def record_samples(
    gathered: SampleSet,
    drive: Drive,
    elsewhere: Sequence[Drive],
    bundle: ModelBundle,
    options: EvaluationOptions,
    out: Path,
    protocols: Sequence[str],
) -> tuple[Path, int]:
    """Compare a drive's images with its map, store the samples in the folder ``out``, and add them to the set.

    Returns:
        The file and the number of samples in it.

    Raises:
        LiplocError: the drive cannot be used, or the samples cannot be written or differ in kind.
    """
    samples = gather_samples(drive, elsewhere, bundle, options, protocols, progress=True)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(out, error) from error
    file = out / SAMPLES_FILE
    save_samples(file, samples, options.spacing)
    gathered.add(drive_of(drive.name), file, samples, options.spacing)
    return file, len(samples)


def _in_words(spacing: tuple[float, float]) -> str:
    return f"{spacing[0]:g} m" + (f" and {spacing[1]:g} m across" if spacing[1] else " on the path only")


def _check_rows(path: Path, samples: Sequence[ConfidenceSample], length: int, others: str) -> None:
    if (own := samples[0].row_scores.shape[1]) != length:
        raise SampleError(f"{path}: {own} row scores, {others} of {length}: give samples of one kind of model")
