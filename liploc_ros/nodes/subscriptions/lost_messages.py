# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Counting messages that were published but never arrived."""

from collections import deque
from statistics import median

from liploc_ros.nodes.common.diagnostics import Health, Level
from liploc_ros.nodes.subscriptions.serialized_message import SerializedMessage

WINDOW = 30.0
"""Time over which the ratio of lost messages is computed [s]."""
MAX_RATIO = 0.05
"""Ratio of lost messages above which diagnostics warn."""

RECENT_INTERVALS = 30
MIN_INTERVALS = 8  # before the period is known
MIN_GAPS = 3  # in the window before diagnostics warn: a single gap is a pause
MAX_JITTER = 0.25  # of the period
MIN_REGULAR = 0.6  # of the intervals are the period, otherwise the camera has none
MAX_PERIODS, MAX_GAP = 10, 1.0  # a longer gap than both (s) is a pause or a clock jump
NANOSECONDS = 1_000_000_000
IMAGE_REMEDY = (
    "give the camera driver a shared-memory segment larger than an image, or use reliable quality of service, the "
    "compressed topic or a lower rate (docs/dds.md)"
)
SCAN_REMEDY = (
    "give the LiDAR driver a shared-memory segment larger than a scan, or use reliable quality of service or a larger "
    "queue (docs/dds.md)"
)


class LostMessages:
    """Counts the messages of a topic that did not arrive.

    Gaps in the sequence numbers of a publisher are exact, but not every middleware has them, and they do not show what
    a driver has dropped. Gaps of the stamps show both, if most stamps have the same distance: the period is the median
    distance, and a gap of n periods counts as n - 1 lost messages, unless the next messages come early: then one was
    only late. Pauses and jumps of the clock are not counted.
    """

    def __init__(self, what: str = "images", remedy: str = IMAGE_REMEDY) -> None:
        """Start without messages.

        Args:
            what: names the messages in diagnostics.
            remedy: what users can do if many are lost.
        """
        self._what, self._remedy = what, remedy
        self.total = 0
        self._recent: deque[tuple[float, int]] = deque()
        self._sequences: dict[bytes, int] = {}
        self.reset()

    def reset(self) -> None:
        """Start again with the next message, after time jumped back. The counts stay."""
        self._stamp_ns = 0
        self._received_at = 0.0
        self._late = 0  # messages missing in the last gap, of which some may still come
        self._intervals: deque[tuple[float, float]] = deque(maxlen=RECENT_INTERVALS)

    def add(self, message: SerializedMessage, now: float) -> None:
        """Count what was lost before a message that arrived at the time ``now`` [s]."""
        lost = self._missing_sequences(message)
        lost += self._missing_stamps(message.stamp_ns, now, lost)
        self.total += lost
        self._recent.append((now, lost))
        self._forget(now)

    def ratio(self, now: float) -> float:
        """Return the ratio of lost messages over the last window."""
        self._forget(now)
        lost = sum(count for _, count in list(self._recent))
        return lost / (lost + len(self._recent)) if lost else 0.0

    def report(self, health: Health, topic: str, now: float) -> str:
        """Add counts to a diagnostic status; returns the warning in it, or an empty string."""
        ratio = self.ratio(now)
        health.values |= {f"{self._what} lost": str(self.total), f"{self._what} lost, ratio": f"{ratio:.3f}"}
        gaps = sum(count > 0 for _, count in list(self._recent))
        if ratio <= MAX_RATIO or gaps < MIN_GAPS:
            return ""
        warning = f"{topic}: {ratio:.0%} of the {self._what} of the last {WINDOW:.0f} s never arrived: {self._remedy}"
        health.add(Level.WARN, warning)
        return warning

    def _forget(self, now: float) -> None:
        while self._recent and now - self._recent[0][0] > WINDOW:
            self._recent.popleft()

    def _missing_sequences(self, message: SerializedMessage) -> int:
        if message.sequence is None:
            return 0
        last = self._sequences.get(message.publisher, message.sequence)
        self._sequences[message.publisher] = message.sequence
        return max(0, message.sequence - last - 1)

    def _missing_stamps(self, stamp_ns: int, now: float, counted: int) -> int:
        """Return the messages missing before the last gap, beyond those that the sequence numbers have ``counted``."""
        interval, elapsed = 1e-9 * (stamp_ns - self._stamp_ns), now - self._received_at
        if -MAX_GAP < interval <= 0:  # a repeated or late message
            return 0
        is_first = not self._stamp_ns
        self._stamp_ns, self._received_at = stamp_ns, now
        intervals = [known for known, _ in self._intervals]
        period = median(intervals) if len(intervals) >= MIN_INTERVALS else 0.0
        if is_first or interval <= 0 or (period and interval > max(MAX_GAP, MAX_PERIODS * period)):
            return 0
        typical = median(known for _, known in self._intervals) if period else 0.0
        self._intervals.append((interval, elapsed))
        regular = sum(abs(known - period) <= MAX_JITTER * period for known in intervals)
        if not period or regular < MIN_REGULAR * len(intervals):
            return 0
        periods = round(interval / period)
        # Stamps that jump although the messages arrive steadily are a jump of the clock.
        if periods > 1 and elapsed > 0.5 * periods * typical:
            self._late += max(0, periods - 1 - counted)
            return 0
        if interval < (1 - MAX_JITTER) * period and self._late:
            self._late -= 1
            return 0
        lost, self._late = self._late, 0
        return lost
