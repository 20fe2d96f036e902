# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The engines of a model bundle: their keys, and engines from the cache, which are built where they are missing."""

import logging
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeVar

from liploc_ros.encoders.spec import ONNX_FILES, ModelSpec, Part, Precision
from liploc_ros.encoders.tensorrt.engine_builder import TIME_LIMIT, build_engine
from liploc_ros.encoders.tensorrt.engine_cache import EngineCache
from liploc_ros.encoders.tensorrt.engine_encoder import EngineEncoder
from liploc_ros.encoders.tensorrt.engine_key import EngineKey, key_for, profile_of
from liploc_ros.encoders.tensorrt.engine_target import engine_target
from liploc_ros.encoders.tensorrt.flavour import Flavour, FlavourName, check_installed, load_flavour
from liploc_ros.encoders.tensorrt.gpu import find_gpu
from liploc_ros.files import write_file

LOG = logging.getLogger(__name__)
Loaded = TypeVar("Loaded")


def open_engine(
    folder: Path, spec: ModelSpec, part: Part, name: FlavourName, precision: Precision, cache: EngineCache
) -> EngineEncoder:
    """Return an encoder of a bundle as an engine for the GPU of this machine.

    Args:
        folder: of the bundle.
        spec: of the bundle.
        part: which of its encoders.
        name: of the flavour.
        precision: of the engine; a bundle without fp16 files has engines in fp32.
        cache: holds the engine, or will hold it.

    Raises:
        ModelError: TensorRT, the driver or a GPU is missing, or the engine cannot be built or loaded.
        FileError: the cache cannot be written.
    """
    check_installed(name)
    # First: the library takes hundreds of megabytes, and is of no use without a GPU that it supports.
    gpu = find_gpu()
    target = engine_target(name, gpu)
    flavour = load_flavour(name)
    precision = available_precision(folder, spec, precision)
    model = folder / ONNX_FILES[precision][part]
    key = key_for(model, profile_of(spec, part), flavour, gpu.name, target, precision)
    runtime_cache = cache.path(key.digest, f".{gpu.compute_capability}.jit") if flavour.is_rtx else None
    return get_engine(
        model, key, flavour, cache, lambda plan: EngineEncoder(plan, key, flavour, spec.channels, runtime_cache)
    )


def get_engine(
    model: Path,
    key: EngineKey,
    flavour: Flavour,
    cache: EngineCache,
    load: Callable[[bytes], Loaded],
    time_limit: float = TIME_LIMIT,
) -> Loaded:
    """Return what ``load`` makes of an engine, which is read from the cache or built within ``time_limit`` [s].

    Raises:
        ModelError: the engine cannot be built or loaded.
        FileError: the cache cannot be written.
    """
    timing_cache = cache.timing_cache_path(key)

    def build() -> bytes:
        timings = timing_cache.read_bytes() if timing_cache.is_file() else b""
        result = build_engine(model, key, flavour, time_limit, timings)
        if result.timing_cache:
            write_file(timing_cache, result.timing_cache)
        return result.plan

    return cache.get(key, model, build, load)


def keys_for_target(
    folder: Path, spec: ModelSpec, flavour: Flavour, target: str, precision: Precision
) -> dict[Part, EngineKey]:
    """Return the keys of both engines of a bundle.

    Args:
        folder: of the bundle.
        spec: of the bundle.
        flavour: builds the engines.
        target: one of :func:`~liploc_ros.encoders.tensorrt.engine_target.requested_targets`.
        precision: of the engines; a bundle without fp16 files has engines in fp32.

    Raises:
        ModelError: this machine has no GPU, which TensorRT needs.
    """
    gpu_name = "" if flavour.is_rtx else find_gpu().name
    precision = available_precision(folder, spec, precision)
    return {
        part: key_for(folder / file, profile_of(spec, part), flavour, gpu_name, target, precision)
        for part, file in ONNX_FILES[precision].items()
    }


def available_precision(folder: Path, spec: ModelSpec, precision: Precision) -> Precision:
    """Return the precision of a bundle's engines: fp32 if an older version wrote the bundle, without fp16 files."""
    if precision == "fp16" and not spec.has_fp16:
        _warn_of_fp32(folder)
        return "fp32"
    return precision


@cache  # one warning per bundle
def _warn_of_fp32(folder: Path) -> None:
    LOG.warning("%s: has no fp16 files, so its engines use fp32: liploc export %s OUT adds them", folder, folder)
