# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""What arrives at the map builder, and what cannot be used."""

import time
from collections import Counter
from collections.abc import Collection

from rclpy.node import Node

from liploc_ros.nodes.common.diagnostics import RateMeter
from liploc_ros.nodes.common.logging import ThrottledLog
from liploc_ros.nodes.inputs.odometry_source import OdometrySubscription
from liploc_ros.nodes.inputs.silence import SilenceLog, why_silent
from liploc_ros.nodes.subscriptions.stamps import RelativeStampCheck, StampError


class InputMonitor:
    """Age, rate and stamps of the messages of a topic, whether its publishers match, and why nothing arrives."""

    def __init__(
        self,
        node: Node,
        topic: str,
        what: str,
        types: Collection[str],
        stamps: RelativeStampCheck,
        log: ThrottledLog,
    ) -> None:
        """Start without messages.

        Args:
            node: that subscribes.
            topic: full name.
            what: names a message, such as ``scan``.
            types: of the messages that the node can use.
            stamps: checks the stamps.
            log: gets mismatches of quality of service.
        """
        self.topic, self.what, self.stamps = topic, what, stamps
        self.subscription: OdometrySubscription | None = None  # set once it exists
        self._node, self._types, self._log = node, types, log
        self._rate = RateMeter()
        self._received_at = 0.0
        self._reason = ""
        self._silence = SilenceLog(node.get_logger(), what, time.monotonic())

    def check(self, stamp_ns: int, reference_ns: int) -> StampError | None:
        """Record a message, and return why its stamp cannot be used, or None.

        Args:
            stamp_ns: of the message.
            reference_ns: stamp to compare with; 0 if there is none yet.
        """
        self.tick()
        return self.stamps.check(stamp_ns, reference_ns, self._received_at)

    def tick(self) -> None:
        """Record that a message arrived."""
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
        return why_silent(self._node, self.topic, self._types, self.mismatch())

    def log_silence(self) -> None:
        """Log if nothing has arrived for some time."""
        if not self.is_received:
            self._reason = why_silent(self._node, self.topic, self._types, self.mismatch())
        self._silence.update(self._received_at, time.monotonic(), self.topic, self.why_silent)

    def rate(self) -> float:
        """Return the rate of messages [Hz]."""
        return self._rate.rate(time.monotonic())

    def mismatch(self) -> str:
        """Log and return one line about a publisher that does not match, or an empty string."""
        mismatch = self.subscription.mismatch() if self.subscription is not None else ""
        if mismatch:
            self._log.warn(f"{self.topic} qos", mismatch)
        return mismatch

    def reliability(self) -> str:
        """Return the reliability of the subscription, and why it was chosen."""
        return self.subscription.chosen if self.subscription is not None else "not subscribed yet"

    def age(self) -> float:
        """Return the time since the last message [s]."""
        return time.monotonic() - self._received_at


class BuilderFaults:
    """Faults since the last scan that was used. Each kind is logged, at a limited rate."""

    def __init__(self, log: ThrottledLog, points_topic: str) -> None:
        self._log, self._points_topic = log, points_topic
        self._lines: dict[str, str] = {}
        self._counts: Counter[str] = Counter()
        self._last: dict[str, str] = {}

    def add(self, kind: str, reason: str) -> None:
        """Record a fault; the topic of the scans is added to a reason that does not begin with a topic."""
        line = reason if reason.startswith("/") else f"{self._points_topic}: {reason}"
        self._lines[kind] = line
        self._count(kind, line)

    def add_stamp(self, topic: str, error: StampError) -> None:
        """Record a message that was refused for its stamp, of which :class:`StampCheck` warns."""
        self._count(f"{topic} {error.fault.value} stamp", str(error))

    def clear(self) -> None:
        """Remove all faults, because a scan was used."""
        self._lines.clear()

    def lines(self) -> list[str]:
        """Return the last fault of each kind."""
        return list(self._lines.values())

    def _count(self, kind: str, line: str) -> None:
        self._counts[kind] += 1
        self._last[kind] = line
        self._log.warn(kind, line)

    def counts(self) -> str:
        """Return how often each kind of fault occurred, on one line."""
        return ", ".join(f"{kind}: {count}" for kind, count in self._counts.most_common())

    def most_frequent(self) -> str:
        """Return the fault that occurred most often, with its count; empty without faults."""
        return "".join(f"{self._last[kind]} ({count} times)" for kind, count in self._counts.most_common(1))
