# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The clock of a recording: pause, step, speed."""

import threading
import time
from collections.abc import Callable

from liploc_ros.errors import LiplocError

MAX_LAG = 0.5  # s behind the clock after which it is set back, so that later images are not hurried
POLL_PERIOD = 0.2  # s
NANOSECONDS = 1e9


class Playback:
    """Says when the next image of a recording is due. Controls may be used from any thread."""

    def __init__(self, rate: float = 1.0, *, paused: bool = False, when_changed: Callable[[], None] | None = None):
        """Start at a speed relative to the recording.

        Args:
            rate: positive.
            paused: wait for :meth:`resume` or :meth:`step`.
            when_changed: called after a control was used.

        Raises:
            LiplocError: the rate is not positive.
        """
        if not rate > 0:
            raise LiplocError(f"rate {rate:g}: give a positive number")
        self.when_changed = when_changed or (lambda: None)
        self._rate, self._paused, self._steps = rate, paused, 0
        self._is_restarting = self._is_stopped = False
        self._anchor: tuple[float, int] | None = None  # a time of the clock [s], and the stamp that is due then [ns]
        self._changed = threading.Condition()

    @property
    def rate(self) -> float:
        """Speed relative to the recording."""
        return self._rate

    @property
    def is_paused(self) -> bool:
        """Whether only steps are taken."""
        return self._paused

    @property
    def is_stopped(self) -> bool:
        """Whether the recording is not played any more."""
        return self._is_stopped

    def pause(self) -> None:
        """Stop before the next image."""
        self._set(_paused=True)

    def resume(self) -> None:
        """Continue."""
        self._set(_paused=False, _steps=0)

    def step(self) -> None:
        """Pause, and play one image."""
        self._set(_paused=True, _steps=self._steps + 1)

    def set_rate(self, rate: float) -> None:
        """Change the speed."""
        self._set(_rate=rate)

    def restart(self) -> None:
        """Start again with the first image."""
        self._set(_is_restarting=True, _steps=0)

    def stop(self) -> None:
        """End."""
        self._set(_is_stopped=True)

    def wait_until_due(self, stamp_ns: int) -> bool:
        """Wait until an image is due; return False if the recording is to be stopped or started again."""
        with self._changed:
            while not (self._is_stopped or self._is_restarting):
                if self._steps:
                    self._steps -= 1
                    return True
                remaining = POLL_PERIOD if self._paused else self._remaining(stamp_ns)
                if remaining <= 0:
                    return True
                self._changed.wait(min(remaining, POLL_PERIOD))
            return False

    def wait_for_restart(self) -> bool:
        """Wait at the end of the recording; return whether it is to be started again.

        The end is a pause: resuming starts again.
        """
        if not self._is_restarting:
            self._set(_paused=True, _steps=0)
        with self._changed:
            while not (self._is_stopped or self._is_restarting) and self._paused:
                self._changed.wait(POLL_PERIOD)
            self._is_restarting, self._anchor = False, None
            return not self._is_stopped

    def _remaining(self, stamp_ns: int) -> float:
        """Return the seconds until an image is due."""
        now = time.monotonic()
        if self._anchor is None:
            self._anchor = now, stamp_ns
        begin, first_ns = self._anchor
        remaining = begin + (stamp_ns - first_ns) / NANOSECONDS / self._rate - now
        if remaining < -MAX_LAG:
            self._anchor = now, stamp_ns
        return remaining

    def _set(self, **values: object) -> None:
        with self._changed:
            for name, value in values.items():
                setattr(self, name, value)
            self._anchor = None
            self._changed.notify_all()
        self.when_changed()
