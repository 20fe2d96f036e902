"""Log lines that do not flood."""

import threading
import time
from typing import Any


class ThrottledLog:
    """Warns at once when something first goes wrong, and of the same thing again only after ``period`` seconds."""

    def __init__(self, logger: Any, period: float = 10.0) -> None:
        self._logger = logger
        self._period = period
        self._lock = threading.Lock()
        self._last: dict[str, float] = {}
        self._held_back: dict[str, int] = {}

    def warn(self, key: str, message: str) -> None:
        """Log the message unless one of the same key was logged less than a period ago."""
        with self._lock:
            now = time.monotonic()
            if now - self._last.get(key, -self._period) < self._period:
                self._held_back[key] = self._held_back.get(key, 0) + 1
                return
            self._last[key] = now
            count = self._held_back.pop(key, 0)
        self._logger.warning(f"{message} ({count} more such)" if count else message)
