# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Odometry from the transforms on /tf."""

from collections.abc import Callable
from typing import Any

from geometry_msgs.msg import PoseWithCovariance
from nav_msgs.msg import Odometry

from liploc_ros.datasets.pose_message import frame_name
from liploc_ros.nodes.common.conversions import pose_to_message
from liploc_ros.nodes.common.transforms import TransformBuffer, TransformError


class TfOdometry:
    """Poses of the base frame in the odometry frame from transforms, as nav_msgs/Odometry."""

    def __init__(self, odometry_frame: str, base_frame: str, callback: Callable[[Any], None]) -> None:
        """Start without transforms."""
        self._odometry_frame, self._base_frame = frame_name(odometry_frame), frame_name(base_frame)
        self._callback = callback
        self._buffer = TransformBuffer()
        self._parents: dict[str, str] = {}

    def add_static(self, msg: Any) -> None:
        """Add the transforms of a tf2_msgs/TFMessage on /tf_static."""
        self._buffer.add(msg)
        self._parents |= {frame_name(t.child_frame_id): frame_name(t.header.frame_id) for t in msg.transforms}

    def add(self, msg: Any) -> None:
        """Add the transforms of a tf2_msgs/TFMessage; the first that moves the base frame gives an odometry message."""
        self.add_static(msg)
        chain = self._chain()
        moved = next((item for item in msg.transforms if frame_name(item.child_frame_id) in chain), None)
        if moved is None:
            return
        try:
            T_odom_base = self._buffer.lookup(self._odometry_frame, self._base_frame)
        except TransformError:  # one of them is not valid
            return
        odometry = Odometry(child_frame_id=self._base_frame, pose=PoseWithCovariance(pose=pose_to_message(T_odom_base)))
        odometry.header.stamp, odometry.header.frame_id = moved.header.stamp, self._odometry_frame
        self._callback(odometry)

    def _chain(self) -> list[str]:
        """Return the frames from the base frame up to below the odometry frame; empty if that is not above."""
        chain = [self._base_frame]
        while (parent := self._parents.get(chain[-1])) != self._odometry_frame:
            if parent is None or parent in chain:
                return []
            chain.append(parent)
        return chain
