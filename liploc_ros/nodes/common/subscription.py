# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Subscriptions in which a message that cannot be used is reported, and never ends the node."""

import traceback
from collections.abc import Callable
from functools import partial
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message

from liploc_ros.nodes.common.qos import NO_SUBSCRIPTION_EVENTS

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
) -> Any:
    """Subscribe to a topic.

    Messages are deserialized here: rclpy drops those that it cannot deserialize without a word, and an exception in a
    callback would end its executor.

    Args:
        node: that subscribes.
        message_type: class of the messages.
        topic: name of the topic.
        callback: gets each message.
        profile: quality of service.
        on_fault: called for a message that cannot be deserialized, or on which the callback failed.
        group: of the callback.
    """
    name = node.resolve_topic_name(topic)

    def on_data(data: bytes) -> None:
        deliver(partial(deserialize_message, data, message_type), callback, name, on_fault, node.get_logger())

    return node.create_subscription(
        message_type, topic, on_data, profile, callback_group=group, event_callbacks=NO_SUBSCRIPTION_EVENTS, raw=True
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
