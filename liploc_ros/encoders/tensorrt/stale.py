# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Detection of engines in a cache that no program will use again."""

from collections.abc import Collection
from pathlib import Path

from liploc_ros.encoders.encoder import ModelError
from liploc_ros.encoders.tensorrt.engine_cache import CacheEntry
from liploc_ros.encoders.tensorrt.flavour import is_installed, load_flavour
from liploc_ros.files import sha256_of


def stale_reason(entry: CacheEntry, onnx_in_use: Collection[str] = ()) -> str:
    """Return why an engine is stale; empty if it can be used, here or on another machine.

    Args:
        entry: the engine.
        onnx_in_use: sha256 of ONNX files whose engines are kept, wherever the files were when the engine was built.
    """
    if entry.fault or entry.record is None:
        return entry.fault
    key, model = entry.record.key, Path(entry.record.model)
    try:
        flavour = load_flavour(key.flavour) if is_installed(key.flavour) else None
    except ModelError:
        flavour = None
    if flavour is not None and flavour.version != key.version:
        return f"built by {key.flavour} {key.version}, but {flavour.version} is installed"
    if key.onnx_sha256 in onnx_in_use:
        return ""
    if not model.is_file():
        return f"{model} does not exist"
    if sha256_of(model) != key.onnx_sha256:
        return f"{model} has changed"
    return ""
