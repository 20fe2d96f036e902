# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""CameraInfo of publishers that repeat it, and of those that publish it once for late subscribers."""

import time
from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo

from liploc_ros.datasets.bag.topics import CAMERA_INFO_TYPES
from liploc_ros.nodes.common.logging import ThrottledLog
from liploc_ros.nodes.common.qos import LATCHED, Reliability
from liploc_ros.nodes.common.subscription import deliver, subscribe
from liploc_ros.nodes.inputs.silence import why_silent
from liploc_ros.nodes.subscriptions.following_subscription import FollowingSubscription
from liploc_ros.nodes.subscriptions.serialized_message import SerializedMessage

QUEUE = 5
HINT_PERIOD = 1.0
"""Time for which the reason for silence is kept [s]: it takes a look at all topics."""


class CameraInfoInput:
    """Subscribes to a CameraInfo topic.

    A volatile subscription matches every publisher, but does not get what was published before. A transient local one
    gets it, but a volatile publisher would warn of it. It is therefore added when there is such a publisher.
    """

    def __init__(
        self,
        node: Node,
        topic: str,
        reliability: Reliability,
        callback: Callable[[Any], None],
        log: ThrottledLog,
        group: CallbackGroup,
    ) -> None:
        """Subscribe; ``topic`` is a fully qualified name."""
        self._node, self.topic = node, topic
        self._callback, self._log, self._group = callback, log, group
        self._hint, self._hint_at = "", -HINT_PERIOD
        self._latched: Any | None = None

        def on_message(message: SerializedMessage) -> None:
            deliver(message.read, callback, topic, self._warn, node.get_logger())

        self._volatile = FollowingSubscription(node, CameraInfo, topic, on_message, reliability, QUEUE, group)
        self.subscribe_to_latched()

    def subscribe_to_latched(self) -> None:
        """Also get what was published before, if there is a publisher that keeps it."""
        if self._latched is None and any(map(_is_latched, self._node.get_publishers_info_by_topic(self.topic))):
            self._latched = subscribe(
                self._node, CameraInfo, self.topic, self._callback, LATCHED, self._warn, self._group
            )

    def mismatch(self) -> str:
        """Return one line about a publisher whose quality of service does not match, or an empty string."""
        return self._volatile.mismatch()

    def why_silent(self) -> str:
        """Return why nothing arrives, and what is published instead."""
        now = time.monotonic()
        if now - self._hint_at >= HINT_PERIOD:
            self._hint = why_silent(self._node, self.topic, CAMERA_INFO_TYPES, self.mismatch())
            self._hint_at = now
        return self._hint

    def close(self) -> None:
        """Unsubscribe."""
        self._volatile.close()
        if self._latched is not None:
            self._node.destroy_subscription(self._latched)

    def _warn(self, kind: str, line: str) -> None:
        self._log.warn(f"{self.topic} {kind}", line)


def _is_latched(publisher: Any) -> bool:
    profile = publisher.qos_profile
    is_reliable = profile.reliability == ReliabilityPolicy.RELIABLE
    return bool(is_reliable and profile.durability == DurabilityPolicy.TRANSIENT_LOCAL)
