# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Keyframes: the scans a map is drawn from."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liploc_ros.geometry import Pose, angle_difference, yaw_of
from liploc_ros.views import check_points, has_reflectance


@dataclass(frozen=True)
class Keyframe:
    """A scan with its pose.

    Attributes:
        stamp_ns: time of the scan.
        T_map_base: pose of the vehicle.
        T_base_lidar: where the LiDAR is mounted.
        read_points: returns the points (N, 4) in the LiDAR's frame, x, y, z [m] and reflectance 0 to 1.
    """

    stamp_ns: int
    T_map_base: Pose
    T_base_lidar: Pose
    read_points: Callable[[], NDArray[np.float32]]

    @property
    def points(self) -> NDArray[np.float32]:
        """The points (N, 4), read again if they are not in memory."""
        return self.read_points()

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
        unreadable: not used, because they are damaged or have no point that can be used.
        reason: why the first unreadable scan is damaged.
        without_reflectance: keyframes whose points have none.
    """

    kept: int = 0
    near: int = 0
    without_pose: int = 0
    unreadable: int = 0
    reason: str = ""
    without_reflectance: int = 0

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
        if self.unreadable:
            parts.append(f"{self.unreadable} unreadable ({self.reason})")
        if self.without_reflectance:
            parts.append(f"{self.without_reflectance} of those kept without reflectance (images are found less often)")
        return ", ".join(parts)


class KeyframeSelector:
    """Keeps the scans that are far enough from the last one kept, and the path between them."""

    def __init__(self, spacing: float, T_base_lidar: Pose, turning: float = np.inf, *, in_memory: bool = True) -> None:
        """Set when a scan is kept.

        Args:
            spacing: distance from the last one kept [m].
            T_base_lidar: where the LiDAR is mounted.
            turning: angle from the last one kept [degrees], after a quarter of the distance.
            in_memory: keep the points; otherwise they are read again when they are needed.
        """
        self._spacing, self._turning = spacing, np.deg2rad(turning)
        self._T_base_lidar, self._in_memory = T_base_lidar, in_memory
        self.keyframes: list[Keyframe] = []
        self.path: list[Pose] = []
        self.without_reflectance = 0
        """Keyframes whose points have no reflectance."""

    def add_scan(self, stamp_ns: int, T_map_base: Pose, read_points: Callable[[], NDArray[np.float32]]) -> bool:
        """Offer a scan; its points are read only if it is kept. Returns whether it was kept.

        Raises:
            PointsError: it has no point that can be used.
        """
        self.add_pose(T_map_base)
        if self.keyframes and not self._is_far(T_map_base, self.keyframes[-1].T_map_base):
            return False
        points = read_points()  # now, so that a scan that cannot be read is not kept
        check_points(points)
        read = (lambda: points) if self._in_memory else read_points
        self.keyframes.append(Keyframe(stamp_ns, T_map_base, self._T_base_lidar, read))
        self.without_reflectance += not has_reflectance(points)
        return True

    def _is_far(self, T_map_base: Pose, T_map_last: Pose) -> bool:
        moved = float(np.linalg.norm(T_map_base[:3, 3] - T_map_last[:3, 3]))
        turned = abs(float(angle_difference(yaw_of(T_map_base), yaw_of(T_map_last))))
        return moved >= self._spacing or (turned >= self._turning and moved >= self._spacing / 4)

    def add_pose(self, T_map_base: Pose) -> None:
        """Add a pose without a scan: places lie on the driven path, not on straight lines between keyframes."""
        if not self.path or np.linalg.norm(T_map_base[:3, 3] - self.path[-1][:3, 3]) > 0.1:
            self.path.append(T_map_base)
