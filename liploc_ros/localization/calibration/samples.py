"""Trials: views compared with a map, and where they were taken; what a calibration is fitted to."""

import struct
import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liploc_ros.errors import LiplocError
from liploc_ros.geometry.se2 import PoseSE2

FORMAT = 2
SAMPLES_FILE = "trials.npz"
DAMAGED = (
    *(ValueError, KeyError, EOFError, AttributeError, TypeError, NotImplementedError, RuntimeError, MemoryError),
    *(struct.error, zipfile.BadZipFile, zlib.error, tokenize.TokenError, SyntaxError, OverflowError, IndexError),
)
NAMES = ("format", "spacing", "lengths", "counts", "truths", "poses", "rows", "similarity")


class SampleError(LiplocError):
    """A file of trials that cannot be read."""


@dataclass(frozen=True)
class ConfidenceSample:
    """A view that was compared with a map.

    Attributes:
        poses: (M, 3) of the base, x, y [m] and yaw [rad], at which it was compared.
        rows: (M, 2 h) see :func:`~liploc_ros.localization.feature_comparison.compare`.
        similarity: (M,) mean cosine, -1 to 1.
        truth: (3,) where it was taken, or None if that is not on the map.
        path_length: of the map [m].
    """

    poses: PoseSE2
    rows: NDArray[np.float32]
    similarity: NDArray[np.float64]
    truth: PoseSE2 | None
    path_length: float


def save_samples(path: Path, trials: Sequence[ConfidenceSample], spacing: float) -> None:
    """Write trials to a file; ``spacing`` [m] is that of the map's places.

    Raises:
        SampleError: it cannot be written.
    """
    arrays: dict[str, Any] = {
        "format": np.array(FORMAT),
        "spacing": np.array(spacing),
        "lengths": np.array([trial.path_length for trial in trials]),
        "counts": np.array([len(trial.poses) for trial in trials]),
        "truths": np.array([np.full(3, np.nan) if t.truth is None else t.truth for t in trials]).reshape(-1, 3),
        "poses": np.concatenate([trial.poses for trial in trials]),
        "rows": np.concatenate([trial.rows for trial in trials]),
        "similarity": np.concatenate([trial.similarity for trial in trials]).astype(np.float32),
    }
    try:
        with path.open("wb") as file:
            np.savez_compressed(file, **arrays)
    except OSError as error:
        raise SampleError(f"{path}: cannot be written ({error.strerror}): choose another folder") from error


def load_samples(path: Path) -> tuple[list[ConfidenceSample], float]:
    """Return the trials of a file, and the spacing [m] of the places.

    Raises:
        SampleError: it is not one of :func:`save_samples`.
    """
    hint = "give trials.npz of `liploc evaluate --calibrate`"
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: np.asarray(stored[name]) for name in NAMES}
    except OSError as error:
        raise SampleError(f"{path}: {error.strerror or error}: {hint}") from error
    except DAMAGED as error:
        raise SampleError(f"{path}: no trials: {hint}") from error
    if why := _contradiction(arrays):
        raise SampleError(f"{path}: {why}: {hint}")
    ends = np.cumsum(arrays["counts"])[:-1]
    parts = [np.split(arrays[name], ends) for name in ("poses", "rows", "similarity")]
    trials = [
        ConfidenceSample(
            poses, rows, similarity.astype(np.float64), None if np.isnan(truth).any() else truth, float(length)
        )
        for poses, rows, similarity, truth, length in zip(*parts, arrays["truths"], arrays["lengths"], strict=True)
    ]
    return trials, float(arrays["spacing"])


def _contradiction(arrays: dict[str, NDArray[Any]]) -> str:
    """Return in words why arrays are no trials of this format; nothing if they are."""
    shapes = {name: array.shape for name, array in arrays.items()}
    if shapes["format"] or shapes["spacing"] or any(array.dtype.kind not in "fiu" for array in arrays.values()):
        return "no trials"
    if (version := int(arrays["format"])) != FORMAT:
        return f"trials of format {version}, this version reads {FORMAT}"
    counts = arrays["counts"]
    if counts.ndim != 1 or counts.dtype.kind not in "iu" or not len(counts) or (counts < 0).any():
        return "no trials in it"
    views, matches = len(counts), int(counts.sum())
    rows = shapes["rows"][1:]
    expected = {
        "lengths": (views,),
        "truths": (views, 3),
        "poses": (matches, 3),
        "rows": (matches, *rows),
        "similarity": (matches,),
    }
    if any(shapes[name] != shape for name, shape in expected.items()) or len(rows) != 1 or rows[0] % 2 or not rows[0]:
        return "its arrays do not fit together"
    finite = all(np.isfinite(arrays[name]).all() for name in ("poses", "rows", "similarity", "lengths"))
    positive = (arrays["lengths"] > 0).all() and 0 < arrays["spacing"] < np.inf
    return "" if finite and positive else "its numbers are not finite, or lengths not positive"
