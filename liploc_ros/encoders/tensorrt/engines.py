"""Engines of a model bundle: their keys, built when they are not in the cache."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from liploc_ros.encoders.encoder import ModelError
from liploc_ros.encoders.spec import FILES, ModelSpec, Part
from liploc_ros.encoders.tensorrt.engine_builder import Limits, build_engine
from liploc_ros.encoders.tensorrt.engine_cache import EngineCache, write_whole
from liploc_ros.encoders.tensorrt.engine_encoder import EngineEncoder
from liploc_ros.encoders.tensorrt.engine_key import EngineKey, Precision, key_for, profile_of
from liploc_ros.encoders.tensorrt.gpu import Gpu, find_gpu
from liploc_ros.encoders.tensorrt.module import Flavour, FlavourName, check_installed, load_flavour

Use = TypeVar("Use")


def open_engine(
    folder: Path, spec: ModelSpec, part: Part, name: FlavourName, precision: Precision, cache: EngineCache
) -> EngineEncoder:
    """Return an encoder of a bundle as an engine for the GPU that is here.

    Args:
        folder: of the bundle.
        spec: of the bundle.
        part: which of its encoders.
        name: of the flavour.
        precision: of the engine.
        cache: where it is, or will be.

    Raises:
        ModelError: TensorRT, driver or GPU are missing, or the engine cannot be built or used.
    """
    check_installed(name)
    gpu = find_gpu()  # before a library of hundreds of megabytes is loaded for nothing
    flavour = load_flavour(name)
    key = key_for(folder / FILES[part], profile_of(spec, part), flavour, gpu.name, gpu.capability, precision)
    jit = cache.path(key.digest, ".jit") if flavour.is_rtx else None
    return get_engine(
        folder / FILES[part], key, flavour, cache, lambda plan: EngineEncoder(plan, key, flavour, spec.channels, jit)
    )


def get_engine(
    model: Path,
    key: EngineKey,
    flavour: Flavour,
    cache: EngineCache,
    use: Callable[[bytes], Use],
    limits: Limits | None = None,
) -> Use:
    """Return what ``use`` makes of an engine, from the cache or built.

    Raises:
        ModelError: it cannot be built or used.
    """
    timings = cache.timings_path(key)

    def build() -> bytes:
        known = timings.read_bytes() if timings.is_file() else b""
        built = build_engine(model, key, flavour, limits or Limits(), known)
        if built.timings:
            write_whole(timings, built.timings)
        return built.plan

    return cache.get(key, model, build, use)


def keys_for_target(
    folder: Path, spec: ModelSpec, flavour: Flavour, target: str, precision: Precision
) -> dict[Part, EngineKey]:
    """Return the keys of both engines of a bundle for a compute capability, or for the GPU that is here.

    Args:
        folder: of the bundle.
        spec: of the bundle.
        flavour: that builds them.
        target: compute capability such as ``sm89``; empty for the GPU that is here.
        precision: of the engines.

    Raises:
        ModelError: no GPU is here, or the flavour does not build for the target.
    """
    if target and target not in flavour.targets:
        known = ", ".join(flavour.targets) or "only the GPU that is here: leave out --target"
        raise ModelError(f"target {target!r}: {flavour.name} {flavour.version} builds for {known}")
    gpu = Gpu("", target) if target else find_gpu()
    parts: tuple[Part, Part] = ("camera", "lidar")
    return {
        part: key_for(folder / FILES[part], profile_of(spec, part), flavour, gpu.name, gpu.capability, precision)
        for part in parts
    }
