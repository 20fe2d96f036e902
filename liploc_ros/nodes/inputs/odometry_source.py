# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Odometry of a node: from a topic of nav_msgs/Odometry, or from the transforms on /tf."""

from collections.abc import Callable
from typing import Any, Protocol

from geometry_msgs.msg import PoseWithCovariance
from nav_msgs.msg import Odometry
from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node

from liploc_ros.datasets.pose_message import frame_name
from liploc_ros.nodes.common.conversions import pose_to_message
from liploc_ros.nodes.common.qos import TF, TF_STATIC, Reliability, qos_mismatch
from liploc_ros.nodes.common.ros_libraries import tf_message_type
from liploc_ros.nodes.common.subscription import OnFault, deliver, subscribe
from liploc_ros.nodes.common.transforms import TransformBuffer, TransformError
from liploc_ros.nodes.subscriptions.following_subscription import FollowingSubscription
from liploc_ros.nodes.subscriptions.serialized_message import SerializedMessage

TF_NAME = "tf"
ODOMETRY_TYPE, TF_TYPE = "nav_msgs/msg/Odometry", "tf2_msgs/msg/TFMessage"
TF_STATIC_TOPIC = "/tf_static"


class OdometrySubscription(Protocol):
    """What a node needs of a subscription."""

    @property
    def chosen(self) -> str:
        """The reliability in use and why, for diagnostics."""

    def mismatch(self) -> str:
        """Return one line about a publisher whose quality of service does not match, or an empty string."""

    def close(self) -> None:
        """Unsubscribe."""


class TfSubscription:
    """The subscriptions to /tf and /tf_static."""

    chosen = "reliable (transforms)"

    def __init__(self, node: Node, topic: str, subscriptions: list[Any]) -> None:
        """Keep the subscriptions."""
        self._node, self._topic, self._subscriptions = node, node.resolve_topic_name(topic), subscriptions

    def mismatch(self) -> str:
        """Return one line about a publisher whose quality of service does not match, or an empty string."""
        return qos_mismatch(self._node, self._topic, TF)

    def close(self) -> None:
        """Unsubscribe."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)


class OdometrySource:
    """Subscribes to odometry. A topic called ``tf`` has transforms, all others have nav_msgs/Odometry."""

    def __init__(self, odometry_frame: str, base_frame: str) -> None:
        """Take the frames between which the pose is read from transforms."""
        self._odometry_frame, self._base_frame = odometry_frame, base_frame

    @staticmethod
    def type_of(topic: str) -> str:
        """Return the type of the messages on a topic."""
        return TF_TYPE if topic.rpartition("/")[2] == TF_NAME else ODOMETRY_TYPE

    def subscribe(
        self,
        node: Node,
        topic: str,
        callback: Callable[[Any], None],
        reliability: Reliability,
        depth: int,
        on_fault: OnFault,
        group: CallbackGroup,
    ) -> OdometrySubscription:
        """Call ``callback`` with each nav_msgs/Odometry, and return the subscription.

        Args:
            node: that subscribes.
            topic: of nav_msgs/Odometry, or one called ``tf``.
            callback: gets nav_msgs/Odometry.
            reliability: of a subscription to nav_msgs/Odometry.
            depth: of the queue of that subscription.
            on_fault: gets faults.
            group: runs one callback at a time.

        Raises:
            TransformError: transforms are wanted, and tf2_msgs is not installed.
        """
        if self.type_of(topic) == ODOMETRY_TYPE:
            name = node.resolve_topic_name(topic)

            def on_message(message: SerializedMessage) -> None:
                deliver(message.read, callback, name, on_fault, node.get_logger())

            return FollowingSubscription(node, Odometry, topic, on_message, reliability, depth, group)
        message_type = tf_message_type()
        if message_type is None:
            raise TransformError(
                f"odometry_topic = {topic} needs tf2_msgs, which is not installed: "
                "apt install ros-$ROS_DISTRO-tf2-msgs, or name a topic of nav_msgs/Odometry"
            )
        reader = TfOdometry(self._odometry_frame, self._base_frame, callback)
        static = subscribe(node, message_type, TF_STATIC_TOPIC, reader.add_static, TF_STATIC, on_fault, group)
        return TfSubscription(
            node, topic, [static, subscribe(node, message_type, topic, reader.add, TF, on_fault, group)]
        )


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
