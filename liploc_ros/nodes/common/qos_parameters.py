"""Checking the parameters ``qos_overrides.TOPIC.publisher.POLICY`` before publishers and subscriptions are created."""

import re
from typing import Any

from rclpy.node import Node

from liploc_ros.errors import LiplocError

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


def check_qos_overrides(node: Node) -> None:
    """Check the names and values of all given ``qos_overrides``.

    Raises:
        QosParameterError: rclpy would ignore the name, or refuse the value.
    """
    for name, parameter in node._parameter_overrides.items():  # rclpy has no public name for it
        if name.startswith(PREFIX):
            _check(name, parameter.value)


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
