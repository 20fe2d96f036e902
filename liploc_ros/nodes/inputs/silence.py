# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Topics on which nothing arrives: why, and which topics could be meant."""

from collections.abc import Callable, Collection
from difflib import SequenceMatcher
from typing import Any

from rclpy.node import Node

from liploc_ros.datasets.bag.topics import IMAGE_TYPES, POINT_TYPES
from liploc_ros.nodes.subscriptions.lost_messages import IMAGE_REMEDY

MAX_SILENCE = 5.0
"""Time without messages after which the log warns [s]."""
REMEDIES = {
    **dict.fromkeys(IMAGE_TYPES, f", or {IMAGE_REMEDY}"),
    **dict.fromkeys(POINT_TYPES, ", or give its process a shared-memory segment larger than a scan (docs/dds.md)"),
}
"""What helps if large messages are lost."""
MAX_NAMED = 5
"""Topics that are named instead of a silent one."""


def why_silent(node: Node, topic: str, types: Collection[str], mismatch: str, results: Collection[str] = ()) -> str:
    """Return why nothing arrives on a topic, and the topics of these types that are published instead.

    Args:
        node: that subscribes.
        topic: fully qualified name.
        types: of the messages that the node can use, such as ``sensor_msgs/msg/Image``.
        mismatch: why the quality of service of a publisher does not match; empty if all match.
        results: topics of results, which are not meant.
    """
    if mismatch:
        return mismatch
    publishers = node.get_publishers_info_by_topic(topic)
    matching = [publisher for publisher in publishers if publisher.topic_type in types]
    wanted = " or ".join(_short(name) for name in types)
    if matching:
        remedy = f"check that it sends{REMEDIES.get(matching[0].topic_type, '')}"
        return f"{topic} has the publisher {matching[0].node_name}, but nothing arrives: {remedy}"
    problem = f"{topic} has no publisher"
    if publishers:
        problem = f"{topic} is published as {_short(publishers[0].topic_type)}, not as {wanted}"
    others = similar_topics(topic, set(_published(node, types)) - set(results))
    if not others:
        return f"{problem}, and no topic of type {wanted} is published: start the driver, or play a bag"
    return f"{problem}; topics of type {wanted}: {', '.join(others)}"


def similar_topics(topic: str, others: Collection[str]) -> list[str]:
    """Return the most similar names first, at most five."""
    return sorted(set(others) - {topic}, key=lambda name: -SequenceMatcher(None, topic, name).ratio())[:MAX_NAMED]


class SilenceLog:
    """Logs once when nothing arrives on a topic for five seconds, and when messages arrive again."""

    def __init__(self, logger: Any, what: str, started_at: float) -> None:
        """Start to wait; ``what`` names a message, such as ``scan``; times are monotonic [s]."""
        self._logger, self._what = logger, what
        self._last_at = started_at
        self._is_silent = False

    def update(self, received_at: float, now: float, topic: str, why: Callable[[], str]) -> None:
        """Log a change; ``received_at`` is the time of the last message, 0 before the first."""
        self._last_at = max(self._last_at, received_at)
        is_silent = now - self._last_at > MAX_SILENCE
        if is_silent and not self._is_silent:
            self._logger.warning(f"no {self._what} on {topic} for {MAX_SILENCE:.0f} s: {why()}")
        elif self._is_silent and not is_silent:
            self._logger.info(f"{topic} is received again")
        self._is_silent = is_silent


def _published(node: Node, types: Collection[str]) -> list[str]:
    """Return the topics of these types that other nodes publish."""
    own = {publisher.topic_name for publisher in node.publishers}  # such as ~/pose, which is no odometry
    return [
        name
        for name, kinds in node.get_topic_names_and_types()
        if any(kind in types for kind in kinds) and name not in own and node.count_publishers(name)
    ]


def _short(type_name: str) -> str:
    return type_name.replace("/msg/", "/")
