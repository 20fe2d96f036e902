# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Diagnostic status of the map builder."""

import time

from liploc_ros.nodes.common.diagnostics import Health, Level, RateMeter
from liploc_ros.nodes.common.logging import ThrottledLog
from liploc_ros.nodes.subscriptions.following_subscription import FollowingSubscription

MAX_SILENCE = 5.0
"""Time without scans or odometry after which diagnostics warn [s]."""


class InputMonitor:
    """Age and rate of the messages of a topic, and whether its publishers match."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.subscription: FollowingSubscription | None = None  # set once it exists
        self._rate = RateMeter()
        self._received_at = 0.0

    def count(self) -> None:
        """Record a message."""
        self._received_at = time.monotonic()
        self._rate.tick(self._received_at)

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

    def add(self, kind: str, line: str) -> None:
        """Record a fault."""
        self._lines[kind] = line
        self._log.warn(kind, line)

    def clear(self) -> None:
        """Remove all faults, because a scan was used."""
        self._lines.clear()

    def lines(self) -> list[str]:
        """Return the last fault of each kind."""
        return list(self._lines.values())


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
    for name, monitor in (("scan", points), ("odometry", odometry)):
        if monitor.age() > MAX_SILENCE:
            health.add(Level.WARN, f"no {name} on {monitor.topic} for more than {MAX_SILENCE:.0f} s")
    return health
