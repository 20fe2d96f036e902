"""Engines on disk: ``KEY.plan`` and ``KEY.json`` beside it, shared by all processes of a user."""

import hashlib
import logging
import os
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple, TypeVar

from pydantic import Field, ValidationError

from liploc_ros.encoders.encoder import ModelError
from liploc_ros.encoders.tensorrt.engine_key import EngineKey
from liploc_ros.encoders.tensorrt.file_lock import locked
from liploc_ros.schema import FrozenModel

LOG = logging.getLogger(__name__)
WAIT = 3600.0  # s; longer than any build may take

Use = TypeVar("Use")


def default_folder() -> Path:
    """Return the folder of the user's engines, by the XDG base directory specification."""
    root = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(root) if Path(root).is_absolute() else Path.home() / ".cache") / "liploc_ros" / "engines"


class EngineRecord(FrozenModel):
    """What lies beside an engine."""

    key: EngineKey
    model: str = Field("", description="the ONNX file that it was built from")
    created_at: datetime
    bytes: int
    sha256: str = Field(description="of the engine")


class Entry(NamedTuple):
    """An engine in the cache, whole or not.

    Attributes:
        digest: of its key.
        record: None if it cannot be read.
        fault: why it cannot be used by any process; empty for none.
    """

    digest: str
    record: EngineRecord | None
    fault: str


class EngineCache:
    """A folder of engines. Of processes that want the same engine one builds it, and the others wait."""

    def __init__(self, folder: Path | None = None) -> None:
        """Use a folder, which is made when the first engine is; without one the user's."""
        self.folder = default_folder() if folder is None else Path(folder).expanduser().absolute()

    def get(self, key: EngineKey, model: Path, build: Callable[[], bytes], use: Callable[[bytes], Use]) -> Use:
        """Return what ``use`` makes of the engine of a key, which is built if it is not there or cannot be used.

        Args:
            key: of the engine.
            model: the ONNX file it is built from.
            build: builds the engine.
            use: deserializes it; a ModelError of a cached engine has it built again.

        Raises:
            ModelError: it cannot be built or used, or the folder cannot be written.
        """
        with locked(self.path(key.digest, ".lock"), WAIT, f"it builds {key}"):
            plan, reason = self._read(key)
            if plan is not None:
                try:
                    return use(plan)
                except ModelError as error:
                    reason = f"refused: {error}"
            if reason:
                LOG.warning("engine %s: %s: building it again", key.digest[:12], reason)
            plan = build()
            self._write(key, model, plan)
            return use(plan)

    def entries(self) -> list[Entry]:
        """Return all engines, in the order of their files' names, and check that they are whole."""
        digests = sorted({f.stem for f in self.folder.glob("*") if f.suffix in (".plan", ".json") and _is_digest(f)})
        return [self._entry(digest) for digest in digests]

    def remove(self, digest: str) -> bool:
        """Remove an engine and what belongs to it, and say whether it could be: not while it is being built."""
        try:
            with locked(self.path(digest, ".lock"), 0.0, "it builds it"):
                for suffix in (".json", ".plan", ".jit"):
                    self.path(digest, suffix).unlink(missing_ok=True)
        except ModelError:
            return False
        return True

    def path(self, digest: str, suffix: str) -> Path:
        """Return where a part of an engine lies; ``.jit`` is what TensorRT-RTX compiled of it on the GPU."""
        return self.folder / f"{digest}{suffix}"

    def timings_path(self, key: EngineKey) -> Path:
        """Return where the timings of builds lie that can serve one another."""
        name = hashlib.sha256(f"{key.flavour} {key.version} {key.gpu} {key.capability}".encode()).hexdigest()
        return self.folder / f"timings-{name[:16]}.bin"

    def _read(self, key: EngineKey) -> tuple[bytes | None, str]:
        """Return the engine of a key, or None and what is wrong with it; nothing is wrong if none is there."""
        plan, record_path = self.path(key.digest, ".plan"), self.path(key.digest, ".json")
        if not plan.exists() and not record_path.exists():
            return None, ""
        try:
            record = EngineRecord.model_validate_json(record_path.read_bytes())
            data = plan.read_bytes()
        except OSError as error:
            return None, f"{Path(str(error.filename)).name} cannot be read ({error.strerror})"
        except ValidationError:
            return None, f"{record_path.name} is damaged"
        if record.key != key:
            return None, f"foreign: it was built for {record.key}"
        return (None, fault) if (fault := _fault(record, data)) else (data, "")

    def _write(self, key: EngineKey, model: Path, plan: bytes) -> None:
        """Write the engine, then its record, each whole or not at all. A killed process leaves no record of its own."""
        record = EngineRecord(
            key=key,
            model=str(model.absolute()),
            created_at=datetime.now(timezone.utc),
            bytes=len(plan),
            sha256=hashlib.sha256(plan).hexdigest(),
        )
        self.path(key.digest, ".json").unlink(missing_ok=True)
        write_whole(self.path(key.digest, ".plan"), plan)
        write_whole(self.path(key.digest, ".json"), record.model_dump_json(indent=2).encode() + b"\n")

    def _entry(self, digest: str) -> Entry:
        try:
            record = EngineRecord.model_validate_json(self.path(digest, ".json").read_bytes())
            data = self.path(digest, ".plan").read_bytes()
        except OSError as error:
            return Entry(digest, None, f"incomplete: no {Path(str(error.filename)).suffix[1:]} file")
        except ValidationError:
            return Entry(digest, None, "the record is damaged")
        foreign = "foreign: its key has another digest" if record.key.digest != digest else ""
        return Entry(digest, record, foreign or _fault(record, data))


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that is whole or not there, whenever the process or the machine stops.

    Raises:
        ModelError: the file cannot be written.
    """
    beside = path.with_name(f".{path.name}.new")  # one writer at a time: what a killed one left is overwritten
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise ModelError(
            f"{path}: cannot be written ({error.strerror}): free space or choose another folder"
        ) from error


def _fault(record: EngineRecord, plan: bytes) -> str:
    if len(plan) != record.bytes:
        return f"truncated: {len(plan)} of {record.bytes} bytes"
    return "" if hashlib.sha256(plan).hexdigest() == record.sha256 else "damaged: its checksum is another"


def _is_digest(path: Path) -> bool:
    return len(path.stem) == 64 and not set(path.stem) - set("0123456789abcdef")
