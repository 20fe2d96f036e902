"""The transform from map to odometry frame, from accepted poses (REP-105)."""

import threading
from typing import Any

from geometry_msgs.msg import Transform, TransformStamped, Vector3
from nav_msgs.msg import Odometry
from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node

from liploc_ros.datasets.trajectory import Trajectory
from liploc_ros.errors import LiplocError
from liploc_ros.geometry import Pose, inverse
from liploc_ros.nodes.conversions import PoseMessageError, header_at, pose_of, pose_to_message, stamp_ns_of
from liploc_ros.nodes.diagnostics import Health, Level
from liploc_ros.nodes.optional import tf_message_type
from liploc_ros.nodes.quality import QUIET_PUBLISHER, QUIET_SUBSCRIPTION, mismatch, sensor_profile
from liploc_ros.nodes.throttle import ThrottledLog

MEMORY_NS = 30_000_000_000
BACKWARD_NS = 1_000_000_000


class BroadcastError(LiplocError):
    """Transforms cannot be broadcast."""


class MapToOdom:
    """Broadcasts map -> odometry frame with each odometry message, once a pose was accepted; before that nothing."""

    def __init__(
        self, node: Node, topic: str, map_frame: str, base_frame: str, log: ThrottledLog, group: CallbackGroup
    ):
        """Subscribe.

        Raises:
            BroadcastError: no odometry topic, or tf2_msgs is not installed.
        """
        message_type = tf_message_type()
        if message_type is None:
            raise BroadcastError(
                "publish_tf needs tf2_msgs, which is not installed: apt install ros-$ROS_DISTRO-tf2-msgs, or set "
                "publish_tf to false"
            )
        if not topic:
            raise BroadcastError("publish_tf needs odometry: set the parameter odometry_topic")
        self._node, self._log, self._message_type = node, log, message_type
        self._lock = threading.Lock()
        self._publisher = node.create_publisher(message_type, "/tf", 100, event_callbacks=QUIET_PUBLISHER)
        self._topic = node.resolve_topic_name(topic)
        self._profile = sensor_profile("best_effort", 50)
        self.use_frames(map_frame, base_frame)
        self._subscription = node.create_subscription(
            Odometry,
            topic,
            self._on_odometry,
            self._profile,
            callback_group=group,
            event_callbacks=QUIET_SUBSCRIPTION,
        )

    def use_frames(self, map_frame: str, base_frame: str) -> None:
        """Start anew with the frames of a map."""
        with self._lock:
            self._map_frame, self._base_frame = map_frame, base_frame
            self._forget()

    def reset(self) -> None:
        """Forget everything, after time jumped back."""
        with self._lock:
            self._forget()

    def _forget(self) -> None:
        self._trajectory = Trajectory()
        self._newest_ns = 0
        self._odometry_frame = ""
        self._T_map_odom: Pose | None = None
        self._pose_fault = self._odometry_fault = ""

    def close(self) -> None:
        """Stop."""
        self._node.destroy_subscription(self._subscription)
        self._node.destroy_publisher(self._publisher)

    def accept(self, stamp_ns: int, T_map_base: Pose) -> None:
        """Take an accepted pose; without odometry at its time the transform stays as it was."""
        with self._lock:
            T_odom_base = self._trajectory.at(stamp_ns)
            if T_odom_base is not None:
                self._T_map_odom = T_map_base @ inverse(T_odom_base)
                self._pose_fault = ""
                return
            fault = self._pose_fault = (
                f"no odometry on {self._topic} at the time of the image: transform from {self._map_frame!r} to "
                f"{self._odometry_frame or 'odom'!r} not updated; start the odometry or check its stamps"
            )
        self._log.warn("map to odom", fault)

    def health(self) -> Health:
        """Return the state for /diagnostics."""
        with self._lock:
            health = Health("transform is broadcast" if self._T_map_odom is not None else "no pose accepted yet")
            health.values = {
                "map frame": self._map_frame,
                "odometry frame": self._odometry_frame or "not known yet",
                "base frame": self._base_frame,
                "odometry topic": self._topic,
            }
            if fault := self._odometry_fault or self._pose_fault or mismatch(self._node, self._topic, self._profile):
                health.find(Level.ERROR, fault)
            elif not self._newest_ns:
                health.find(Level.WARN, f"no odometry on {self._topic} yet")
            return health

    def _on_odometry(self, msg: Any) -> None:
        with self._lock:  # until it is published, lest a transform of the last map goes out after the frames changed
            fault = self._odometry_fault = self._take(msg)
        if fault:
            self._log.warn("odometry", fault)

    def _take(self, msg: Any) -> str:
        """Remember a pose of the odometry and broadcast the transform at its time; returns why it cannot be used."""
        stamp_ns = stamp_ns_of(msg)
        if stamp_ns < self._newest_ns - BACKWARD_NS:
            self._forget()
        child = str(msg.child_frame_id).lstrip("/")
        if child != self._base_frame:
            return f"{self._topic} moves {child!r}, but the map's base frame is {self._base_frame!r}: choose another"
        try:
            T_odom_base = pose_of(msg.pose.pose)
        except PoseMessageError as error:
            return f"{self._topic}: {error}"
        self._trajectory.append(stamp_ns, T_odom_base)
        self._trajectory.forget_before(stamp_ns - MEMORY_NS)
        self._newest_ns = max(self._newest_ns, stamp_ns)
        self._odometry_frame = str(msg.header.frame_id).lstrip("/")
        if self._T_map_odom is not None:
            self._publisher.publish(self._message(stamp_ns, self._T_map_odom))
        return ""

    def _message(self, stamp_ns: int, T_map_odom: Pose) -> Any:
        pose = pose_to_message(T_map_odom)
        place = Vector3(x=pose.position.x, y=pose.position.y, z=pose.position.z)
        transform = TransformStamped(
            header=header_at(stamp_ns, self._map_frame),
            child_frame_id=self._odometry_frame,
            transform=Transform(translation=place, rotation=pose.orientation),
        )
        return self._message_type(transforms=[transform])
