"""The transform from map to odometry frame, from the poses that are published (REP-105)."""

import threading
from typing import Any

from geometry_msgs.msg import Transform, TransformStamped, Vector3
from rclpy.node import Node

from liploc_ros.errors import LiplocError
from liploc_ros.geometry import Pose, inverse
from liploc_ros.nodes.common.conversions import header_at, pose_to_message
from liploc_ros.nodes.common.diagnostics import Health, Level
from liploc_ros.nodes.common.logging import ThrottledLog
from liploc_ros.nodes.common.optional_messages import tf_message_type
from liploc_ros.nodes.common.qos import QUIET_PUBLISHER
from liploc_ros.nodes.localizer.odometry import OdometryInput, OdometryStep


class BroadcastError(LiplocError):
    """Transforms cannot be broadcast."""


class MapToOdom:
    """Broadcasts map -> odometry frame with each odometry message, once a pose was accepted; before that nothing."""

    def __init__(self, node: Node, odometry: OdometryInput | None, map_frame: str, log: ThrottledLog) -> None:
        """Listen to the odometry.

        Raises:
            BroadcastError: no odometry, or tf2_msgs is not installed.
        """
        message_type = tf_message_type()
        if message_type is None:
            raise BroadcastError(
                "publish_tf needs tf2_msgs, which is not installed: apt install ros-$ROS_DISTRO-tf2-msgs, or set "
                "publish_tf to false"
            )
        if odometry is None:
            raise BroadcastError("publish_tf needs odometry: set the parameter odometry_topic")
        self._node, self._odometry, self._log, self._message_type = node, odometry, log, message_type
        self._lock = threading.Lock()
        self._publisher = node.create_publisher(message_type, "/tf", 100, event_callbacks=QUIET_PUBLISHER)
        self.use_frame(map_frame)
        odometry.listen(self._on_odometry)

    def use_frame(self, map_frame: str) -> None:
        """Start anew on a map."""
        with self._lock:
            self._map_frame = map_frame
            self._forget()

    def reset(self) -> None:
        """Forget everything, after time jumped back."""
        with self._lock:
            self._forget()

    def _forget(self) -> None:
        self._T_map_odom: Pose | None = None
        self._fault = ""

    def close(self) -> None:
        """Stop; what the odometry still tells is not broadcast."""
        self.reset()
        self._node.destroy_publisher(self._publisher)

    def accept(self, stamp_ns: int, T_map_base: Pose) -> None:
        """Take a pose that is published; without odometry at its time the transform stays as it was."""
        with self._lock:
            T_odom_base = self._odometry.at(stamp_ns)
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
        """Return the state for /diagnostics; what is wrong with the odometry is wrong here too."""
        with self._lock:
            health = Health("transform is broadcast" if self._T_map_odom is not None else "no pose accepted yet")
            health.values = {"map frame": self._map_frame, "odometry frame": self._odometry.frame_id or "not known yet"}
            if self._fault:
                health.find(Level.ERROR, self._fault)
        odometry = self._odometry.health()
        health.find(odometry.level, odometry.message)
        return health

    def _on_odometry(self, step: OdometryStep) -> None:
        with self._lock:  # until it is published, lest a transform of the last map goes out after the frame changed
            if step.is_anew:
                self._forget()
            if self._T_map_odom is not None:
                self._publisher.publish(self._message(step, self._T_map_odom))

    def _message(self, step: OdometryStep, T_map_odom: Pose) -> Any:
        pose = pose_to_message(T_map_odom)
        place = Vector3(x=pose.position.x, y=pose.position.y, z=pose.position.z)
        transform = TransformStamped(
            header=header_at(step.stamp_ns, self._map_frame),
            child_frame_id=step.frame_id,
            transform=Transform(translation=place, rotation=pose.orientation),
        )
        return self._message_type(transforms=[transform])
