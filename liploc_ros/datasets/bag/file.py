# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Random access to the messages of a rosbag2 recording."""

import os
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from rosbags.interfaces import Connection, ConnectionExtRosbag2
from rosbags.rosbag2 import Reader

from liploc_ros.datasets.bag.messages import TYPES
from liploc_ros.datasets.drive import DatasetError
from liploc_ros.datasets.file_kind import check_kind
from liploc_ros.errors import LiplocError

FOREIGN_SCHEMAS = ("ros1msg", "protobuf", "jsonschema", "flatbuffer")
"""Encodings of message definitions in .mcap files that are not of ROS 2, and that rosbags does not read."""
READ_AHEAD_NS = 2_000_000_000
"""After a message was looked up in the index, the following messages up to this time are read sequentially."""


ReadMessage = Callable[[], Any]
"""Returns a deserialized message."""


class MessageKey(NamedTuple):
    """Identifies a message by its topic, recording time, and number among messages with the same topic and time."""

    topic: str
    logged_ns: int
    repeat: int


class BagFile:
    """A rosbag2 folder, an ``.mcap`` or a ``.db3`` file, read with the rosbags library.

    Reading the messages of a topic in sequence takes one pass over them. In any other order, each message takes a
    look-up in the index of the bag. Objects can be passed to other processes and threads.
    """

    def __init__(self, path: Path) -> None:
        """Open the bag.

        Raises:
            DatasetError: the bag is missing, damaged, or not a bag.
        """
        self.path = path
        self._process = -1
        self._lock = threading.RLock()
        self._reader: Reader | None = None
        self._cursors: dict[str, Iterator[tuple[MessageKey, ReadMessage]]] = {}
        check_kind(path)
        with convert_read_errors(path):
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
        """Return the state without the open file, which belongs to this process."""
        return {"path": self.path, "topics": self.topics}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Open the bag in the process that unpickles the object."""
        self.__init__(state["path"])  # type: ignore[misc]

    def describe(self) -> str:
        """Return the topics and their types on one line."""
        return ", ".join(f"{topic} ({kind.replace('/msg/', '/')})" for topic, kind in self.topics.items()) or "none"

    def check_cdr(self) -> None:
        """Check that all messages are serialized as ROS 2 does, so that they can be published.

        Raises:
            DatasetError: those of a topic are not.
        """
        with convert_read_errors(self.path):
            for connection in self._open().connections:
                check_cdr(connection, self.path)

    def messages(
        self, topics: Collection[str], on_damaged: Callable[[MessageKey, str], None] | None = None
    ) -> Iterator[tuple[MessageKey, Any]]:
        """Yield the deserialized messages of these topics, in the order of recording.

        Args:
            topics: to read.
            on_damaged: called with the key and the reason for each message that cannot be deserialized; without it
                such a message is an error.

        Raises:
            DatasetError: the bag is damaged.
        """
        for key, read in self._messages(topics, None, None):
            try:
                msg = read()
            except DatasetError as error:
                if on_damaged is None:
                    raise
                on_damaged(key, str(error))
                continue
            yield key, msg

    def message(self, key: MessageKey) -> Any:
        """Return one deserialized message.

        Raises:
            DatasetError: the bag is damaged, or has changed since it was opened.
        """
        with self._lock:
            self._open()
            found = next(self._cursors.get(key.topic, iter(())), None)
            if found is None or found[0] != key:
                window = self._messages([key.topic], key.logged_ns, key.logged_ns + READ_AHEAD_NS)
                self._cursors[key.topic] = window
                found = next((pair for pair in window if pair[0] >= key), None)
        if found is None or found[0] != key:
            raise DatasetError(
                f"{self.path}: the message of {key.topic} at {key.logged_ns} ns is missing: open the bag again"
            )
        return found[1]()

    def _messages(
        self, topics: Collection[str], start: int | None, stop: int | None
    ) -> Iterator[tuple[MessageKey, ReadMessage]]:
        repeats: Counter[tuple[str, int]] = Counter()
        with convert_read_errors(self.path):
            reader = self._open()
            connections = [c for c in reader.connections if c.topic in topics]
            if not connections:
                return
            for connection in connections:
                check_cdr(connection, self.path)
            for connection, logged_ns, raw in reader.messages(connections, start, stop):
                key = MessageKey(connection.topic, logged_ns, repeats[connection.topic, logged_ns])
                repeats[connection.topic, logged_ns] += 1
                yield key, partial(_deserialize, raw, connection.msgtype, f"{self.path}: {connection.topic}")

    def _open(self) -> Reader:
        """Return the reader of this process. A forked process must not share a file position with its parent."""
        if self._reader is None or self._process != os.getpid():
            if not self.path.exists():
                raise DatasetError(f"{self.path}: does not exist: check the path")
            with convert_read_errors(self.path):
                reader = Reader(self.path)
                reader.open()
            self._reader, self._process, self._cursors = reader, os.getpid(), {}
        return self._reader


def check_cdr(connection: Connection, path: Path) -> None:
    """Check that the messages of a topic are serialized as ROS 2 does.

    Raises:
        DatasetError: they are those of ROS 1, Protobuf, JSON or others.
    """
    kind = connection.ext.serialization_format if isinstance(connection.ext, ConnectionExtRosbag2) else "ROS 1"
    if kind != "cdr":
        raise DatasetError(
            f"{path}: messages of {connection.topic} are serialized as {kind or 'nothing'}, not as cdr of ROS 2: "
            "convert the recording, for instance with rosbags-convert"
        )


def _deserialize(raw: bytes, msgtype: str, source: str) -> Any:
    # Bags older than Iron have no message definitions, and damaged bags have wrong ones.
    try:
        return TYPES.deserialize_cdr(raw, msgtype)
    except Exception as error:  # the parser of damaged bytes can raise anything
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise DatasetError(f"{source}: the message cannot be deserialized ({reason})") from error


@contextmanager
def convert_read_errors(path: Path) -> Iterator[None]:
    """Convert any error from reading a damaged bag into a DatasetError with one line."""
    try:
        yield
    except LiplocError:
        raise
    except Exception as error:  # parsers of damaged bytes can raise anything
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        if isinstance(error, KeyError) and error.args[:1] in [(name,) for name in FOREIGN_SCHEMAS]:
            raise DatasetError(
                f"{path}: has message definitions of kind {error.args[0]!r}, not those of ROS 2: "
                "convert the recording to ROS 2"
            ) from error
        raise DatasetError(
            f"{path}: not a rosbag2 recording, or a damaged one ({reason}): copy it again, or repair an .mcap with "
            "'mcap recover' and a bag folder with 'ros2 bag reindex'"
        ) from error
