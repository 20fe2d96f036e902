# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Log lines with a limited rate."""

import threading
import time
from typing import Any


class ThrottledLog:
    """Logs a warning at once, and again with the same key only after ``period`` seconds."""

    def __init__(self, logger: Any, period: float = 10.0) -> None:
        self._logger = logger
        self._period = period
        self._lock = threading.Lock()
        self._logged_at: dict[str, float] = {}
        self._suppressed: dict[str, int] = {}

    def warn(self, key: str, message: str) -> None:
        """Log the message, unless one with the same key was logged within the period."""
        with self._lock:
            now = time.monotonic()
            if now - self._logged_at.get(key, -self._period) < self._period:
                self._suppressed[key] = self._suppressed.get(key, 0) + 1
                return
            self._logged_at[key] = now
            count = self._suppressed.pop(key, 0)
        self._logger.warning(f"{message} (and {count} similar)" if count else message)
