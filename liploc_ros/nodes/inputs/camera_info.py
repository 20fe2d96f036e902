"""CameraInfo of publishers that repeat it, and of those that publish it once for late subscribers."""

import time
from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo

from liploc_ros.datasets.bag.topics import CAMERA_INFO_TYPES
from liploc_ros.nodes.common.logging import ThrottledLog
from liploc_ros.nodes.common.qos import LATCHED
from liploc_ros.nodes.common.subscription import subscribe
from liploc_ros.nodes.inputs.silence import why_silent

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
        profile: QoSProfile,
        callback: Callable[[Any], None],
        log: ThrottledLog,
        group: CallbackGroup,
    ) -> None:
        """Subscribe; ``topic`` is a fully qualified name."""
        self._node, self._topic, self._profile = node, topic, profile
        self._callback, self._log, self._group = callback, log, group
        self._has_latched = False
        self._hint, self._hint_at = "", -HINT_PERIOD
        self._subscriptions = [self._subscribe(profile)]
        self.subscribe_to_latched()

    def subscribe_to_latched(self) -> None:
        """Also get what was published before, if there is a publisher that keeps it."""
        if self._has_latched or not any(map(_is_latched, self._node.get_publishers_info_by_topic(self._topic))):
            return
        self._subscriptions.append(self._subscribe(LATCHED))
        self._has_latched = True

    def why_silent(self) -> str:
        """Return why nothing arrives, and what is published instead."""
        now = time.monotonic()
        if now - self._hint_at >= HINT_PERIOD:
            self._hint = why_silent(self._node, self._topic, CAMERA_INFO_TYPES, self._profile)
            self._hint_at = now
        return self._hint

    def close(self) -> None:
        """Unsubscribe."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)

    def _subscribe(self, profile: QoSProfile) -> Any:
        return subscribe(self._node, CameraInfo, self._topic, self._callback, profile, self._warn, self._group)

    def _warn(self, kind: str, line: str) -> None:
        self._log.warn(f"{self._topic} {kind}", line)


def _is_latched(publisher: Any) -> bool:
    profile = publisher.qos_profile
    is_reliable = profile.reliability == ReliabilityPolicy.RELIABLE
    return bool(is_reliable and profile.durability == DurabilityPolicy.TRANSIENT_LOCAL)
