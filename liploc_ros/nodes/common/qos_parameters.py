# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Checking the parameters ``qos_overrides.TOPIC.publisher.POLICY`` before publishers and subscriptions are created."""

import re
from typing import Any

from rclpy.node import Node

from liploc_ros.errors import LiplocError
from liploc_ros.nodes.common.diagnostics import STEADY_CLOCK

PREFIX = "qos_overrides."
FORMAT = "qos_overrides./TOPIC.publisher.POLICY or qos_overrides./TOPIC.subscription.POLICY"
VALUES = {
    "history": ("keep_last", "keep_all"),
    "reliability": ("reliable", "best_effort"),
    "durability": ("volatile", "transient_local"),
}
"""Values of the policies; ``depth`` is a number."""


class QosParameterError(LiplocError):
    """A quality of service that cannot be used."""


def check_qos_overrides(node: Node, delay: float = 10.0) -> None:
    """Check the names and values of all given ``qos_overrides``, and later whether they have an effect.

    Args:
        node: the node.
        delay: time after which overrides of topics that the node does not have are named in a warning [s].

    Raises:
        QosParameterError: rclpy would ignore the name, or refuse the value.
    """
    overrides = node._parameter_overrides  # rclpy has no public name for it
    given = {name: parameter.value for name, parameter in overrides.items() if name.startswith(PREFIX)}
    for name, value in given.items():
        _check(name, value)
    if given:
        _warn_of_unused(node, list(given), delay)


def _warn_of_unused(node: Node, names: list[str], delay: float) -> None:
    def warn() -> None:
        node.destroy_timer(timer)
        unused = [name for name in names if not node.has_parameter(name)]  # rclpy declares those that it uses
        if unused:
            node.get_logger().warning(
                f"no effect so far: {', '.join(unused)}; the node has no such topic: check the names with "
                f"`ros2 node info {node.get_fully_qualified_name()}`"
            )

    timer = node.create_timer(delay, warn, clock=STEADY_CLOCK)


def _check(name: str, value: Any) -> None:
    match = re.fullmatch(r"qos_overrides\.(/.+)\.(publisher|subscription)\.(\w+)", name)
    if match is None:
        raise QosParameterError(f"parameter {name} is not known: write {FORMAT}")
    policy = match[3]
    if policy == "depth":
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise QosParameterError(f"parameter {name} = {value!r}: expected an integer from 1")
    elif policy not in VALUES:
        raise QosParameterError(f"parameter {name}: {policy} cannot be set: set one of depth, {', '.join(VALUES)}")
    elif value not in VALUES[policy]:
        raise QosParameterError(f"parameter {name} = {value!r}: expected one of {', '.join(VALUES[policy])}")
