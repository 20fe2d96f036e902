"""A rosbag2 recording from which single messages can be read again."""

import os
import threading
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from rosbags.rosbag2 import Reader

from liploc_ros.datasets.bag.messages import TYPES
from liploc_ros.datasets.drive import DatasetError
from liploc_ros.errors import LiplocError

WINDOW_NS = 2_000_000_000
"""How far ahead of a message that is read again the reader prepares to go on."""


class MessageKey(NamedTuple):
    """Which message: the time it was recorded at, and how many of the topic were recorded at that time before it."""

    topic: str
    logged_ns: int
    repeat: int


class BagFile:
    """A rosbag2 folder, an ``.mcap`` or a ``.db3`` file, read by the rosbags library.

    Reading the messages of a topic one after the other, each when it is needed, costs one pass over them. Any other
    order costs a look-up in the bag's index for each. Objects can go to other processes and threads.
    """

    def __init__(self, path: Path) -> None:
        """Open the bag.

        Raises:
            DatasetError: it is missing, damaged, or no bag.
        """
        self.path = path
        self._process = -1
        self._lock = threading.RLock()
        self._reader: Reader | None = None
        self._cursors: dict[str, Iterator[tuple[MessageKey, Any]]] = {}
        with damage_as_error(path):
            self.topics = {c.topic: c.msgtype for c in sorted(self._open().connections, key=lambda c: c.topic)}

    def __enter__(self) -> "BagFile":
        """Return the bag."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.close()

    def close(self) -> None:
        """Close the file. It is opened again when a message is read."""
        with self._lock:
            self._cursors = {}
            if self._reader is not None:
                self._reader.close()
                self._reader = None

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is bound to this process."""
        return {"path": self.path, "topics": self.topics}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Open the bag in the process that this object has come to."""
        self.__init__(state["path"])  # type: ignore[misc]

    def describe(self) -> str:
        """Return the topics and their types on one line."""
        return ", ".join(f"{topic} ({kind.replace('/msg/', '/')})" for topic, kind in self.topics.items()) or "none"

    def messages(self, topics: Collection[str]) -> Iterator[tuple[MessageKey, Any]]:
        """Yield the messages of these topics, deserialised, in the order in which they were recorded.

        Raises:
            DatasetError: the bag is damaged.
        """
        return self._messages(topics, None, None)

    def message(self, key: MessageKey) -> Any:
        """Return one message, deserialised.

        Raises:
            DatasetError: the bag is damaged, or has changed since it was opened.
        """
        with self._lock:
            self._open()
            found = next(self._cursors.get(key.topic, iter(())), None)
            if found is None or found[0] != key:
                window = self._messages([key.topic], key.logged_ns, key.logged_ns + WINDOW_NS)
                self._cursors[key.topic] = window
                found = next((pair for pair in window if pair[0] >= key), None)
        if found is None or found[0] != key:
            raise DatasetError(
                f"{self.path}: the message of {key.topic} at {key.logged_ns} ns is gone: open the bag again"
            )
        return found[1]

    def _messages(
        self, topics: Collection[str], start: int | None, stop: int | None
    ) -> Iterator[tuple[MessageKey, Any]]:
        repeats: Counter[tuple[str, int]] = Counter()
        with damage_as_error(self.path):
            reader = self._open()
            connections = [c for c in reader.connections if c.topic in topics]
            if not connections:
                return
            for connection, logged_ns, raw in reader.messages(connections, start, stop):
                key = MessageKey(connection.topic, logged_ns, repeats[connection.topic, logged_ns])
                repeats[connection.topic, logged_ns] += 1
                # Not with the bag's own definitions: bags older than Iron have none, and damaged ones have wrong ones.
                yield key, TYPES.deserialize_cdr(raw, connection.msgtype)

    def _open(self) -> Reader:
        """Return this process's reader. A forked process must not share a file position with its parent."""
        if self._reader is None or self._process != os.getpid():
            if not self.path.exists():
                raise DatasetError(f"{self.path}: no such bag: check the path")
            with damage_as_error(self.path):
                reader = Reader(self.path)
                reader.open()
            self._reader, self._process, self._cursors = reader, os.getpid(), {}
        return self._reader


@contextmanager
def damage_as_error(path: Path) -> Iterator[None]:
    """Turn whatever reading a damaged bag raises into a DatasetError of one line."""
    try:
        yield
    except LiplocError:
        raise
    except Exception as error:  # a parser of damaged bytes can fail in any way
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise DatasetError(
            f"{path}: no rosbag2 recording, or a damaged one ({reason}): copy it again, or repair an .mcap with "
            "'mcap recover' and a bag folder with 'ros2 bag reindex'"
        ) from error
