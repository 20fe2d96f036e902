# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""A subscription with the reliability that the publishers of its topic offer."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy

from liploc_ros.nodes.common.diagnostics import STEADY_CLOCK
from liploc_ros.nodes.common.qos import (
    NO_SUBSCRIPTION_EVENTS,
    QOS_OVERRIDES,
    QOS_OVERRIDES_WITHOUT_RELIABILITY,
    Reliability,
    is_overridden,
    qos_mismatch,
    sensor_profile,
)
from liploc_ros.nodes.subscriptions.serialized_message import SerializedMessage

UPDATE_PERIOD = 0.2  # s
MAX_OVERLAP = 2.0  # s that the old subscription stays, if the new one receives nothing

OnMessage = Callable[[SerializedMessage], None]


class FollowingSubscription:
    """Subscribes to serialized messages.

    With the reliability ``auto`` it is reliable if all publishers of the topic offer that, else best effort. When that
    changes, the old subscription stays until the new one receives messages; a message that both receive counts once.
    """

    def __init__(
        self,
        node: Node,
        message_type: Any,
        topic: str,
        on_message: OnMessage,
        reliability: Reliability,
        depth: int,
        group: CallbackGroup,
    ) -> None:
        """Subscribe; ``group`` runs one callback at a time."""
        self._node, self._message_type, self._on_message = node, message_type, on_message
        self.topic = node.resolve_topic_name(topic)
        self._overrides = QOS_OVERRIDES
        if reliability == "auto":
            if is_overridden(node, self.topic, "reliability"):
                reliability = "best_effort"  # replaced by the user's override
            else:
                self._overrides = QOS_OVERRIDES_WITHOUT_RELIABILITY
        self._reliability, self._depth, self._group = reliability, depth, group
        self._last = b""
        self._old: Any | None = None
        self._switched_at = 0.0
        self._profile = sensor_profile(self._offered() or "best_effort", depth)
        self._subscription = self._subscribe()
        self._timer: Any | None = None
        if reliability == "auto":
            self._timer = node.create_timer(UPDATE_PERIOD, self._follow, callback_group=group, clock=STEADY_CLOCK)

    @property
    def is_reliable(self) -> bool:
        """Whether the subscription is reliable now."""
        return bool(self._profile.reliability == ReliabilityPolicy.RELIABLE)

    @property
    def chosen(self) -> str:
        """The reliability in use and why, for diagnostics."""
        name = "reliable" if self.is_reliable else "best_effort"
        if self._reliability != "auto":
            return f"{name} (parameter)"
        if not self._node.count_publishers(self.topic):
            return f"{name} (auto, no publisher)"
        return f"{name} (auto, {'all publishers offer it' if self.is_reliable else 'a publisher is best effort'})"

    def mismatch(self) -> str:
        """Return one line about a publisher whose quality of service does not match, or an empty string."""
        return qos_mismatch(self._node, self.topic, self._profile, "reliability")

    def close(self) -> None:
        """Unsubscribe."""
        if self._timer is not None:
            self._node.destroy_timer(self._timer)
        for subscription in filter(None, (self._old, self._subscription)):
            self._node.destroy_subscription(subscription)

    def _offered(self) -> Reliability | None:
        if self._reliability != "auto":
            return self._reliability
        profiles = [publisher.qos_profile for publisher in self._node.get_publishers_info_by_topic(self.topic)]
        return offered_reliability(profiles)

    def _subscribe(self) -> Any:
        number = self._switched_at

        def receive(data: bytes, info: Any) -> None:
            self._receive(SerializedMessage(self._message_type, data, info), is_new=number == self._switched_at)

        return self._node.create_subscription(
            self._message_type,
            self.topic,
            receive,
            self._profile,
            callback_group=self._group,
            event_callbacks=NO_SUBSCRIPTION_EVENTS,
            qos_overriding_options=self._overrides,
            raw=True,
        )

    def _receive(self, message: SerializedMessage, *, is_new: bool) -> None:
        is_duplicate = message.data == self._last if self._old is not None else not is_new
        if is_new:
            self._drop_old()
        if not message.publisher and self._node.count_publishers(self.topic) != 1:
            message.sequence = None  # of which of the publishers is not known
        if not is_duplicate:
            self._last = message.data
            self._on_message(message)

    def _follow(self) -> None:
        offered = self._offered()
        if self._old is not None and time.monotonic() - self._switched_at > MAX_OVERLAP:
            self._drop_old()
        if offered is None or (offered == "reliable") == self.is_reliable:
            return
        self._drop_old()
        self._old, self._switched_at = self._subscription, time.monotonic()
        self._profile = sensor_profile(offered, self._depth)
        self._subscription = self._subscribe()

    def _drop_old(self) -> None:
        old, self._old = self._old, None
        if old is not None:
            self._node.destroy_subscription(old)


def offered_reliability(profiles: Sequence[QoSProfile]) -> Reliability | None:
    """Return reliable if all publishers offer it, else best effort; None without publishers."""
    if not profiles:
        return None
    is_reliable = all(profile.reliability == ReliabilityPolicy.RELIABLE for profile in profiles)
    return "reliable" if is_reliable else "best_effort"
