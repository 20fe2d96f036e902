# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Progress of an engine build: a log line every few seconds, and the time limit."""

import logging
import time
from typing import Any

from liploc_ros.encoders.tensorrt.flavour import Flavour

LOG = logging.getLogger(__name__)
LOG_PERIOD = 3.0  # s


class BuildProgress:
    """Counts the steps of a build.

    Attributes:
        timed_out: whether the build was stopped at the time limit.
    """

    def __init__(self, description: str, time_limit: float, log_period: float = LOG_PERIOD) -> None:
        """Start the clock; ``time_limit`` and ``log_period`` are in seconds."""
        self._description, self._time_limit, self._log_period = description, time_limit, log_period
        self._start = self._last_log = time.monotonic()
        self._phase, self._total_steps, self._completed_steps = "starting", 1, 0
        self._root_phase = ""
        self.timed_out = False

    def monitor(self, flavour: Flavour) -> Any:
        """Return an IProgressMonitor that reports to this object; its base class is part of the flavour's module."""
        base, progress = flavour.module.IProgressMonitor, self

        class Monitor(base):  # type: ignore[misc,valid-type]
            def __init__(self) -> None:
                base.__init__(self)

            def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
                progress.start_phase(phase_name, parent_phase, num_steps)

            def step_complete(self, phase_name: str, step: int) -> bool:
                return progress.complete_step(phase_name, step)

            def phase_finish(self, phase_name: str) -> None:
                progress.complete_step(phase_name, -1)

        return Monitor()

    def start_phase(self, phase: str, parent: str | None, steps: int) -> None:
        """Record the start of a phase; the phase without a parent is the whole build."""
        if parent is None:
            self._root_phase, self._total_steps, self._completed_steps = phase, max(steps, 1), 0
        self._phase = phase
        self._log()

    def complete_step(self, phase: str, index: int) -> bool:
        """Record a completed step, and return whether the build may continue; index -1 is the end of a phase."""
        if phase == self._root_phase and index >= 0:
            self._completed_steps = index + 1
        self._log()
        self.timed_out = time.monotonic() - self._start > self._time_limit
        return not self.timed_out

    def _log(self) -> None:
        now = time.monotonic()
        if now - self._last_log >= self._log_period:
            self._last_log = now
            LOG.info(
                "building %s: step %d of %d (%s), %.0f s",
                self._description,
                min(self._completed_steps + 1, self._total_steps),
                self._total_steps,
                self._phase,
                now - self._start,
            )
