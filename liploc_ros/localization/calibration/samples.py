# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Confidence samples: views compared with a map, and where they were taken; the confidence model is fitted to them."""

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
from liploc_ros.files import open_atomic
from liploc_ros.geometry.se2 import PoseSE2

FORMAT_VERSION = 3
SAMPLES_FILE = "samples.npz"
ARRAYS = ("format", "place_spacing", "map_lengths", "counts", "truths", "poses", "row_scores", "similarity")
REMEDY = f"give {SAMPLES_FILE} of `liploc calibrate`"
DAMAGED = (  # what numpy and zipfile raise for damaged archives
    *(ValueError, KeyError, EOFError, AttributeError, TypeError, NotImplementedError, RuntimeError, MemoryError),
    *(struct.error, zipfile.BadZipFile, zlib.error, tokenize.TokenError, SyntaxError, OverflowError, IndexError),
)


class SampleError(LiplocError):
    """Confidence samples that cannot be read or do not fit together."""


@dataclass(frozen=True)
class ConfidenceSample:
    """A view that was compared with a map.

    Attributes:
        poses: (M, 3) of the base at which it was compared, x, y [m] and yaw [rad].
        row_scores: (M, 2 h) see :func:`~liploc_ros.localization.feature_comparison.compare_features`.
        similarity: (M,) mean cosine, -1 to 1.
        truth: (3,) where the image was taken, or None for an image that was not taken on the map.
        map_length: length of path along which the map has places [m].
    """

    poses: PoseSE2
    row_scores: NDArray[np.float32]
    similarity: NDArray[np.float64]
    truth: PoseSE2 | None
    map_length: float

    @property
    def is_on_map(self) -> bool:
        """Whether the image was taken on the map."""
        return self.truth is not None


def save_samples(path: Path, samples: Sequence[ConfidenceSample], place_spacing: float) -> None:
    """Write samples to a file; ``place_spacing`` [m] is that of the maps.

    Raises:
        FileError: it cannot be written.
    """
    arrays: dict[str, Any] = {
        "format": np.array(FORMAT_VERSION),
        "place_spacing": np.array(place_spacing),
        "map_lengths": np.array([sample.map_length for sample in samples]),
        "counts": np.array([len(sample.poses) for sample in samples]),
        "truths": np.array([np.full(3, np.nan) if s.truth is None else s.truth for s in samples]).reshape(-1, 3),
        "poses": np.concatenate([sample.poses for sample in samples]),
        "row_scores": np.concatenate([sample.row_scores for sample in samples]),
        "similarity": np.concatenate([sample.similarity for sample in samples]).astype(np.float32),
    }
    with open_atomic(path) as file:
        np.savez_compressed(file, **arrays)


def load_samples(path: Path) -> tuple[list[ConfidenceSample], float]:
    """Return the samples of a file, and the place spacing [m] of their maps.

    Raises:
        SampleError: the file was not written by :func:`save_samples`, or is damaged.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: np.asarray(stored[name]) for name in stored.files if name in ARRAYS}
    except OSError as error:
        raise SampleError(f"{path}: {error.strerror or error}: {REMEDY}") from error
    except DAMAGED as error:
        raise SampleError(f"{path}: contains no samples: {REMEDY}") from error
    if fault := _fault(arrays):
        raise SampleError(f"{path}: {fault}: {REMEDY}")
    ends = np.cumsum(arrays["counts"])[:-1]
    parts = [np.split(arrays[name], ends) for name in ("poses", "row_scores", "similarity")]
    samples = [
        ConfidenceSample(
            poses, scores, similarity.astype(np.float64), None if np.isnan(truth).any() else truth, float(length)
        )
        for poses, scores, similarity, truth, length in zip(
            *parts, arrays["truths"], arrays["map_lengths"], strict=True
        )
    ]
    return samples, float(arrays["place_spacing"])


def _fault(arrays: dict[str, NDArray[Any]]) -> str:
    """Return why arrays are not samples of this format, or an empty text."""
    version = arrays.get("format")
    if version is None or version.shape or version.dtype.kind not in "iu":
        return "contains no samples"
    if int(version) != FORMAT_VERSION:
        return f"samples of format {int(version)}, this version reads {FORMAT_VERSION}"
    if set(arrays) != set(ARRAYS) or any(array.dtype.kind not in "fiu" for array in arrays.values()):
        return "contains no samples"
    shapes = {name: array.shape for name, array in arrays.items()}
    counts = arrays["counts"]
    if counts.ndim != 1 or counts.dtype.kind not in "iu" or not len(counts) or (counts < 0).any():
        return "contains no samples"
    views, matches, columns = len(counts), int(counts.sum()), shapes["row_scores"][1:]
    expected = {
        "place_spacing": (),
        "map_lengths": (views,),
        "truths": (views, 3),
        "poses": (matches, 3),
        "row_scores": (matches, *columns),
        "similarity": (matches,),
    }
    if any(shapes[name] != shape for name, shape in expected.items()):
        return "its arrays do not fit together"
    if len(columns) != 1 or columns[0] % 2 or not columns[0]:
        return "its arrays do not fit together"
    finite = all(np.isfinite(arrays[name]).all() for name in ("poses", "row_scores", "similarity", "map_lengths"))
    positive = (arrays["map_lengths"] > 0).all() and 0 < arrays["place_spacing"] < np.inf
    return "" if finite and positive else "its numbers are not finite, or lengths are not positive"
