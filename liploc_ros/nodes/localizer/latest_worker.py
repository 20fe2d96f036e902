"""A thread that works on the newest message of each topic, so that callbacks return at once and nothing queues up."""

import threading
from collections.abc import Callable
from typing import Any


class NewestWorker:
    """Calls ``work(key, item)`` in its own thread. An item that was not begun is replaced by the next of its key.

    Keys take turns, in the order in which they have been waiting.
    """

    def __init__(self, work: Callable[[str, Any], None]) -> None:
        self._work = work
        self._waiting: dict[str, Any] = {}
        self._condition = threading.Condition()
        self._is_open = True
        self._thread = threading.Thread(target=self._run, name="newest", daemon=True)
        self._thread.start()

    def put(self, key: str, item: Any) -> bool:
        """Hand over an item; returns whether it replaced one that was not begun."""
        with self._condition:
            is_replacing = key in self._waiting
            self._waiting[key] = item
            self._condition.notify()
        return is_replacing

    def clear(self) -> None:
        """Forget what is waiting."""
        with self._condition:
            self._waiting.clear()

    def close(self) -> None:
        """End the thread after the item that it works on."""
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
