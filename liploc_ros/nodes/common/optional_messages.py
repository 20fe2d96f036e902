"""What a ROS 2 installation has and its PyPI wheels lack. Each such import stands here and nowhere else."""

import importlib
from typing import Any


def tf_message_type() -> Any | None:
    """Return tf2_msgs/TFMessage, or None where tf2_msgs is not installed."""
    return message_type("tf2_msgs/msg/TFMessage")


def message_type(name: str) -> Any | None:
    """Return the class of a message type such as ``sensor_msgs/msg/Image``, or None where it is not installed."""
    package, _, message = name.partition("/msg/")
    try:
        return getattr(importlib.import_module(f"{package}.msg"), message)
    except (ImportError, AttributeError, ValueError):
        return None
