# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Parts of a drive: its last stretch held out, a stretch of limited length, and frames at a distance."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from liploc_ros.datasets.drive import DatasetError, Drive, Frame

GAP = 20.0  # [m] between what is trained on and what is held out: more than a LiDAR view of training reaches
MAX_HELD_OUT = 150.0  # [m]; a longer stretch costs more time than it tells
MIN_HELD_OUT = 25.0  # [m] in which places at least 8 m from a scan are found


class Division(NamedTuple):
    """A drive in two parts that are not close to each other. Frames without a pose are in neither.

    Attributes:
        kept: to be trained on.
        held_out: the end of the drive.
        length: of the part that is held out [m].
    """

    kept: Drive
    held_out: Drive
    length: float


def hold_out_end(drive: Drive, share: float, gap: float = GAP, max_length: float = MAX_HELD_OUT) -> Division:
    """Divide a drive into its last part, and what is at least ``gap`` away from it.

    A vehicle that comes back to the last part has no frames there in the kept part.

    Args:
        drive: a recording with poses.
        share: of its length that is held out, above 0 and below 1.
        gap: distance between the frames of the two parts [m].
        max_length: of the part that is held out [m].

    Raises:
        DatasetError: a part would be too short.
    """
    frames, positions = _posed(drive)
    driven = driven_distance(positions)
    length = min(share * driven[-1], max_length) if len(frames) else 0.0
    is_held_out = driven > (driven[-1] if len(frames) else 0.0) - length
    if length < MIN_HELD_OUT:
        total = driven[-1] if len(frames) else 0.0
        raise DatasetError(
            f"{drive.source}: {share:.0%} of its {total:.0f} m are {length:.0f} m, too short to measure recall: at "
            f"least {MIN_HELD_OUT:.0f} m are held out: give a longer --drive, or another one as --held-out, or train "
            "on everything with --held-out-share 0"
        )
    away = cKDTree(positions[is_held_out]).query(positions)[0]
    kept = away >= gap
    if not kept.any():
        raise DatasetError(
            f"{drive.source}: all of it is within {gap:.0f} m of its last {length:.0f} m: give another drive as "
            "--held-out, or --held-out-share 0"
        )
    return Division(
        replace(drive, frames=_select(frames, kept), part=f"without the last {length:.0f} m"),
        replace(drive, frames=_select(frames, is_held_out), part=f"last {length:.0f} m"),
        float(length),
    )


def far_from(drive: Drive, other: Drive, min_distance: float) -> Drive:
    """Return a drive with its frames at least ``min_distance`` [m] from all of another; as it is if there are none."""
    (frames, positions), others = _posed(drive), _posed(other)[1]
    if not len(frames) or not len(others):
        return drive
    far = cKDTree(others).query(positions)[0] >= min_distance
    return replace(drive, frames=_select(frames, far)) if far.any() else drive


def stretch(drive: Drive, max_length: float, max_frames: int = 0) -> Drive:
    """Return the first ``max_length`` metres of a drive, with at most ``max_frames`` of its frames (0: all)."""
    frames, positions = _posed(drive)
    within = np.flatnonzero(driven_distance(positions) <= max_length)
    if 0 < max_frames < len(within):
        within = within[np.linspace(0, len(within) - 1, max_frames).round().astype(int)]
    return replace(drive, frames=tuple(frames[i] for i in within))


def spread_frames(drive: Drive, min_distance: float, max_frames: int = 0) -> Drive:
    """Return a drive with frames at least ``min_distance`` [m] apart, and at most ``max_frames``, evenly chosen."""
    frames, positions = _posed(drive)
    chosen: list[int] = []
    for i, position in enumerate(positions):
        if not chosen or np.linalg.norm(position - positions[chosen[-1]]) >= min_distance:
            chosen.append(i)
    if 0 < max_frames < len(chosen):
        chosen = [chosen[i] for i in np.linspace(0, len(chosen) - 1, max_frames).round().astype(int)]
    return replace(drive, frames=tuple(frames[i] for i in chosen))


def with_unique_names(drives: Sequence[Drive]) -> list[Drive]:
    """Return drives whose names differ: bags of the same name are named with their folders, or else with numbers.

    Single frames keep their names.
    """
    renamed = _disambiguated(drives, lambda drive, number: f"{drive.source.absolute().parent.name}/{drive.name}")
    return _disambiguated(renamed, lambda drive, number: f"{drive.name} ({number})")


def _disambiguated(drives: Sequence[Drive], name: Callable[[Drive, int], str]) -> list[Drive]:
    """Rename the drives whose names occur several times."""
    counts, seen = Counter(drive.name for drive in drives if len(drive.frames) > 1), Counter[str]()
    renamed = []
    for drive in drives:
        seen[drive.name] += 1
        is_ambiguous = len(drive.frames) > 1 and counts[drive.name] > 1
        renamed.append(replace(drive, name=name(drive, seen[drive.name])) if is_ambiguous else drive)
    return renamed


def drive_length(drive: Drive) -> float:
    """Return the distance that was driven [m]."""
    positions = _posed(drive)[1]
    return float(driven_distance(positions)[-1]) if len(positions) else 0.0


def driven_distance(positions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the distance driven until each of the positions (N, 2) [m]."""
    if not len(positions):
        return np.zeros(0)
    return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(positions, axis=0), axis=1))])


def _posed(drive: Drive) -> tuple[list[Frame], NDArray[np.float64]]:
    """Return the frames with a pose, and their horizontal positions (N, 2)."""
    frames = [frame for frame in drive.frames if frame.T_map_base is not None]
    positions = [frame.T_map_base[:2, 3] for frame in frames if frame.T_map_base is not None]
    return frames, np.array(positions, np.float64).reshape(-1, 2)


def _select(frames: Sequence[Frame], mask: NDArray[np.bool_]) -> tuple[Frame, ...]:
    return tuple(frame for frame, is_kept in zip(frames, mask, strict=True) if is_kept)
