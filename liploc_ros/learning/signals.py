# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Stop a run between two steps, not within a step."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from liploc_ros.learning.distributed import Processes

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """While entered, the first Ctrl-C or SIGTERM only sets ``received``; the next one has its usual effect.

    Several processes have no common step to stop after: there the signals always have their usual effect.
    """

    def __init__(self, processes: Processes) -> None:
        self.received = False
        self._is_active = processes.size == 1 and threading.current_thread() is threading.main_thread()
        self._previous_handlers: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "StopRequest":
        if self._is_active:
            self._previous_handlers = {number: signal.signal(number, self._receive) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.received = True
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._previous_handlers.items():
            signal.signal(number, handler)
        self._previous_handlers = {}
