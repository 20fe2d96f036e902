# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Subscriptions in which a message that cannot be used is reported, and never ends the node."""

import copy
import traceback
from collections.abc import Callable
from functools import partial
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.serialization import deserialize_message

from liploc_ros.nodes.common.qos import NO_SUBSCRIPTION_EVENTS, QOS_OVERRIDES, qos_mismatch

TF_TOPIC, TF_STATIC_TOPIC = "/tf", "/tf_static"

_TF = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)
_TF_STATIC = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
"""/tf_static has many publishers."""

OnFault = Callable[[str, str], None]
"""Called with the kind of a fault, for throttling, and with one line about it."""


def subscribe(
    node: Node,
    message_type: Any,
    topic: str,
    callback: Callable[[Any], None],
    profile: QoSProfile,
    on_fault: OnFault,
    group: CallbackGroup,
    overrides: QoSOverridingOptions | None = None,
) -> Any:
    """Subscribe to a topic.

    Messages are deserialized here: rclpy drops those that it cannot deserialize without a word, and an exception in a
    callback would end its executor.

    Args:
        node: that subscribes.
        message_type: class of the messages.
        topic: name of the topic.
        callback: gets each message.
        profile: quality of service; users' overrides are written into it.
        on_fault: called for a message that cannot be deserialized, or on which the callback failed.
        group: of the callback.
        overrides: policies that users can set; None for none.
    """
    name = node.resolve_topic_name(topic)

    def on_data(data: bytes) -> None:
        deliver(partial(deserialize_message, data, message_type), callback, name, on_fault, node.get_logger())

    return node.create_subscription(
        message_type,
        topic,
        on_data,
        profile,
        callback_group=group,
        event_callbacks=NO_SUBSCRIPTION_EVENTS,
        qos_overriding_options=overrides,
        raw=True,
    )


def deliver(
    read: Callable[[], Any], callback: Callable[[Any], None], topic: str, on_fault: OnFault, logger: Any
) -> None:
    """Call ``callback`` with the message that ``read`` returns, and report a failure of either.

    Args:
        read: deserializes a message.
        callback: gets the message.
        topic: for the report.
        on_fault: gets the report.
        logger: gets the traceback of a failed callback, at debug level.
    """
    try:
        msg = read()
    except Exception as error:  # also of the C extension
        reason = " ".join(str(error).split())[:100]
        on_fault("serialization", f"{topic}: a message cannot be deserialized ({reason}): check its publisher")
        return
    try:
        callback(msg)
    except Exception as error:
        on_fault(type(error).__name__, f"{topic}: internal error on a message: {type(error).__name__}: {error}")
        logger.debug(traceback.format_exc())


class TransformTopics:
    """Subscribes to moving and static transforms. Their quality of service can be set by ``qos_overrides``."""

    def __init__(
        self,
        node: Node,
        message_type: Any,
        on_moving: Callable[[Any], None],
        on_static: Callable[[Any], None],
        on_fault: OnFault,
        group: CallbackGroup,
        topic: str = TF_TOPIC,
    ) -> None:
        """Subscribe.

        Args:
            node: that subscribes.
            message_type: tf2_msgs/TFMessage.
            on_moving: gets each message on ``topic``.
            on_static: gets each message on ``/tf_static``.
            on_fault: gets faults.
            group: runs one callback at a time.
            topic: of the moving transforms.
        """
        self._node = node
        self._profiles: dict[str, QoSProfile] = {}
        self._subscriptions: list[Any] = []
        for name, callback, profile in ((TF_STATIC_TOPIC, on_static, _TF_STATIC), (topic, on_moving, _TF)):
            own = self._profiles[node.resolve_topic_name(name)] = copy.copy(profile)
            self._subscriptions.append(
                subscribe(node, message_type, name, callback, own, on_fault, group, QOS_OVERRIDES)
            )

    @property
    def chosen(self) -> str:
        """The reliability of the subscription to moving transforms, for diagnostics."""
        return f"{list(self._profiles.values())[-1].reliability.name.lower()} (transforms)"

    def mismatch(self) -> str:
        """Return one line about a publisher whose quality of service does not match, or an empty string."""
        lines = (qos_mismatch(self._node, topic, profile) for topic, profile in self._profiles.items())
        return next(filter(None, lines), "")

    def close(self) -> None:
        """Unsubscribe."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
