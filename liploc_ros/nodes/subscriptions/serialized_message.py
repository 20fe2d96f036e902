# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Received messages in serialized form: their header is read at once, the rest only if they are used."""

import struct
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from rclpy.serialization import deserialize_message

from liploc_ros.errors import LiplocError

ENCAPSULATION_BYTES = 4
NANOSECONDS = 1_000_000_000


class SerializedMessageError(LiplocError):
    """A message that is cut off, or of another type."""


class SerializedMessage:
    """A message in CDR, the format of DDS, whose first field is a std_msgs/Header.

    Attributes:
        data: the serialized message.
        publisher: identifies the publisher; empty where ROS does not tell it (Jazzy).
        sequence: number of the message among those of its publisher; None if the middleware does not count them.
    """

    def __init__(self, message_type: Any, data: bytes, info: Mapping[str, Any] | None = None) -> None:
        """Keep the message; ``info`` is the message info of rclpy."""
        self._message_type = message_type
        self.data = data
        info = info or {}
        self.publisher = bytes((info.get("publisher_gid") or {}).get("data", b""))
        self.sequence: int | None = info.get("publication_sequence_number")

    @property
    def stamp_ns(self) -> int:
        """Stamp of the header [ns].

        Raises:
            SerializedMessageError: the message is cut off.
        """
        return self._header[0]

    @property
    def frame_id(self) -> str:
        """Frame of the header.

        Raises:
            SerializedMessageError: the message is cut off.
        """
        return self._header[1]

    def read(self) -> Any:
        """Return the message.

        Raises:
            SerializedMessageError: it is cut off, or of another type.
        """
        try:
            return deserialize_message(self.data, self._message_type)
        except Exception as error:  # rclpy's own class for it is private
            raise self._unreadable() from error

    @cached_property
    def _header(self) -> tuple[int, str]:
        try:
            order = "<" if self.data[1] & 1 else ">"
            seconds, nanoseconds, length = struct.unpack_from(f"{order}iII", self.data, ENCAPSULATION_BYTES)
            start = ENCAPSULATION_BYTES + struct.calcsize("iII")
            frame_id = self.data[start : start + length]
            if len(frame_id) < length:
                raise self._unreadable()
        except (IndexError, struct.error) as error:
            raise self._unreadable() from error
        return seconds * NANOSECONDS + nanoseconds, frame_id.rstrip(b"\0").decode(errors="replace")

    def _unreadable(self) -> SerializedMessageError:
        return SerializedMessageError(
            f"a message of {len(self.data)} bytes is not a {self._message_type.__name__}: fix its publisher"
        )
