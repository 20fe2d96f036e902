# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Places: poses along the path, and beside it, at which the map is drawn."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation, Slerp

from liploc_ros.mapping.config import MapConfig

SAME_SPOT = 0.2  # metres within which a path pose may be that of a keyframe
BLOCK = 512  # poses that are compared at a time


@dataclass(frozen=True)
class Places:
    """The places of a map.

    Attributes:
        T_map_base: (P, 4, 4) poses.
        keyframes: (P, k) indices of the scans that each place is drawn from; the last is repeated if there are fewer.
        station: (P,) number of the place on the path that each place is at or beside, in driving order.
        lateral: (P,) distance to the left of the path [m].
    """

    T_map_base: NDArray[np.float64]
    keyframes: NDArray[np.intp]
    station: NDArray[np.intp] = field(default_factory=lambda: np.zeros(0, np.intp))
    lateral: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        """Without stations, all places are on the path."""
        if len(self.station) != len(self.T_map_base):
            object.__setattr__(self, "station", np.arange(len(self.T_map_base)))
            object.__setattr__(self, "lateral", np.zeros(len(self.T_map_base)))

    def drawn_from(self, place: int) -> list[int]:
        """Return the keyframes that a place is drawn from, without repetitions."""
        return list(dict.fromkeys(self.keyframes[place].tolist()))

    def with_lateral_places(
        self, offsets: NDArray[np.float64], is_free: Callable[[int], NDArray[np.bool_]]
    ) -> "Places":
        """Return these places, which are on the path, and those beside each of them, from right to left.

        Args:
            offsets: (L,) distances to the left of the path [m]; one of them is 0.
            is_free: returns for a place on the path at which offsets (L,) there are places.
        """
        free = np.array([is_free(place) for place in range(len(self.T_map_base))]) | (offsets == 0)
        station, lane = np.nonzero(free)
        T_base_place = np.tile(np.eye(4), (len(station), 1, 1))
        T_base_place[:, 1, 3] = offsets[lane]
        return Places(self.T_map_base[station] @ T_base_place, self.keyframes[station], station, offsets[lane])


def places_along(path: NDArray[np.float64], keyframes: NDArray[np.float64], config: MapConfig) -> Places:
    """Return places at regular distances along the path.

    Args:
        path: (N, 4, 4) base poses in driving order; contains the keyframes' poses.
        keyframes: (K, 4, 4) base poses of the keyframes, in the same order.
        config: spacing, scans per place and largest gap.
    """
    distance = path_distance(path)
    keyframe_distance = distance[_rows_on_path(path, keyframes)]
    place_distance = _spaced(keyframe_distance, config)
    chosen = _nearest_on_both_sides(keyframe_distance, place_distance, config.scans_per_place)
    return Places(_poses_at(path, distance, place_distance), chosen)


def path_distance(path: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the (N,) distances driven [m] up to each pose (N, 4, 4)."""
    return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path[:, :3, 3], axis=0), axis=1))])


def _rows_on_path(path: NDArray[np.float64], keyframes: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the path pose of each keyframe, in order, so that crossings are not confused.

    It is the first one that is near enough: a later pass over the same spot is another part of the path. Only poses up
    to that one are looked at, so the time is proportional to the length of the path.
    """
    rows, start = [], 0
    for keyframe in keyframes:
        start += _first_near(path[start:, :3, 3], keyframe[:3, 3])
        rows.append(start)
    return np.array(rows)


def _first_near(positions: NDArray[np.float64], position: NDArray[np.float64]) -> int:
    """Return the first of positions (N, 3) within ``SAME_SPOT`` of one (3,); the nearest if there is none."""
    nearest, nearest_distance = 0, np.inf
    for first in range(0, len(positions), BLOCK):
        distance = np.linalg.norm(positions[first : first + BLOCK] - position, axis=1)
        near = np.flatnonzero(distance <= SAME_SPOT)
        if len(near):
            return first + int(near[0])
        if distance.min() < nearest_distance:
            nearest, nearest_distance = first + int(distance.argmin()), float(distance.min())
    return nearest


def _spaced(keyframe_distance: NDArray[np.float64], config: MapConfig) -> NDArray[np.float64]:
    """Return the distances along the path of the places: between keyframes, but not in gaps above ``max_gap``."""
    pieces = [keyframe_distance[:1]]
    for start, end in pairwise(keyframe_distance):
        steps = max(1, round((end - start) / config.place_spacing))
        pieces.append(np.linspace(start, end, steps + 1)[1:] if end - start <= config.max_gap else np.array([end]))
    return np.concatenate(pieces)


def _nearest_on_both_sides(
    keyframe_distance: NDArray[np.float64], place_distance: NDArray[np.float64], count: int
) -> NDArray[np.intp]:
    """Return (P, count) keyframes, alternating between the nearest behind and the nearest ahead."""
    ahead = np.searchsorted(keyframe_distance, place_distance - 1e-6)
    # ahead, behind, one farther ahead, one farther behind, ...
    offsets = [n // 2 if n % 2 == 0 else -(n + 1) // 2 for n in range(count)]
    chosen = ahead[:, None] + np.array(offsets)[None]
    return np.asarray(np.clip(chosen, 0, len(keyframe_distance) - 1), dtype=np.intp)


def _poses_at(
    path: NDArray[np.float64], distance: NDArray[np.float64], place_distance: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return poses (P, 4, 4) at distances along the path: linear in position, slerp in rotation."""
    T = np.tile(np.eye(4), (len(place_distance), 1, 1))
    # Without the poses of a standing vehicle, each distance has one pose.
    moving = np.concatenate([[True], np.diff(distance) > 1e-9])
    distance, path = distance[moving], path[moving]
    if len(path) == 1:
        T[:] = path[0]
        return T
    place_distance = np.clip(place_distance, distance[0], distance[-1])
    for axis in range(3):
        T[:, axis, 3] = np.interp(place_distance, distance, path[:, axis, 3])
    T[:, :3, :3] = Slerp(distance, Rotation.from_matrix(path[:, :3, :3]))(place_distance).as_matrix()
    return T
