# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""A pass that was not recorded: in another lane, in the opposite direction, or with fewer beams."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.spatial import cKDTree

from liploc_ros.evaluation.scene.lidar_beams import ThinnedScans, beam_elevations
from liploc_ros.evaluation.scene.mapped_pass import MappedPass
from liploc_ros.evaluation.scene.simulated_scan import simulate_scan
from liploc_ros.geometry import Pose, inverse, pose_from_yaw, transform_points
from liploc_ros.schema import FrozenModel
from liploc_ros.views import Scan
from liploc_ros.views.lazy_sequence import LazySequence

SOURCE_DISTANCE = 12.0  # [m] of the recorded scans whose points a simulated scan sees
SOURCE_SPACING = 1.0  # [m] of recorded path between these scans; a standing vehicle adds nothing
SOURCES_IN_MEMORY = 64  # of 2 MB each
# What stands in the way of the simulated vehicle is left out: it could not have driven there.
HALF_WIDTH = 1.0  # [m] of the vehicle
MIN_HEIGHT, MAX_HEIGHT = 0.4, 2.5  # [m] above the road of what stands in the way
PATH_SPACING = 0.5  # [m] of the points of its path
GROUND_DISTANCE, GROUND_PERCENTILE = 8.0, 10  # [m] around a scan and percentile of z that give the height of the road


class PassConditions(FrozenModel):
    """How the pass that the map is drawn from differs from the recorded one."""

    lane: float | None = Field(
        None, ge=-20, le=20, allow_inf_nan=False, description="distance to the left of the recorded path [m]"
    )
    reverse: bool = Field(False, description="in the opposite direction")
    beams: int | None = Field(None, description="of the LiDAR: 64, 32 or 16")

    @property
    def is_recorded(self) -> bool:
        """Whether the pass is the recorded one."""
        return self == PassConditions()

    def apply(self, recorded: MappedPass, *, remove_dynamic: bool = True) -> MappedPass:
        """Return the pass under these conditions.

        On the recorded path its scans are the recorded ones. On another path they are simulated from the points of all
        recorded scans within 12 m, with occlusion, and without moving objects if ``remove_dynamic``.
        """
        T_forward_base = _turned(recorded.T_base_lidar) if self.reverse else np.eye(4)
        T_recorded_base = _shifted_left(self.lane or 0.0) @ T_forward_base
        scans: Sequence[Scan] = recorded.scans
        if self.lane is not None:
            scans = SimulatedScans(recorded, self.lane, self.beams or 64, remove_dynamic=remove_dynamic)
        elif self.beams is not None:
            scans = ThinnedScans(scans, self.beams)
        return replace(
            recorded,
            path=recorded.path @ T_recorded_base,
            scans=scans,
            are_static=self.lane is not None,
            T_base_recorded=inverse(T_recorded_base),
            T_base_forward=inverse(T_forward_base),
        )


class SimulatedScans(LazySequence[Scan]):
    """The scans of a vehicle that drives next to the recorded path, one for each recorded scan."""

    def __init__(self, recorded: MappedPass, lane: float, beams: int, *, remove_dynamic: bool = True) -> None:
        """Take the recorded pass, and the distance ``lane`` [m] of the other one to its left."""
        self._recorded = recorded
        self._beams = beam_elevations(beams)
        self._remove_dynamic = remove_dynamic
        T_recorded_lidar = _shifted_left(lane) @ recorded.T_base_lidar
        self._T_map_lidar = recorded.path[recorded.scan_rows] @ T_recorded_lidar
        driven = recorded.distance
        even = np.arange(0.0, driven[-1] + PATH_SPACING, PATH_SPACING)
        driven_path = (recorded.path @ T_recorded_lidar)[:, :2, 3].T
        self._vehicle = cKDTree(np.column_stack([np.interp(even, driven, axis) for axis in driven_path]))
        self._spread = np.unique(np.floor(driven[recorded.scan_rows] / SOURCE_SPACING), return_index=True)[1]
        self._source = lru_cache(SOURCES_IN_MEMORY)(self._read_source)
        self._simulated = lru_cache(SOURCES_IN_MEMORY)(self._simulate)

    def __len__(self) -> int:
        return len(self._T_map_lidar)

    def item(self, index: int) -> Scan:
        """Return a scan."""
        return self._simulated(index)

    def _simulate(self, index: int) -> Scan:
        T_lidar_map = inverse(self._T_map_lidar[index])
        positions = self._recorded.lidar_positions
        away = np.linalg.norm(positions[self._spread] - positions[index], axis=1)
        clouds = [self._source(int(k)) for k in self._spread[away < SOURCE_DISTANCE]]
        points = np.concatenate(
            [np.column_stack([transform_points(T_lidar_map @ c.T_map_lidar, c.points), c.points[:, 3]]) for c in clouds]
        )
        return Scan(simulate_scan(points, self._beams), self._T_map_lidar[index])

    def _read_source(self, index: int) -> Scan:
        """Return a recorded scan without moving objects, and without what stands in the way."""
        recorded = self._recorded
        scan = recorded.thoroughly_static.static_scan(index) if self._remove_dynamic else recorded.scans[index]
        return scan.without(self._stands_in_the_way(scan))

    def _stands_in_the_way(self, scan: Scan) -> NDArray[np.bool_]:
        height, away = scan.points[:, 2], np.hypot(scan.points[:, 0], scan.points[:, 1])
        near = height[away < GROUND_DISTANCE]
        if not len(near):
            return np.zeros(len(height), bool)
        height = height - np.percentile(near, GROUND_PERCENTILE)
        in_the_way = (height > MIN_HEIGHT) & (height < MAX_HEIGHT)
        positions = transform_points(scan.T_map_lidar, scan.points[in_the_way])[:, :2]
        distance = self._vehicle.query(positions, distance_upper_bound=HALF_WIDTH)[0]
        in_the_way[in_the_way] = distance < HALF_WIDTH
        return np.asarray(in_the_way)


def _shifted_left(distance: float) -> Pose:
    T = np.eye(4)
    T[1, 3] = distance
    return T


def _turned(T_base_lidar: Pose) -> Pose:
    """Return the base pose of a vehicle in the opposite direction whose LiDAR is where that of the recorded one is."""
    T = pose_from_yaw(0.0, 0.0, 0.0, np.pi)
    T[:3, 3] = T_base_lidar[:3, 3] - T[:3, :3] @ T_base_lidar[:3, 3]
    return T
