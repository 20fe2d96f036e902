"""Places: poses along the path at which the map is drawn."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation, Slerp

from liploc_ros.mapping.config import MapConfig


@dataclass(frozen=True)
class Places:
    """Poses ``T_map_base`` (P, 4, 4), and ``keyframes`` (P, k), the indices of the scans to draw each place from.

    Where there are fewer than k keyframes the last is repeated.
    """

    T_map_base: NDArray[np.float64]
    keyframes: NDArray[np.intp]

    def drawn_from(self, place: int) -> list[int]:
        """Return the keyframes that a place is drawn from, each once."""
        return list(dict.fromkeys(self.keyframes[place].tolist()))


def places_along(path: NDArray[np.float64], keyframes: NDArray[np.float64], config: MapConfig) -> Places:
    """Place the places.

    Args:
        path: (N, 4, 4) base poses in the order driven; contains the keyframes' poses.
        keyframes: (K, 4, 4) base poses of the keyframes, in the same order.
        config: spacing, scans a place and longest gap.
    """
    along = arc_length(path)
    keyframes_along = along[_rows_on_path(path, keyframes)]
    wanted = _spaced(keyframes_along, config)
    chosen = _nearest_on_both_sides(keyframes_along, wanted, config.scans_per_place)
    return Places(_poses_at(path, along, wanted), chosen)


def arc_length(path: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the (N,) distances driven [m] up to each pose (N, 4, 4)."""
    return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path[:, :3, 3], axis=0), axis=1))])


def _rows_on_path(path: NDArray[np.float64], keyframes: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return which path pose each keyframe is nearest to, in order, so that crossings are not mixed up."""
    rows, start = [], 0
    for keyframe in keyframes:
        distance = np.linalg.norm(path[start:, :3, 3] - keyframe[:3, 3], axis=1)
        # The first pose within a hand's breadth; a later pass over the same spot is another part of the path.
        near = np.flatnonzero(distance <= distance.min() + 0.2)
        start += int(near[0])
        rows.append(start)
    return np.array(rows)


def _spaced(keyframes_along: NDArray[np.float64], config: MapConfig) -> NDArray[np.float64]:
    """Return the distances along the path at which places stand: between keyframes, but not in long gaps."""
    pieces = [keyframes_along[:1]]
    for start, end in pairwise(keyframes_along):
        steps = max(1, round((end - start) / config.place_spacing))
        pieces.append(np.linspace(start, end, steps + 1)[1:] if end - start <= config.longest_gap else np.array([end]))
    return np.concatenate(pieces)


def _nearest_on_both_sides(
    keyframes_along: NDArray[np.float64], wanted: NDArray[np.float64], count: int
) -> NDArray[np.intp]:
    """Return (P, count) keyframes, alternating between the nearest behind and the nearest ahead."""
    ahead = np.searchsorted(keyframes_along, wanted - 1e-6)
    # ahead, behind, one farther ahead, one farther behind, ...
    offsets = [n // 2 if n % 2 == 0 else -(n + 1) // 2 for n in range(count)]
    chosen = ahead[:, None] + np.array(offsets)[None]
    return np.asarray(np.clip(chosen, 0, len(keyframes_along) - 1), dtype=np.intp)


def _poses_at(
    path: NDArray[np.float64], along: NDArray[np.float64], wanted: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return poses (P, 4, 4) at distances along the path: linear in position, slerp in rotation."""
    T = np.tile(np.eye(4), (len(wanted), 1, 1))
    if len(path) == 1:
        T[:] = path[0]
        return T
    moving = np.concatenate(
        [[True], np.diff(along) > 1e-9]
    )  # standing still twice would be one distance with two poses
    along, path = along[moving], path[moving]
    if len(path) == 1:
        T[:] = path[0]
        return T
    wanted = np.clip(wanted, along[0], along[-1])
    for axis in range(3):
        T[:, axis, 3] = np.interp(wanted, along, path[:, axis, 3])
    T[:, :3, :3] = Slerp(along, Rotation.from_matrix(path[:, :3, :3]))(wanted).as_matrix()
    return T
