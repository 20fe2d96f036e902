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

FORMAT_VERSION = 5
SAMPLES_FILE = "samples.npz"
ARRAYS = (
    "format",
    "place_spacing",
    "map_lengths",
    "counts",
    "truths",
    "poses",
    "row_scores",
    "lateral",
    "similarity",
    "seen",
)
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
        lateral: (M,) distance of the place to the left of the mapped path [m].
        similarity: (M,) mean cosine, -1 to 1.
        seen: (M,) share of the cells of a view that both sides see, 0 to 1.
        truth: (3,) where the image was taken, or None for an image that was not taken on the map.
        map_length: length of path along which the map has places [m].
    """

    poses: PoseSE2
    row_scores: NDArray[np.float32]
    lateral: NDArray[np.float64]
    similarity: NDArray[np.float64]
    seen: NDArray[np.float64]
    truth: PoseSE2 | None
    map_length: float

    @property
    def is_on_map(self) -> bool:
        """Whether the image was taken on the map."""
        return self.truth is not None


def save_samples(path: Path, samples: Sequence[ConfidenceSample], place_spacing: tuple[float, float]) -> None:
    """Write samples to a file; ``place_spacing`` [m] is that of the maps, along the path and across it.

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
        "lateral": np.concatenate([sample.lateral for sample in samples]).astype(np.float32),
        "similarity": np.concatenate([sample.similarity for sample in samples]).astype(np.float32),
        "seen": np.concatenate([sample.seen for sample in samples]).astype(np.float32),
    }
    with open_atomic(path) as file:
        np.savez_compressed(file, **arrays)


def load_samples(path: Path) -> tuple[list[ConfidenceSample], tuple[float, float]]:
    """Return the samples of a file, and the place spacing of their maps, along the path and across it [m].

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
    parts = [np.split(arrays[name], ends) for name in ("poses", "row_scores", "lateral", "similarity", "seen")]
    samples = [
        ConfidenceSample(
            poses,
            scores,
            lateral.astype(np.float64),
            similarity.astype(np.float64),
            seen.astype(np.float64),
            None if np.isnan(truth).any() else truth,
            float(length),
        )
        for poses, scores, lateral, similarity, seen, truth, length in zip(
            *parts, arrays["truths"], arrays["map_lengths"], strict=True
        )
    ]
    along, across = map(float, arrays["place_spacing"])
    return samples, (along, across)


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
        "place_spacing": (2,),
        "map_lengths": (views,),
        "truths": (views, 3),
        "poses": (matches, 3),
        "row_scores": (matches, *columns),
        "lateral": (matches,),
        "similarity": (matches,),
        "seen": (matches,),
    }
    if any(shapes[name] != shape for name, shape in expected.items()):
        return "its arrays do not fit together"
    if len(columns) != 1 or columns[0] % 2 or not columns[0]:
        return "its arrays do not fit together"
    finite = all(np.isfinite(array).all() for name, array in arrays.items() if name != "truths")
    along, across = arrays["place_spacing"]
    positive = (arrays["map_lengths"] > 0).all() and along > 0 and across >= 0
    return "" if finite and positive else "its numbers are not finite, or lengths are not positive"
