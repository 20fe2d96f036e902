# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The pass of a LiDAR that the places of an evaluation are drawn from."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from liploc_ros.datasets.drive import Frame
from liploc_ros.geometry import Pose
from liploc_ros.mapping.drive_scans import DriveScans
from liploc_ros.mapping.places import path_distance
from liploc_ros.views import Scan, StaticScans
from liploc_ros.views.dynamic_removal import THOROUGH


@dataclass(frozen=True)
class MappedPass:
    """A pass of a vehicle with a LiDAR: the recorded one, or one that is simulated from it.

    Attributes:
        path: (N, 4, 4) base poses in driving order.
        scan_rows: (S,) rows of the path at which a scan was taken.
        scans: (S) in the same order; each is read or simulated when it is used.
        T_base_lidar: mount of the LiDAR.
        are_static: whether the scans have no points on moving objects.
        T_base_recorded: pose of the recorded vehicle's base in the base of this pass. Gaps are measured between
            recorded poses, so that a pass next to the recorded one is no farther away.
        T_base_forward: pose, in the base of this pass, of the base of a vehicle in the recorded direction whose LiDAR
            is at the same point. A place is as far from an image as this base is from that of the image.
    """

    path: NDArray[np.float64]
    scan_rows: NDArray[np.intp]
    scans: Sequence[Scan]
    T_base_lidar: Pose
    are_static: bool = False
    T_base_recorded: Pose = field(default_factory=lambda: np.eye(4))
    T_base_forward: Pose = field(default_factory=lambda: np.eye(4))

    @classmethod
    def recorded(cls, frames: Sequence[Frame], T_base_lidar: Pose) -> "MappedPass":
        """Return the pass of a drive's frames, which all have poses; those with points are its scans."""
        path = np.stack([np.eye(4) if f.T_map_base is None else f.T_map_base for f in frames])
        rows = [row for row, frame in enumerate(frames) if frame.read_points is not None]
        scans = DriveScans([frames[row] for row in rows], T_base_lidar)
        return cls(path, np.array(rows, np.intp), scans, T_base_lidar)

    def seen_from(self, recorded: "MappedPass") -> "MappedPass":
        """Return the scans of this pass with the path of the recorded one, on which places are then drawn."""
        return replace(self, path=recorded.path, T_base_recorded=np.eye(4), T_base_forward=np.eye(4))

    @cached_property
    def lidar_positions(self) -> NDArray[np.float64]:
        """(S, 3) positions of the LiDAR at the scans."""
        return np.asarray((self.path[self.scan_rows] @ self.T_base_lidar)[:, :3, 3])

    @cached_property
    def distance(self) -> NDArray[np.float64]:
        """(N,) distance driven at each pose [m]."""
        return path_distance(self.path)

    def recorded_positions(self, T_map_base: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the positions (P, 3) of the recorded vehicle for base poses (P, 4, 4) of this pass."""
        return np.asarray((T_map_base @ self.T_base_recorded)[:, :3, 3])

    def forward_positions(self, T_map_base: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the positions (P, 3) of vehicles in the recorded direction for base poses (P, 4, 4) of this pass."""
        return np.asarray((T_map_base @ self.T_base_forward)[:, :3, 3])

    def static_scan(self, index: int, observers: NDArray[np.bool_] | None = None) -> Scan:
        """Return a scan without points on moving objects.

        Args:
            index: which scan.
            observers: (S,) mask of the scans in which moving objects are searched; all if None.
        """
        return self.scans[index] if self.are_static else self._static_scans.static_scan(index, observers)

    @cached_property
    def thoroughly_static(self) -> StaticScans:
        """The scans without anything that may have moved, from which many are joined."""
        return StaticScans(self.scans, self.lidar_positions, THOROUGH)

    @cached_property
    def _static_scans(self) -> StaticScans:
        return StaticScans(self.scans, self.lidar_positions)
