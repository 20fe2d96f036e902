# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Checking the stamps of images against the clock of the node."""

from collections import Counter
from enum import Enum

from liploc_ros.errors import LiplocError
from liploc_ros.nodes.common.diagnostics import Health, Level

MAX_AGE = 60.0  # s, if max_image_age is not higher; results for an older image are of no use
RECORDED_AGE = 86_400.0  # s; older images are of a recording
MAX_FUTURE = 2.0  # s that a stamp may be ahead: of a simulated clock, which arrives late
MAX_REPEATS, MAX_REPEAT_TIME = 10, 1.0  # images and s with the same stamp: a single image may be published repeatedly
WARN_TIME = 5.0  # s that diagnostics warn after the last fault


class StampFault(Enum):
    """Why a stamp is refused; RECORDED is used with a warning."""

    ZERO = "zero"
    CONSTANT = "constant"
    OLD = "old"
    FUTURE = "future"
    RECORDED = "recorded"


REFUSED = (StampFault.ZERO, StampFault.CONSTANT, StampFault.OLD, StampFault.FUTURE)


class StampError(LiplocError):
    """An image whose stamp cannot be used."""

    def __init__(self, fault: StampFault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


class StampCheck:
    """Checks the stamps of a topic, and counts those that are refused.

    Attributes:
        max_image_age: parameter of the localizer, which may change [s]; 0 for no limit.
    """

    def __init__(self, topic: str, max_image_age: float) -> None:
        """Prepare; ``max_image_age`` is the parameter of the localizer [s], 0 for no limit."""
        self._topic, self.max_image_age = topic, max_image_age
        self._counts: Counter[StampFault] = Counter()
        self._warnings: dict[StampFault, tuple[float, str]] = {}
        self._last_ns = -1
        self._repeats = 0
        self._changed_at = 0.0

    def check(self, stamp_ns: int, clock_ns: int, now: float) -> StampError | None:
        """Return why a stamp cannot be used, or None; a stamp of a recording is returned, and can be used.

        Args:
            stamp_ns: of the image.
            clock_ns: time of the node's clock; 0 before the first message on /clock, then ages are not known.
            now: steady time [s].
        """
        if stamp_ns != self._last_ns:
            self._last_ns, self._repeats, self._changed_at = stamp_ns, -1, now
        self._repeats += 1
        is_constant = self._repeats >= MAX_REPEATS and now - self._changed_at > MAX_REPEAT_TIME
        error = self._find(stamp_ns, is_constant, 1e-9 * (clock_ns - stamp_ns) if clock_ns else 0.0)
        if error is not None:
            self._counts[error.fault] += 1
            self._warnings[error.fault] = now, str(error)
        return error

    def report(self, health: Health, now: float) -> None:
        """Add the counts, and a warning for each fault of the last seconds, to a diagnostic status."""
        for fault in REFUSED:
            health.values[f"images refused: {fault.value} stamp"] = str(self._counts[fault])
        for at, warning in list(self._warnings.values()):
            if now - at < WARN_TIME:
                health.add(Level.WARN, warning)

    def _find(self, stamp_ns: int, is_constant: bool, age: float) -> StampError | None:
        if not stamp_ns:
            return self._error(StampFault.ZERO, "stamps are zero: set header.stamp in the driver to the capture time")
        if is_constant:
            return self._error(
                StampFault.CONSTANT,
                f"the last {self._repeats + 1} images have the same stamp, {1e-9 * stamp_ns:.3f} s: set header.stamp "
                "in the driver to the capture time of each image",
            )
        if age < -MAX_FUTURE:
            return self._error(
                StampFault.FUTURE,
                f"the image is stamped {-age:.1f} s in the future: synchronize the clocks of camera and computer, or "
                "set use_sim_time if a bag is played",
            )
        if not self.max_image_age or age <= max(MAX_AGE, self.max_image_age):
            return None
        if age > RECORDED_AGE:
            return self._error(
                StampFault.RECORDED,
                f"the image is {age / 86_400:.0f} days old: set use_sim_time if a bag is played, or max_image_age to "
                "0.0",
            )
        return self._error(
            StampFault.OLD,
            f"the image is {age:.0f} s old: synchronize the clocks of camera and computer, set use_sim_time if a bag "
            "is played, or set max_image_age to 0.0",
        )

    def _error(self, fault: StampFault, text: str) -> StampError:
        return StampError(fault, f"{self._topic}: {text}")
