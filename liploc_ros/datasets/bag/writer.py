# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Write a rosbag2 recording as one ``.mcap`` file."""

import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.rosbag2.storage_mcap import McapWriter

from liploc_ros.datasets.bag.messages import TYPES
from liploc_ros.datasets.drive import DatasetError
from liploc_ros.files import replace_file, unwritable

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

METADATA_VERSION: Literal[8] = 8  # the latest version that both Humble and Jazzy read
INFINITE = QosTime(9223372036, 854775807)  # RMW_DURATION_INFINITE


class BagWriter:
    """Writes a self-contained ``.mcap`` file with message definitions, offered QoS and metadata.

    ``ros2 bag play`` and ``ros2 bag info`` accept the file without a bag folder. The file gets its name only when it is
    complete; an existing file stays until then. Chunks are compressed with zstd and have its checksum.
    """

    def __init__(self, path: Path, *, force: bool = False, level: int = 3) -> None:
        """Check the path. ``level`` is the zstd level, 1 to 22. Writing starts with the ``with`` block.

        Raises:
            DatasetError: the name does not end in .mcap, the folder is missing, or the file exists without ``force``.
        """
        self.path = Path(path).absolute()
        self._level = level
        if self.path.suffix != ".mcap":
            raise DatasetError(f"{path}: bags are written as .mcap files: give a name that ends in .mcap")
        if not self.path.parent.is_dir():
            raise DatasetError(f"{path}: the folder {self.path.parent} does not exist: create it first")
        if self.path.is_dir() or (self.path.exists() and not force):
            raise DatasetError(f"{path}: already exists: choose another name or overwrite it with --force")

    def __enter__(self) -> "BagWriter":
        """Open a temporary file next to the target.

        Raises:
            FileError: it cannot be written.
        """
        try:
            self._folder = tempfile.TemporaryDirectory(prefix=f".{self.path.stem}.", dir=self.path.parent)
            self._bag = Path(self._folder.name) / self.path.stem
            self._writer = Writer(self._bag, version=METADATA_VERSION, storage_plugin=StoragePlugin.MCAP)
            self._writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
            self._writer.open()
        except OSError as error:
            raise unwritable(self.path, error) from error
        if isinstance(self._writer.storage, McapWriter):
            self._writer.storage.compressor = self._compress
        self._connections: dict[str, Any] = {}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the file its name, or remove it after an error.

        Raises:
            FileError: it cannot be written.
        """
        with self._folder:
            if error is None:
                try:
                    self._writer.close()
                except OSError as failure:
                    raise unwritable(self.path, failure) from failure
                replace_file(self._bag / self.path.name, self.path)
                return
            self._writer.abort()
        if isinstance(error, OSError):
            raise unwritable(self.path, error) from error

    def add_topic(self, topic: str, msgtype: str, *, is_latched: bool = False) -> None:
        """Add a topic. Late subscribers of a latched topic get its last message, as on /tf_static."""
        durability = QosDurability.TRANSIENT_LOCAL if is_latched else QosDurability.VOLATILE
        qos = Qos(
            history=QosHistory.KEEP_LAST,
            depth=1 if is_latched else 10,
            reliability=QosReliability.RELIABLE,
            durability=durability,
            deadline=INFINITE,
            lifespan=INFINITE,
            liveliness=QosLiveliness.AUTOMATIC,
            liveliness_lease_duration=INFINITE,
            avoid_ros_namespace_conventions=False,
        )
        self._connections[topic] = self._writer.add_connection(
            topic, msgtype, typestore=TYPES, offered_qos_profiles=[qos]
        )

    def write(self, topic: str, stamp_ns: int, msg: Any) -> None:
        """Write a message of :mod:`~liploc_ros.datasets.bag.messages` with the recording time ``stamp_ns``."""
        connection = self._connections[topic]
        self._writer.write(connection, stamp_ns, TYPES.serialize_cdr(msg, connection.msgtype))

    def _compress(self, chunk: bytes) -> bytes:
        parameters: dict[int, int] = {
            zstd.CompressionParameter.compression_level: self._level,
            zstd.CompressionParameter.checksum_flag: 1,
        }
        return zstd.compress(chunk, options=parameters)
