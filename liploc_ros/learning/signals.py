"""Stop between two steps, not within one."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from liploc_ros.learning.distributed import Processes

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """While entered, the first Ctrl-C or SIGTERM only sets ``asked``; a second one acts as usual.

    Several processes cannot agree on a step to stop after: they are stopped at once, as usual.
    """

    def __init__(self, processes: Processes) -> None:
        self.asked = False
        self._catches = processes.size == 1 and threading.current_thread() is threading.main_thread()
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "Interruption":
        if self._catches:
            self._before = {number: signal.signal(number, self._ask) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
