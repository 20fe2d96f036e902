# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""A worker thread that processes the latest item of each key, so that callbacks return at once and no queue grows."""

import threading
from collections.abc import Callable
from typing import Any


class LatestWorker:
    """Calls ``work(key, item)`` in its own thread. A waiting item is replaced by a newer one with the same key.

    Keys are served in the order in which their items started to wait.
    """

    def __init__(self, work: Callable[[str, Any], None]) -> None:
        self._work = work
        self._waiting: dict[str, Any] = {}
        self._condition = threading.Condition()
        self._is_open = True
        self._thread = threading.Thread(target=self._run, name="latest_worker", daemon=True)
        self._thread.start()

    def put(self, key: str, item: Any) -> bool:
        """Add an item; returns whether it replaced a waiting one."""
        with self._condition:
            is_replacing = key in self._waiting
            self._waiting[key] = item
            self._condition.notify()
        return is_replacing

    def clear(self) -> None:
        """Remove the waiting items."""
        with self._condition:
            self._waiting.clear()

    def close(self) -> None:
        """End the thread after its current item."""
        with self._condition:
            self._is_open = False
            self._condition.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout=5.0)

    def _run(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._waiting or not self._is_open)
                if not self._is_open:
                    return
                key = next(iter(self._waiting))
                item = self._waiting.pop(key)
            self._work(key, item)
