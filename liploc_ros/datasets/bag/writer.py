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

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

METADATA_VERSION: Literal[8] = 8  # the last one that Humble and Jazzy read alike
FOREVER = QosTime(9223372036, 854775807)  # RMW_DURATION_INFINITE


class BagWriter:
    """An ``.mcap`` that holds its message definitions, offered QoS and metadata, so that it needs no folder around it.

    ``ros2 bag play`` and ``info`` take the file itself. It appears under its name when it is complete, and not before;
    what was there stays until then. Chunks are compressed with zstd and carry its checksum.
    """

    def __init__(self, path: Path, *, force: bool = False, level: int = 3) -> None:
        """Prepare to write, with a zstd level from 1 to 22; nothing is touched before the ``with``.

        Raises:
            DatasetError: the name does not end in .mcap, there is no such folder, or the file exists without ``force``.
        """
        self.path = Path(path).absolute()
        self._level = level
        if self.path.suffix != ".mcap":
            raise DatasetError(f"{path}: a bag is written as .mcap: give a name that ends in .mcap")
        if not self.path.parent.is_dir():
            raise DatasetError(f"{path}: no folder {self.path.parent}: make it first")
        if self.path.is_dir() or (self.path.exists() and not force):
            raise DatasetError(f"{path}: exists already: choose another name or overwrite it with --force")

    def __enter__(self) -> "BagWriter":
        """Open a temporary file beside the target."""
        try:
            self._folder = tempfile.TemporaryDirectory(prefix=f".{self.path.stem}.", dir=self.path.parent)
        except OSError as error:
            raise self._unwritable(error) from error
        self._bag = Path(self._folder.name) / self.path.stem
        self._writer = Writer(self._bag, version=METADATA_VERSION, storage_plugin=StoragePlugin.MCAP)
        self._writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
        self._writer.open()
        if isinstance(self._writer.storage, McapWriter):
            self._writer.storage.compressor = self._compress
        self._connections: dict[str, Any] = {}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the file its name, or leave no trace after an error."""
        with self._folder:
            if error is None:
                try:
                    self._writer.close()
                    (self._bag / self.path.name).replace(self.path)
                except OSError as failure:
                    raise self._unwritable(failure) from failure
                return
            self._writer.abort()
        if isinstance(error, OSError):
            raise self._unwritable(error) from error

    def add_topic(self, topic: str, msgtype: str, *, is_latched: bool = False) -> None:
        """Announce a topic. Latched: late subscribers get the last message, as on /tf_static."""
        durability = QosDurability.TRANSIENT_LOCAL if is_latched else QosDurability.VOLATILE
        qos = Qos(
            history=QosHistory.KEEP_LAST,
            depth=1 if is_latched else 10,
            reliability=QosReliability.RELIABLE,
            durability=durability,
            deadline=FOREVER,
            lifespan=FOREVER,
            liveliness=QosLiveliness.AUTOMATIC,
            liveliness_lease_duration=FOREVER,
            avoid_ros_namespace_conventions=False,
        )
        self._connections[topic] = self._writer.add_connection(
            topic, msgtype, typestore=TYPES, offered_qos_profiles=[qos]
        )

    def write(self, topic: str, stamp_ns: int, msg: Any) -> None:
        """Write a message of :mod:`~liploc_ros.datasets.bag.messages`, recorded at ``stamp_ns``."""
        connection = self._connections[topic]
        self._writer.write(connection, stamp_ns, TYPES.serialize_cdr(msg, connection.msgtype))

    def _unwritable(self, error: OSError) -> DatasetError:
        return DatasetError(f"{self.path}: cannot be written ({error.strerror}): make room or choose another folder")

    def _compress(self, chunk: bytes) -> bytes:
        parameters: dict[int, int] = {
            zstd.CompressionParameter.compression_level: self._level,
            zstd.CompressionParameter.checksum_flag: 1,
        }
        return zstd.compress(chunk, options=parameters)
