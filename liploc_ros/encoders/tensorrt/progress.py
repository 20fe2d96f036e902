"""How far the building of an engine is: a line in the log every few seconds, and an end at the time limit."""

import logging
import time
from typing import Any

from liploc_ros.encoders.tensorrt.module import Flavour

LOG = logging.getLogger(__name__)
PERIOD = 3.0  # s


class Progress:
    """Counts the steps of a build.

    Attributes:
        timed_out: whether it was ended because it took too long.
    """

    def __init__(self, what: str, limit: float, period: float = PERIOD) -> None:
        """Begin; ``limit`` and ``period`` [s]."""
        self._what, self._limit, self._period = what, limit, period
        self._start = self._told = time.monotonic()
        self._phase, self._total, self._done = "starting", 1, 0
        self._outermost = ""
        self.timed_out = False

    def monitor(self, flavour: Flavour) -> Any:
        """Return the IProgressMonitor that tells of the steps; its base class comes with the module."""
        base, progress = flavour.module.IProgressMonitor, self

        class Monitor(base):  # type: ignore[misc,valid-type]
            def __init__(self) -> None:
                base.__init__(self)

            def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
                progress.begin(phase_name, parent_phase, num_steps)

            def step_complete(self, phase_name: str, step: int) -> bool:
                return progress.step(phase_name, step)

            def phase_finish(self, phase_name: str) -> None:
                progress.step(phase_name, -1)

        return Monitor()

    def begin(self, phase: str, parent: str | None, steps: int) -> None:
        """Note a phase; that without a parent is the whole."""
        if parent is None:
            self._outermost, self._total, self._done = phase, max(steps, 1), 0
        self._phase = phase
        self._tell()

    def step(self, phase: str, number: int) -> bool:
        """Note a step, and say whether to go on."""
        if phase == self._outermost and number >= 0:
            self._done = number + 1
        self._tell()
        self.timed_out = time.monotonic() - self._start > self._limit
        return not self.timed_out

    def _tell(self) -> None:
        now = time.monotonic()
        if now - self._told >= self._period:
            self._told = now
            LOG.info(
                "building %s: step %d of %d (%s), %.0f s",
                self._what,
                min(self._done + 1, self._total),
                self._total,
                self._phase,
                now - self._start,
            )
