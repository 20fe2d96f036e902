# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The last pose, kept in a file across restarts."""

import os
import threading
from pathlib import Path

import numpy as np
from pydantic import ValidationError
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node

from liploc_ros.errors import LiplocError
from liploc_ros.files import FileError, write_file
from liploc_ros.geometry.se2 import SE2_AXES, se2_of
from liploc_ros.localization import Hypothesis, PosePrior
from liploc_ros.mapping import LidarMap
from liploc_ros.nodes.common.diagnostics import STEADY_CLOCK
from liploc_ros.nodes.common.logging import ThrottledLog
from liploc_ros.schema import FrozenModel, first_fault

WRITE_PERIOD = 2.0
"""Time between two writes [s]. A process that is killed loses the motion since the last one."""
RESTART_SIGMA = np.array([15.0, 15.0, 0.5])
"""Standard deviations of x, y [m] and yaw [rad] that are added at the start, for the motion since the last write."""


class StoredPose(FrozenModel):
    """Content of the file: JSON.

    Attributes:
        map_id: of the map that the pose is on.
        stamp_ns: of the image.
        pose: x, y [m] and yaw [rad] of the base in the map frame.
        covariance: 3 x 3 of them, row-major.
    """

    map_id: str
    stamp_ns: int
    pose: tuple[float, float, float]
    covariance: tuple[float, float, float, float, float, float, float, float, float]


class PoseFile:
    """Writes the last pose every two seconds and at the end, and reads it at the start."""

    def __init__(self, node: Node, path: Path, log: ThrottledLog) -> None:
        """Start a timer that writes.

        Raises:
            FileError: the file cannot be written.
        """
        self._path = path.expanduser().absolute()
        _check_writable(self._path)
        self._node, self._log = node, log
        self._lock = threading.Lock()
        self._unwritten: StoredPose | None = None
        group = MutuallyExclusiveCallbackGroup()
        self._timer = node.create_timer(WRITE_PERIOD, self.write, callback_group=group, clock=STEADY_CLOCK)

    def read(self, lidar_map: LidarMap) -> PosePrior | None:
        """Return the stored pose as a prior; None, with a warning, if there is none on this map."""
        if not self._path.exists():
            return None
        try:
            stored = StoredPose.model_validate_json(self._path.read_bytes())
            if stored.map_id != lidar_map.id:
                raise FileError(f"it is on the map {stored.map_id}, the map in use is {lidar_map.id}")
            covariance = np.array(stored.covariance).reshape(3, 3) + np.diag(RESTART_SIGMA**2)
            prior = PosePrior(np.array(stored.pose), covariance)
        except (OSError, LiplocError, ValidationError) as error:
            reason = first_fault(error) if isinstance(error, ValidationError) else str(error)
            self._node.get_logger().warning(f"{self._path}: the last pose is not used: {' '.join(reason.split())}")
            return None
        x, y, yaw = stored.pose
        self._node.get_logger().info(f"last pose of {self._path}: x {x:.1f} m, y {y:.1f} m, yaw {yaw:.2f} rad")
        return prior

    def store(self, pose: Hypothesis, stamp_ns: int, map_id: str) -> None:
        """Keep a pose, which the next write writes."""
        x, y, yaw = map(float, se2_of(pose.T_map_base))
        covariance = pose.covariance[SE2_AXES[:, None], SE2_AXES].ravel().tolist()
        with self._lock:
            self._unwritten = StoredPose(map_id=map_id, stamp_ns=stamp_ns, pose=(x, y, yaw), covariance=covariance)

    def write(self) -> None:
        """Write the last pose, if there is a new one. A failure is logged, and the next pose is tried again."""
        with self._lock:
            stored, self._unwritten = self._unwritten, None
        if stored is not None:
            try:
                write_file(self._path, stored.model_dump_json(indent=1) + "\n")
            except FileError as error:
                self._log.warn("pose_file", f"the last pose is not kept: {error}")

    def close(self) -> None:
        """Write the last pose and stop the timer."""
        self._node.destroy_timer(self._timer)
        self.write()


def _check_writable(path: Path) -> None:
    folder = next(parent for parent in path.parents if parent.exists())
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        what = "is a folder" if path.is_dir() else f"{folder} cannot be written to"
        raise FileError(f"parameter pose_file: {path}: {what}: choose another file")
