"""Trials: views compared with a map, and where they were taken; what a calibration is fitted to."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liploc_ros.errors import LiplocError
from liploc_ros.localization.planar import Planar

FORMAT = 1


class TrialError(LiplocError):
    """A file of trials that cannot be read."""


@dataclass(frozen=True)
class Trial:
    """A view that was compared with a map.

    Attributes:
        poses: (M, 3) of the base, x, y [m] and yaw [rad], at which it was compared.
        rows: (M, 2 h) see :func:`~liploc_ros.localization.evidence.compare`.
        similarity: (M,) mean cosine, -1 to 1.
        truth: (3,) where it was taken, or None if that is not on the map.
    """

    poses: Planar
    rows: NDArray[np.float32]
    similarity: NDArray[np.float64]
    truth: Planar | None


def save_trials(path: Path, trials: Sequence[Trial], spacing: float) -> None:
    """Write trials to a file; ``spacing`` [m] is that of the map's places.

    Raises:
        TrialError: it cannot be written.
    """
    arrays: dict[str, Any] = {
        "format": np.array(FORMAT),
        "spacing": np.array(spacing),
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
        raise TrialError(f"{path}: cannot be written ({error.strerror}): choose another folder") from error


def load_trials(path: Path) -> tuple[list[Trial], float]:
    """Return the trials of a file, and the spacing [m] of the places.

    Raises:
        TrialError: it is not one of :func:`save_trials`.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            ends = np.cumsum(stored["counts"])[:-1]
            parts = [np.split(stored[name], ends) for name in ("poses", "rows", "similarity")]
            truths, spacing = stored["truths"], float(stored["spacing"])
    except OSError as error:
        raise TrialError(
            f"{path}: {error.strerror or error}: give trials.npz of `liploc evaluate --calibrate`"
        ) from error
    except (ValueError, KeyError, EOFError, AttributeError) as error:
        raise TrialError(f"{path}: no trials: give trials.npz of `liploc evaluate --calibrate`") from error
    trials = [
        Trial(poses, rows, similarity.astype(np.float64), None if np.isnan(truth).any() else truth)
        for poses, rows, similarity, truth in zip(*parts, truths, strict=True)
    ]
    return trials, spacing
