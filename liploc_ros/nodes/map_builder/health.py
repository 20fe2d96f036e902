"""How the map builder's inputs do, for /diagnostics."""

import time

from rclpy.node import Node
from rclpy.qos import QoSProfile

from liploc_ros.nodes.common.diagnostics import Health, Level, RateMeter
from liploc_ros.nodes.common.logging import ThrottledLog
from liploc_ros.nodes.common.qos import mismatch

SILENCE = 5.0
"""Seconds without scans or odometry after which the diagnostics warn."""


class InputWatch:
    """Remembers when a topic was heard last, how often it comes, and whether its publishers can be heard at all."""

    def __init__(self, node: Node, topic: str, profile: QoSProfile) -> None:
        self.topic = topic
        self._node, self._profile = node, profile
        self._rate = RateMeter()
        self._heard_at = 0.0

    def heard(self) -> None:
        """Note a message."""
        self._heard_at = time.monotonic()
        self._rate.tick(self._heard_at)

    def rate(self) -> str:
        """Return messages a second, in words."""
        return f"{self._rate.rate(time.monotonic()):.1f}"

    def mismatch(self) -> str:
        """Return which publisher cannot be heard, or nothing."""
        return mismatch(self._node, self.topic, self._profile)

    def is_silent(self) -> bool:
        """Say whether nothing has come for a while."""
        return self.age() > SILENCE

    def age(self) -> float:
        """Return how long ago the last message came [s]."""
        return time.monotonic() - self._heard_at


class BuilderFaults:
    """What went wrong since the last scan that was kept; each kind is logged, but not too often."""

    def __init__(self, log: ThrottledLog) -> None:
        self._log = log
        self._lines: dict[str, str] = {}

    def add(self, kind: str, line: str) -> None:
        """Note a fault."""
        self._lines[kind] = line
        self._log.warn(kind, line)

    def clear(self) -> None:
        """Note that scans can be used."""
        self._lines.clear()

    def lines(self) -> list[str]:
        """Return the faults, one a kind."""
        return list(self._lines.values())


def building_health(message: str, points: InputWatch, odometry: InputWatch, faults: BuilderFaults) -> Health:
    """Return the state of the inputs for /diagnostics; the conditions are in docs/nodes.md."""
    mismatched = points.mismatch() or odometry.mismatch()
    lines = faults.lines()
    health = Health(message)
    health.values = {
        "points topic": points.topic,
        "odometry topic": odometry.topic,
        "scans/s": points.rate(),
        "odometry/s": odometry.rate(),
        "quality of service": mismatched or "matches",
        "last fault": lines[-1] if lines else "none",
    }
    for line in [mismatched, *lines]:
        if line:
            health.find(Level.ERROR, line)
    for what, watch in (("scan", points), ("odometry", odometry)):
        if watch.is_silent():
            health.find(Level.WARN, f"no {what} on {watch.topic} for more than {SILENCE:.0f} s")
    return health
