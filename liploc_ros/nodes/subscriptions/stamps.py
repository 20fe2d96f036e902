# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Checking the stamps of messages: against the clock of the node, or against other messages."""

from collections import Counter
from enum import Enum
from typing import NamedTuple

from liploc_ros.errors import LiplocError
from liploc_ros.nodes.common.diagnostics import Health, Level

MAX_AGE = 60.0  # s, if max_image_age is not higher; results for an older image are of no use
RECORDED_AGE = 86_400.0  # s; older messages are of a recording
MAX_FUTURE = 2.0  # s that a stamp may be ahead: of a simulated clock, which arrives late
MAX_DIFFERENCE = 60.0  # s between messages of which the poses of the last 60 s are kept
MAX_REPEATS, MAX_REPEAT_TIME = 10, 1.0  # messages and s with the same stamp: one may be published repeatedly
WARN_TIME = 5.0  # s that diagnostics warn after the last fault
NANOSECONDS = 1_000_000_000


class StampFault(Enum):
    """Why a stamp is refused; RECORDED is used with a warning."""

    ZERO = "zero"
    CONSTANT = "constant"
    OLD = "old"
    FUTURE = "future"
    RECORDED = "recorded"


REFUSED = (StampFault.ZERO, StampFault.CONSTANT, StampFault.OLD, StampFault.FUTURE)


class StampError(LiplocError):
    """A message whose stamp cannot be used."""

    def __init__(self, fault: StampFault, message: str) -> None:
        super().__init__(message)
        self.fault = fault

    @property
    def is_refused(self) -> bool:
        """Whether the message must not be used."""
        return self.fault in REFUSED


class MessageName(NamedTuple):
    """What messages are called: one, and all of them."""

    one: str
    all: str


IMAGES = MessageName("image", "images")
SCANS = MessageName("scan", "scans")
ODOMETRY = MessageName("odometry message", "odometry")


class StampCheck:
    """Checks the stamps of a topic, and counts those that are refused.

    This class refuses stamps that are zero or constant. Subclasses compare them with a time.
    """

    def __init__(self, topic: str, name: MessageName) -> None:
        """Prepare; ``name`` is what the messages of the topic are called."""
        self._topic, self._name = topic, name
        self._counts: Counter[StampFault] = Counter()
        self._warnings: dict[StampFault, tuple[float, str]] = {}
        self._last_ns = -1
        self._repeats = 0
        self._changed_at = 0.0

    def check(self, stamp_ns: int, reference_ns: int, now: float) -> StampError | None:
        """Return why a stamp cannot be used, or None; a stamp of a recording is returned, and can be used.

        Args:
            stamp_ns: of the message.
            reference_ns: time to compare with; 0 if it is not known, as before the first message on /clock.
            now: steady time [s].
        """
        if stamp_ns != self._last_ns:
            self._last_ns, self._repeats, self._changed_at = stamp_ns, -1, now
        self._repeats += 1
        is_constant = self._repeats >= MAX_REPEATS and now - self._changed_at > MAX_REPEAT_TIME
        error = self._find(stamp_ns, is_constant, (reference_ns - stamp_ns) / NANOSECONDS if reference_ns else 0.0)
        if error is not None:
            self._counts[error.fault] += 1
            self._warnings[error.fault] = now, str(error)
        return error

    def report(self, health: Health, now: float) -> None:
        """Add the counts, and a warning for each fault of the last seconds, to a diagnostic status."""
        for fault in REFUSED:
            health.values[f"{self._name.all} refused: {fault.value} stamp"] = str(self._counts[fault])
        for at, warning in list(self._warnings.values()):
            if now - at < WARN_TIME:
                health.add(Level.WARN, warning)

    def _find(self, stamp_ns: int, is_constant: bool, age: float) -> StampError | None:
        remedy = "set header.stamp in the driver to the time of the measurement"
        if not stamp_ns:
            return self._error(StampFault.ZERO, f"stamps are zero: {remedy}")
        if is_constant:
            return self._error(
                StampFault.CONSTANT,
                f"the last {self._repeats + 1} messages have the same stamp, {stamp_ns / NANOSECONDS:.3f} s: {remedy}",
            )
        return self._compare(age)

    def _compare(self, age: float) -> StampError | None:
        """Return why a message of this age cannot be used; the age [s] is relative to the reference."""
        return None

    def _error(self, fault: StampFault, text: str) -> StampError:
        return StampError(fault, f"{self._topic}: {text}")


class ClockStampCheck(StampCheck):
    """Compares the stamps with the clock of the node.

    Attributes:
        max_image_age: parameter of the localizer, which may change [s]; 0 for no limit.
    """

    def __init__(self, topic: str, name: MessageName, max_image_age: float) -> None:
        """Prepare; ``max_image_age`` is the parameter of the localizer [s], 0 for no limit."""
        super().__init__(topic, name)
        self.max_image_age = max_image_age

    def _compare(self, age: float) -> StampError | None:
        one = self._name.one
        if age < -MAX_FUTURE:
            return self._error(
                StampFault.FUTURE,
                f"the {one} is stamped {duration(-age)} in the future: synchronize the clocks of sensor and computer, "
                "or set use_sim_time if a bag is played",
            )
        if not self.max_image_age or age <= max(MAX_AGE, self.max_image_age):
            return None
        if age > RECORDED_AGE:
            return self._error(
                StampFault.RECORDED,
                f"the {one} is {duration(age)} old: set use_sim_time if a bag is played, or max_image_age to 0.0",
            )
        return self._error(
            StampFault.OLD,
            f"the {one} is {duration(age)} old: synchronize the clocks of sensor and computer, set use_sim_time if a "
            "bag is played, or set max_image_age to 0.0",
        )


class RelativeStampCheck(StampCheck):
    """Compares the stamps with those of other messages, whatever the clock of the node: a bag may be played."""

    def __init__(self, topic: str, name: MessageName, reference: str, remedy: str) -> None:
        """Prepare.

        Args:
            topic: full name.
            name: what its messages are called.
            reference: what the stamps are compared with, such as ``the newest odometry``.
            remedy: what the user should do.
        """
        super().__init__(topic, name)
        self._reference, self._remedy = reference, remedy

    def _compare(self, age: float) -> StampError | None:
        if abs(age) <= MAX_DIFFERENCE:
            return None
        fault, word = (StampFault.OLD, "older") if age > 0 else (StampFault.FUTURE, "newer")
        text = f"the {self._name.one} is {duration(abs(age))} {word} than {self._reference}: {self._remedy}"
        return self._error(fault, text)


def duration(seconds: float) -> str:
    """Return a time in words."""
    if seconds > RECORDED_AGE:
        return f"{seconds / 86_400:.0f} days"
    return f"{seconds:.0f} s" if seconds >= MAX_AGE else f"{seconds:.1f} s"
