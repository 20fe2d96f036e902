# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Keyframes: the scans a map is drawn from."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liploc_ros.geometry import Pose


@dataclass(frozen=True)
class Keyframe:
    """A scan with its pose: points (N, 4) in the LiDAR's frame, x, y, z [m] and reflectance 0 to 1."""

    stamp_ns: int
    T_map_base: Pose
    T_base_lidar: Pose
    points: NDArray[np.float32]

    @property
    def T_map_lidar(self) -> Pose:  # noqa: N802
        """Where the LiDAR was."""
        return self.T_map_base @ self.T_base_lidar


@dataclass
class ScanCounts:
    """What became of the scans of a recording.

    Attributes:
        kept: scans that are keyframes.
        near: not kept, because they are too near to the last keyframe.
        without_pose: not used, because there is no pose at their time.
        unreadable: not used, because they are damaged.
        reason: why the first unreadable scan is damaged.
    """

    kept: int = 0
    near: int = 0
    without_pose: int = 0
    unreadable: int = 0
    reason: str = ""

    @property
    def total(self) -> int:
        """All scans."""
        return self.kept + self.near + self.without_pose + self.unreadable

    @property
    def is_poor(self) -> bool:
        """Whether more than half of the scans could not be used."""
        return 2 * (self.without_pose + self.unreadable) > self.total

    def describe(self, spacing: float) -> str:
        """Return the counts on one line; ``spacing`` is the least distance between keyframes [m]."""
        parts = [
            f"{self.kept} of {self.total} scans kept",
            f"{self.near} closer than {spacing:g} m to the last one kept",
            f"{self.without_pose} without a pose",
        ]
        return ", ".join([*parts, *([f"{self.unreadable} unreadable ({self.reason})"] if self.unreadable else [])])


class KeyframeSelector:
    """Keeps the scans that are at least ``spacing`` metres from the last one kept, and the path between them."""

    def __init__(self, spacing: float, T_base_lidar: Pose) -> None:
        self._spacing = spacing
        self._T_base_lidar = T_base_lidar
        self.keyframes: list[Keyframe] = []
        self.path: list[Pose] = []

    def add_scan(self, stamp_ns: int, T_map_base: Pose, read_points: Callable[[], NDArray[np.float32]]) -> bool:
        """Offer a scan; its points are read only if it is kept. Returns whether it was kept."""
        self.add_pose(T_map_base)
        if self.keyframes:
            moved = T_map_base[:3, 3] - self.keyframes[-1].T_map_base[:3, 3]
            if np.linalg.norm(moved) < self._spacing:
                return False
        self.keyframes.append(Keyframe(stamp_ns, T_map_base, self._T_base_lidar, read_points()))
        return True

    def add_pose(self, T_map_base: Pose) -> None:
        """Add a pose without a scan: places lie on the driven path, not on straight lines between keyframes."""
        if not self.path or np.linalg.norm(T_map_base[:3, 3] - self.path[-1][:3, 3]) > 0.1:
            self.path.append(T_map_base)
