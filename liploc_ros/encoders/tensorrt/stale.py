"""Which engines of a cache nothing asks for any more."""

import hashlib
from collections.abc import Collection
from pathlib import Path

from liploc_ros.encoders.encoder import ModelError
from liploc_ros.encoders.tensorrt.engine_cache import Entry
from liploc_ros.encoders.tensorrt.module import is_installed, load_flavour


def why_stale(entry: Entry, models: Collection[str] = ()) -> str:
    """Return why an engine is of no use any more; empty for one that is, or may be on another machine.

    Args:
        entry: the engine.
        models: sha256 of ONNX files that are in use, wherever they lay when the engine was built.
    """
    if entry.fault or entry.record is None:
        return entry.fault
    key, model = entry.record.key, Path(entry.record.model)
    try:
        flavour = load_flavour(key.flavour) if is_installed(key.flavour) else None
    except ModelError:
        flavour = None
    if flavour is not None and flavour.version != key.version:
        return f"built by {key.flavour} {key.version}, {flavour.version} is installed"
    if key.onnx in models:
        return ""
    if not model.is_file():
        return f"{model} is gone"
    if hashlib.sha256(model.read_bytes()).hexdigest() != key.onnx:
        return f"{model} has changed"
    return ""
