# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Broadcasting the transform from map to odometry frame (REP-105), from the published poses."""

import threading
from typing import Any

from geometry_msgs.msg import Transform, TransformStamped, Vector3
from rclpy.node import Node

from liploc_ros.errors import LiplocError
from liploc_ros.geometry import Pose, inverse
from liploc_ros.nodes.common import ros_libraries
from liploc_ros.nodes.common.conversions import header_at, pose_to_message
from liploc_ros.nodes.common.diagnostics import Health, Level
from liploc_ros.nodes.common.logging import ThrottledLog
from liploc_ros.nodes.common.qos import NO_PUBLISHER_EVENTS, QOS_OVERRIDES
from liploc_ros.nodes.localizer.odometry import OdometryInput, OdometryUpdate


class BroadcastError(LiplocError):
    """Transforms cannot be broadcast."""


def broadcast_obstacle(*, has_odometry: bool) -> str:
    """Return in one line why transforms cannot be broadcast, or an empty string."""
    if ros_libraries.tf_message_type() is None:
        return (
            "publish_tf needs tf2_msgs, which is not installed: apt install ros-$ROS_DISTRO-tf2-msgs, or set "
            "publish_tf to false"
        )
    return "" if has_odometry else "publish_tf needs odometry: set the parameter odometry_topic"


class MapToOdom:
    """Broadcasts map -> odometry frame with each odometry message, from the first published pose on."""

    def __init__(self, node: Node, odometry: OdometryInput | None, map_frame: str, log: ThrottledLog) -> None:
        """Subscribe to odometry updates.

        Raises:
            BroadcastError: there is no odometry, or tf2_msgs is not installed.
        """
        message_type = ros_libraries.tf_message_type()
        if message_type is None or odometry is None:
            raise BroadcastError(broadcast_obstacle(has_odometry=odometry is not None))
        self._node, self._odometry, self._log, self._message_type = node, odometry, log, message_type
        self._lock = threading.Lock()
        self._publisher = node.create_publisher(
            message_type, "/tf", 100, event_callbacks=NO_PUBLISHER_EVENTS, qos_overriding_options=QOS_OVERRIDES
        )
        self.set_map_frame(map_frame)
        odometry.add_listener(self._on_odometry)

    def set_map_frame(self, map_frame: str) -> None:
        """Continue with another map; nothing is broadcast until its first pose."""
        with self._lock:
            self._map_frame = map_frame
            self._clear()

    def reset(self) -> None:
        """Stop broadcasting until the next pose, after time jumped back."""
        with self._lock:
            self._clear()

    def _clear(self) -> None:
        self._T_map_odom: Pose | None = None
        self._fault = ""

    def close(self) -> None:
        """Stop broadcasting."""
        self._odometry.remove_listener(self._on_odometry)
        self.reset()
        self._node.destroy_publisher(self._publisher)

    def update(self, stamp_ns: int, T_map_base: Pose) -> None:
        """Compute the transform from a published pose. Without odometry at its time the previous transform stays."""
        with self._lock:
            T_odom_base = self._odometry.pose_at(stamp_ns)
            if T_odom_base is not None:
                self._T_map_odom = T_map_base @ inverse(T_odom_base)
                self._fault = ""
                return
            fault = self._fault = (
                f"no odometry on {self._odometry.topic} at the time of the image: transform from {self._map_frame!r} "
                f"to {self._odometry.frame_id or 'odom'!r} not updated; start the odometry or check its stamps"
            )
        self._log.warn("map to odom", fault)

    def health(self) -> Health:
        """Return the diagnostic status, which includes that of odometry."""
        with self._lock:
            health = Health("transform is broadcast" if self._T_map_odom is not None else "no pose yet")
            health.values = {"map frame": self._map_frame, "odometry frame": self._odometry.frame_id or "not known yet"}
            if self._fault:
                health.add(Level.ERROR, self._fault)
        odometry = self._odometry.health()
        health.add(odometry.level, odometry.message)
        return health

    def _on_odometry(self, odometry: OdometryUpdate) -> None:
        with self._lock:  # held while publishing: a transform of the previous map must not follow a change of the map
            if odometry.is_reset:
                self._clear()
            if self._T_map_odom is not None:
                self._publisher.publish(self._message(odometry, self._T_map_odom))

    def _message(self, odometry: OdometryUpdate, T_map_odom: Pose) -> Any:
        pose = pose_to_message(T_map_odom)
        translation = Vector3(x=pose.position.x, y=pose.position.y, z=pose.position.z)
        transform = TransformStamped(
            header=header_at(odometry.stamp_ns, self._map_frame),
            child_frame_id=odometry.frame_id,
            transform=Transform(translation=translation, rotation=pose.orientation),
        )
        return self._message_type(transforms=[transform])
