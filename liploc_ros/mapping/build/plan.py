# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""What is built where: follows from poses alone, so that it is the same whatever was built before."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liploc_ros.mapping.build.selection import Session
from liploc_ros.mapping.config import MapConfig
from liploc_ros.mapping.keyframes import Keyframe
from liploc_ros.mapping.lattice import tile_numbers
from liploc_ros.mapping.places import Places, path_distance, places_along
from liploc_ros.mapping.tile_manifest import MapError

OBSERVER_REACH = 40.0  # metres along the path from which keyframes are compared to find moving objects
MIN_OBSERVERS = 2  # keyframes before and after, however far apart they are


@dataclass(frozen=True)
class BuildPlan:
    """The places on the path, and the tiles that they are in.

    Attributes:
        keyframes: of all sessions, one session after another.
        session: (K,) of each keyframe.
        places: on the path. Stations of two sessions are not consecutive.
        tile: (P,) number of the tile of each place.
        view_origin: of the views in the base frame [m].
        path_length: of all sessions together [m].
    """

    keyframes: Sequence[Keyframe]
    session: NDArray[np.intp]
    places: Places
    tile: NDArray[np.intp]
    view_origin: tuple[float, float, float]
    path_length: float

    @classmethod
    def of(cls, sessions: Sequence[Session], config: MapConfig) -> "BuildPlan":
        """Return the plan of a map of one or several sessions, all in the same map frame.

        Raises:
            MapError: no keyframes, or the LiDAR is mounted differently in two sessions and no view origin is given.
        """
        sessions = [session for session in sessions if session.keyframes]
        if not sessions:
            raise MapError("no keyframes to build a map from: give scans with poses")
        keyframes = [keyframe for session in sessions for keyframe in session.keyframes]
        poses, drawn_from = [], []
        stations: list[NDArray[np.intp]] = []
        length, first = 0.0, 0
        for session in sessions:
            keyframe_poses = np.stack([k.T_map_base for k in session.keyframes])
            path = np.stack(session.path) if len(session.path) else keyframe_poses
            places = places_along(path, keyframe_poses, config)
            poses.append(places.T_map_base)
            drawn_from.append(places.keyframes + first)
            stations.append(places.station + (stations[-1][-1] + 2 if stations else 0))
            length, first = length + float(path_distance(path)[-1]), first + len(keyframe_poses)
        T_map_base, station = np.concatenate(poses), np.concatenate(stations)
        return cls(
            keyframes,
            np.repeat(np.arange(len(sessions)), [len(session.keyframes) for session in sessions]),
            Places(T_map_base, np.concatenate(drawn_from), station, np.zeros(len(station))),
            tile_numbers(T_map_base[:, :3, 3], station, config.tile_length),
            _view_origin(sessions, config),
            length,
        )

    @property
    def tiles(self) -> int:
        """Number of tiles."""
        return int(self.tile[-1]) + 1

    def places_of(self, tile: int) -> NDArray[np.intp]:
        """Return the rows of the places on the path that are in a tile."""
        first, end = np.searchsorted(self.tile, [tile, tile + 1])  # tiles are in the order of the places
        return np.arange(first, end)

    def own_keyframes(self, tile: int) -> range:
        """Return the keyframes that are stored in a tile: from the first one drawn there up to that of the next."""
        return range(self._first_keyframe(tile), self._first_keyframe(tile + 1))

    def used_keyframes(self, tile: int) -> range:
        """Return the keyframes that a tile is drawn from, and those that are compared to find moving objects."""
        drawn = self.places.keyframes[self.places_of(tile)]
        first, last = int(drawn.min()), int(drawn.max())
        positions = np.stack([k.T_map_base[:3, 3] for k in self._near(first, last)])
        distance = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(positions, axis=0), axis=1))])
        low = self._near_range(first, last).start
        before = distance[first - low] - distance
        after = distance - distance[last - low]
        same = self.session[low : low + len(positions)] == self.session[first]
        number = np.arange(low, low + len(positions))
        within = (before <= OBSERVER_REACH) & (after <= OBSERVER_REACH)
        within |= (number >= first - MIN_OBSERVERS) & (number <= last + MIN_OBSERVERS)
        chosen = number[within & same]
        return range(int(chosen[0]), int(chosen[-1]) + 1)

    def sha256(self) -> str:
        """Return the hash of everything that the plan says, without the points of the keyframes."""
        digest = hashlib.sha256()
        for array in (self.places.T_map_base, self.places.keyframes, self.places.station, self.tile, self.session):
            digest.update(np.ascontiguousarray(array).tobytes())
        for keyframe in self.keyframes:
            digest.update(f"{keyframe.stamp_ns}".encode() + np.ascontiguousarray(keyframe.T_map_lidar).tobytes())
        digest.update(repr(self.view_origin).encode())
        return digest.hexdigest()

    def _first_keyframe(self, tile: int) -> int:
        if tile == 0:
            return 0
        if tile >= self.tiles:
            return len(self.keyframes)
        return int(self.places.keyframes[self.places_of(tile)[0]].min())

    def _near_range(self, first: int, last: int) -> range:
        """Return more keyframes than can be needed: a vehicle may stand or drive in a circle."""
        count = 200
        return range(max(0, first - count), min(len(self.keyframes), last + count + 1))

    def _near(self, first: int, last: int) -> list[Keyframe]:
        return [self.keyframes[k] for k in self._near_range(first, last)]


def _view_origin(sessions: Sequence[Session], config: MapConfig) -> tuple[float, float, float]:
    if config.view_origin is not None:
        x, y, z = config.view_origin
        return x, y, z
    origins = [session.keyframes[0].T_base_lidar[:3, 3] for session in sessions]
    for session, origin in zip(sessions, origins, strict=True):
        if not np.allclose(origin, origins[0], atol=1e-3):
            names = [s.source.name if s.source else "a session" for s in (sessions[0], session)]
            raise MapError(
                f"{names[1]}: its LiDAR is at {np.round(origin, 3).tolist()} m in the base frame, that of {names[0]} "
                f"at {np.round(origins[0], 3).tolist()} m: give the origin of the views (--view-origin)"
            )
    x, y, z = origins[0].tolist()
    return x, y, z
