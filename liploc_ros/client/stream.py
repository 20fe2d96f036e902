# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Messages of a topic as an iterator."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from types import TracebackType
from typing import Generic, TypeVar

from liploc_ros.client.errors import NoResponseError

Item = TypeVar("Item")
MAX_WAITING = 100
WAIT_STEP = 0.1  # s between two looks at whether the node still runs


class Stream(Generic[Item]):
    """Iterates over what arrives from now on, as a context; leaving it unsubscribes.

    At most 100 items wait to be taken. Then the oldest is dropped.

    Attributes:
        dropped: number of items that were dropped.
    """

    def __init__(self, topic: str, timeout: float | None, while_waiting: Callable[[], None]) -> None:
        """Start empty.

        Args:
            topic: full name, for errors.
            timeout: longest time between two items [s]; None for no limit.
            while_waiting: called again and again while nothing arrives; may raise.
        """
        self.dropped = 0
        self._topic, self._timeout, self._while_waiting = topic, timeout, while_waiting
        self._items: queue.Queue[Item | None] = queue.Queue()  # None: closed
        self._is_closed = False
        self._on_close: Callable[[], None] = lambda: None

    def on_close(self, function: Callable[[], None]) -> Stream[Item]:
        """Call a function when the stream is closed; returns the stream."""
        self._on_close = function
        return self

    def put(self, item: Item) -> None:
        """Add an item."""
        if self._items.qsize() >= MAX_WAITING:
            self.dropped += 1
            self._items.get_nowait()
        self._items.put(item)

    def close(self) -> None:
        """Unsubscribe; an iteration over the stream ends."""
        if not self._is_closed:
            self._is_closed = True
            self._on_close()
            self._items.put(None)

    def __iter__(self) -> Stream[Item]:
        """Return the stream."""
        return self

    def __next__(self) -> Item:
        """Return the next item, and wait for it.

        Raises:
            NoResponseError: nothing arrived in time.
            StopIteration: the stream was closed.
        """
        started = time.monotonic()
        while True:
            try:
                item = self._items.get(timeout=WAIT_STEP)
            except queue.Empty:
                if self._is_closed:
                    raise StopIteration from None
                self._while_waiting()
                if self._timeout is not None and time.monotonic() - started > self._timeout:
                    raise NoResponseError(
                        f"{self._topic}: nothing arrived for {self._timeout:g} s: check that the node runs and gets "
                        "images (liploc doctor)"
                    ) from None
                continue
            if item is None:
                raise StopIteration
            return item

    def __enter__(self) -> Stream[Item]:
        """Return the stream."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Unsubscribe."""
        self.close()
