# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Engines on disk: ``KEY.plan`` with its record ``KEY.json``, shared by all processes of a user."""

import hashlib
import logging
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple, TypeVar

from pydantic import Field, ValidationError

from liploc_ros.encoders.encoder import ModelError
from liploc_ros.encoders.tensorrt.engine_key import EngineKey
from liploc_ros.encoders.tensorrt.engine_lock import engine_lock
from liploc_ros.files import cache_folder, write_file
from liploc_ros.schema import FrozenModel

LOG = logging.getLogger(__name__)
LOCK_TIMEOUT = 3600.0  # s; longer than a build can take

Loaded = TypeVar("Loaded")


def default_folder() -> Path:
    """Return the user's folder of engines."""
    return cache_folder() / "engines"


class EngineRecord(FrozenModel):
    """The JSON file that describes an engine.

    There is no format version: fields may be renamed. A record that cannot be read is reported as stale, and its engine
    is built again when it is needed.
    """

    key: EngineKey
    model: str = Field("", description="path of the ONNX file that the engine was built from")
    created_at: datetime
    size: int = Field(description="of the engine [byte]")
    sha256: str = Field(description="of the engine")


class CacheEntry(NamedTuple):
    """An engine in the cache, complete or not.

    Attributes:
        digest: of its key.
        record: None if it cannot be read.
        fault: why no process can use the engine; empty if it is complete.
    """

    digest: str
    record: EngineRecord | None
    fault: str


class EngineCache:
    """A folder of engines. If several processes need the same engine, one builds it and the others wait."""

    def __init__(self, folder: Path | None = None) -> None:
        """Use a folder, or the user's; it is created with the first engine."""
        self.folder = default_folder() if folder is None else Path(folder).expanduser().absolute()

    def get(self, key: EngineKey, model: Path, build: Callable[[], bytes], load: Callable[[bytes], Loaded]) -> Loaded:
        """Return what ``load`` makes of an engine. The engine is built if it is missing or cannot be used.

        Args:
            key: of the engine.
            model: the ONNX file that the engine is built from.
            build: builds the engine.
            load: deserializes the engine. If it raises ModelError for a cached engine, the engine is built again.

        Raises:
            ModelError: the engine cannot be built or loaded.
            FileError: the folder cannot be written.
        """
        with engine_lock(self.path(key.digest, ".lock"), LOCK_TIMEOUT, f"it builds {key}"):
            plan, fault = self._read(key)
            if plan is not None:
                try:
                    return load(plan)
                except ModelError as error:
                    fault = f"refused: {error}"
            if fault:
                LOG.warning("engine %s: %s: building it again", key.digest[:12], fault)
            plan = build()
            self._write(key, model, plan)
            return load(plan)

    def entries(self) -> list[CacheEntry]:
        """Return all engines, sorted by digest, and check that they are complete."""
        digests = sorted({f.stem for f in self.folder.glob("*") if f.suffix in (".plan", ".json") and _is_digest(f)})
        return [self._entry(digest) for digest in digests]

    def remove(self, digest: str) -> bool:
        """Remove an engine with its record and runtime caches; return False if another process is building it.

        Raises:
            FileError: the folder cannot be written.
        """
        try:
            with engine_lock(self.path(digest, ".lock"), 0.0, "it builds the engine"):
                self._remove_unfinished(digest)
                for suffix in (".json", ".plan"):
                    self.path(digest, suffix).unlink(missing_ok=True)
                for runtime_cache in self.folder.glob(f"{digest}*.jit"):
                    runtime_cache.unlink(missing_ok=True)
        except ModelError:
            return False
        return True

    def path(self, digest: str, suffix: str) -> Path:
        """Return the path of a file of an engine; ``.sm89.jit`` is the runtime cache of TensorRT-RTX for such GPUs."""
        return self.folder / f"{digest}{suffix}"

    def timing_cache_path(self, key: EngineKey) -> Path:
        """Return the path of the timing cache, which builds for the same GPU and version share."""
        name = f"{key.flavour} {key.version} {key.gpu_name} {key.target}"
        return self.folder / f"timings-{hashlib.sha256(name.encode()).hexdigest()[:16]}.bin"

    def _read(self, key: EngineKey) -> tuple[bytes | None, str]:
        """Return the engine of a key, or None and the fault; the fault of an engine that does not exist is empty."""
        plan_path, record_path = self.path(key.digest, ".plan"), self.path(key.digest, ".json")
        if not plan_path.exists() and not record_path.exists():
            return None, ""
        try:
            record = EngineRecord.model_validate_json(record_path.read_bytes())
            plan = plan_path.read_bytes()
        except OSError as error:
            return None, f"{Path(str(error.filename)).name} cannot be read ({error.strerror})"
        except ValidationError:
            return None, f"{record_path.name} is damaged or of another version"
        if record.key != key:
            return None, f"wrong key: it was built for {record.key}"
        return (None, fault) if (fault := _fault(record, plan)) else (plan, "")

    def _write(self, key: EngineKey, model: Path, plan: bytes) -> None:
        """Write the engine, then its record. An engine without a record is incomplete: its writer was killed."""
        record = EngineRecord(
            key=key,
            model=str(model.absolute()),
            created_at=datetime.now(timezone.utc),
            size=len(plan),
            sha256=hashlib.sha256(plan).hexdigest(),
        )
        self.path(key.digest, ".json").unlink(missing_ok=True)
        self._remove_unfinished(key.digest)
        write_file(self.path(key.digest, ".plan"), plan)
        write_file(self.path(key.digest, ".json"), record.model_dump_json(indent=2) + "\n")

    def _remove_unfinished(self, digest: str) -> None:
        """Remove temporary files of a writer that was killed; the caller holds the lock."""
        for path in self.folder.glob(f".{digest}.*.new"):
            path.unlink(missing_ok=True)

    def _entry(self, digest: str) -> CacheEntry:
        try:
            record = EngineRecord.model_validate_json(self.path(digest, ".json").read_bytes())
            plan = self.path(digest, ".plan").read_bytes()
        except OSError as error:
            return CacheEntry(digest, None, f"incomplete: no {Path(str(error.filename)).suffix[1:]} file")
        except ValidationError:
            return CacheEntry(digest, None, "the record is damaged or of another version")
        wrong_key = "wrong key: its digest differs" if record.key.digest != digest else ""
        return CacheEntry(digest, record, wrong_key or _fault(record, plan))


def _fault(record: EngineRecord, plan: bytes) -> str:
    if len(plan) != record.size:
        return f"truncated: {len(plan)} of {record.size} bytes"
    return "" if hashlib.sha256(plan).hexdigest() == record.sha256 else "damaged: wrong checksum"


def _is_digest(path: Path) -> bool:
    return len(path.stem) == 64 and not set(path.stem) - set("0123456789abcdef")
