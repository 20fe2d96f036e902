# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Diagnostic status of the map builder."""

import time
from collections import Counter

from rclpy.node import Node

from liploc_ros.nodes.common.diagnostics import Health, Level, RateMeter
from liploc_ros.nodes.common.logging import ThrottledLog
from liploc_ros.nodes.inputs.odometry_source import OdometrySubscription
from liploc_ros.nodes.inputs.silence import MAX_SILENCE, SilenceLog, why_silent


class InputMonitor:
    """Age and rate of the messages of a topic, whether its publishers match, and why nothing arrives."""

    def __init__(self, node: Node, topic: str, what: str, message_type: str) -> None:
        """Start without messages; ``what`` names one, such as ``scan``."""
        self.topic, self.what = topic, what
        self.subscription: OdometrySubscription | None = None  # set once it exists
        self._node, self._type = node, message_type
        self._rate = RateMeter()
        self._received_at = 0.0
        self._reason = ""
        self._silence = SilenceLog(node.get_logger(), what, time.monotonic())

    def count(self) -> None:
        """Record a message."""
        self._received_at = time.monotonic()
        self._rate.tick(self._received_at)

    @property
    def is_received(self) -> bool:
        """Whether there was a message."""
        return self._received_at > 0

    def why_silent(self) -> str:
        """Return why nothing arrives, and what is published instead.

        Before the first message, that is what was so while the node was running: at the end of a bag its publishers
        are gone.
        """
        if not self.is_received and self._reason:
            return self._reason
        return why_silent(self._node, self.topic, [self._type], self.mismatch())

    def log_silence(self) -> None:
        """Log if nothing has arrived for some time."""
        if not self.is_received:
            self._reason = why_silent(self._node, self.topic, [self._type], self.mismatch())
        self._silence.update(self._received_at, time.monotonic(), self.topic, self.why_silent)

    def rate(self) -> float:
        """Return the rate of messages [Hz]."""
        return self._rate.rate(time.monotonic())

    def mismatch(self) -> str:
        """Return one line about a publisher that does not match, or an empty string."""
        return self.subscription.mismatch() if self.subscription is not None else ""

    def reliability(self) -> str:
        """Return the reliability of the subscription, and why it was chosen."""
        return self.subscription.chosen if self.subscription is not None else "not subscribed yet"

    def age(self) -> float:
        """Return the time since the last message [s]."""
        return time.monotonic() - self._received_at


class BuilderFaults:
    """Faults since the last scan that was used. Each kind is logged, at a limited rate."""

    def __init__(self, log: ThrottledLog) -> None:
        self._log = log
        self._lines: dict[str, str] = {}
        self._counts: Counter[str] = Counter()
        self._last: dict[str, str] = {}

    def add(self, kind: str, line: str) -> None:
        """Record a fault."""
        self._lines[kind] = line
        self._counts[kind] += 1
        self._last[kind] = line
        self._log.warn(kind, line)

    def clear(self) -> None:
        """Remove all faults, because a scan was used."""
        self._lines.clear()

    def lines(self) -> list[str]:
        """Return the last fault of each kind."""
        return list(self._lines.values())

    def most_frequent(self) -> str:
        """Return the fault that occurred most often, with its count; empty without faults."""
        return "".join(f"{self._last[kind]} ({count} times)" for kind, count in self._counts.most_common(1))


def building_health(message: str, points: InputMonitor, odometry: InputMonitor, faults: BuilderFaults) -> Health:
    """Return the diagnostic status of the inputs; its conditions are in docs/nodes.md."""
    mismatch = points.mismatch() or odometry.mismatch()
    lines = faults.lines()
    health = Health(message)
    health.values = {
        "points topic": points.topic,
        "odometry topic": odometry.topic,
        "scans/s": f"{points.rate():.1f}",
        "odometry/s": f"{odometry.rate():.1f}",
        "scan reliability": points.reliability(),
        "odometry reliability": odometry.reliability(),
        "quality of service": mismatch or "matches",
        "last fault": lines[-1] if lines else "none",
    }
    for line in [mismatch, *lines]:
        if line:
            health.add(Level.ERROR, line)
    for monitor in (points, odometry):
        if monitor.age() > MAX_SILENCE:
            reason = monitor.why_silent()
            health.add(Level.WARN, f"no {monitor.what} on {monitor.topic} for more than {MAX_SILENCE:.0f} s: {reason}")
    return health
