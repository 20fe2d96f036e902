# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Odometry of a node: from a topic of odometry or poses, or from the transforms on /tf."""

import time
from collections.abc import Callable, Collection
from typing import Any, Protocol

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node

from liploc_ros.datasets.bag.topics import ODOMETRY_TYPES, POSE_TYPES, TF_TYPES
from liploc_ros.nodes.common import ros_libraries
from liploc_ros.nodes.common.diagnostics import STEADY_CLOCK
from liploc_ros.nodes.common.qos import Reliability
from liploc_ros.nodes.common.subscription import OnFault, TransformTopics, deliver
from liploc_ros.nodes.common.transforms import TransformError
from liploc_ros.nodes.inputs.tf_odometry import TfOdometry
from liploc_ros.nodes.subscriptions.following_subscription import UPDATE_PERIOD, FollowingSubscription
from liploc_ros.nodes.subscriptions.serialized_message import SerializedMessage

TF_NAME = "tf"
MAX_RELEASE_TIME = 2.0  # s
TOPIC_TYPES = (*ODOMETRY_TYPES, *POSE_TYPES)
"""Types of a topic of odometry, preferred ones first, as in recordings."""


class OdometrySubscription(Protocol):
    """What a node needs of a subscription."""

    @property
    def chosen(self) -> str:
        """The reliability in use and why, for diagnostics."""

    def mismatch(self) -> str:
        """Return one line about a publisher whose quality of service does not match, or an empty string."""

    def close(self) -> None:
        """Unsubscribe."""


class OdometrySource:
    """Subscribes to odometry. A topic called ``tf`` has transforms."""

    def __init__(self, odometry_frame: str, base_frame: str) -> None:
        """Take the frames between which the pose is read from transforms."""
        self._odometry_frame, self._base_frame = odometry_frame, base_frame

    @staticmethod
    def types_of(topic: str) -> Collection[str]:
        """Return the types of messages that are used on a topic."""
        return TF_TYPES[:1] if topic.rpartition("/")[2] == TF_NAME else TOPIC_TYPES

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
        """Call ``callback`` with each message, and return the subscription.

        Args:
            node: that subscribes.
            topic: of nav_msgs/Odometry, geometry_msgs/PoseStamped or PoseWithCovarianceStamped, or one called ``tf``.
            callback: gets the messages, which :func:`~liploc_ros.datasets.pose_message.odometry_pose` reads.
            reliability: of the subscription, unless it is to transforms.
            depth: of the queue of that subscription.
            on_fault: gets faults.
            group: runs one callback at a time.

        Raises:
            TransformError: transforms are wanted, and tf2_msgs is not installed.
        """
        if self.types_of(topic) is TOPIC_TYPES:
            return OdometryTopic(node, topic, callback, reliability, depth, on_fault, group)
        transforms = ros_libraries.tf_message_type()
        if transforms is None:
            raise TransformError(
                f"odometry_topic = {topic} needs tf2_msgs, which is not installed: "
                "apt install ros-$ROS_DISTRO-tf2-msgs, or name a topic of nav_msgs/Odometry"
            )
        reader = TfOdometry(self._odometry_frame, self._base_frame, callback)
        return TransformTopics(node, transforms, reader.add, reader.add_static, on_fault, group, topic)


class OdometryTopic:
    """Subscribes to a topic of odometry or poses, with the type that is published.

    While nothing is published, that is nav_msgs/Odometry.
    """

    def __init__(
        self,
        node: Node,
        topic: str,
        callback: Callable[[Any], None],
        reliability: Reliability,
        depth: int,
        on_fault: OnFault,
        group: CallbackGroup,
    ) -> None:
        """Subscribe; see :meth:`OdometrySource.subscribe`."""
        self._node, self.topic = node, node.resolve_topic_name(topic)
        self._callback, self._on_fault, self._group = callback, on_fault, group
        self._reliability, self._depth = reliability, depth
        self._type = self._published_type(TOPIC_TYPES[0])
        self._subscription: FollowingSubscription | None = self._subscribe()
        self._closed_at = 0.0
        self._timer = node.create_timer(UPDATE_PERIOD, self._follow, callback_group=group, clock=STEADY_CLOCK)

    @property
    def chosen(self) -> str:
        """The reliability in use and why, for diagnostics."""
        return self._subscription.chosen if self._subscription is not None else "not subscribed yet"

    def mismatch(self) -> str:
        """Return one line about a publisher whose quality of service does not match, or an empty string."""
        return self._subscription.mismatch() if self._subscription is not None else ""

    def close(self) -> None:
        """Unsubscribe."""
        self._node.destroy_timer(self._timer)
        self._unsubscribe()

    def _published_type(self, current: str) -> str:
        """Return the current type if it is published or nothing is, otherwise one that is published."""
        published = {publisher.topic_type for publisher in self._node.get_publishers_info_by_topic(self.topic)}
        return next((name for name in (current, *TOPIC_TYPES) if name in published), current)

    def _subscribe(self) -> FollowingSubscription:
        def on_message(message: SerializedMessage) -> None:
            deliver(message.read, self._callback, self.topic, self._on_fault, self._node.get_logger())

        kind = ros_libraries.message_type(self._type)
        return FollowingSubscription(
            self._node, kind, self.topic, on_message, self._reliability, self._depth, self._group
        )

    def _unsubscribe(self) -> None:
        if self._subscription is not None:
            self._subscription.close()
            self._subscription, self._closed_at = None, time.monotonic()

    def _follow(self) -> None:
        if (found := self._published_type(self._type)) != self._type:
            self._type = found
            self._unsubscribe()
        if self._subscription is not None:
            return
        try:
            self._subscription = self._subscribe()
        except Exception as error:  # the class of rclpy is private
            # In a process a topic has one type, and the executor releases the old subscription when it wakes up.
            if time.monotonic() - self._closed_at > MAX_RELEASE_TIME:
                self._on_fault(
                    "type", f"{self.topic}: cannot subscribe to {self._type}: {' '.join(str(error).split())}"
                )
