"""From an ONNX file to a TensorRT engine."""

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from liploc_ros.encoders.encoder import ModelError
from liploc_ros.encoders.tensorrt.engine_key import EngineKey
from liploc_ros.encoders.tensorrt.fp16 import in_half_precision
from liploc_ros.encoders.tensorrt.module import Flavour
from liploc_ros.encoders.tensorrt.progress import Progress

if TYPE_CHECKING:
    import tensorrt as trt

LOG = logging.getLogger(__name__)
INPUT, OUTPUT = "views", "cells"  # of every bundle's ONNX files


@dataclass(frozen=True)
class Limits:
    """What building may take: ``seconds``, after which it is given up. The memory limit is part of the key."""

    seconds: float = 1200.0


class Built(NamedTuple):
    """An engine, and the timings that make the next build quicker; none of TensorRT-RTX, which takes none."""

    plan: bytes
    timings: bytes


def build_engine(path: Path, key: EngineKey, flavour: Flavour, limits: Limits, timings: bytes = b"") -> Built:
    """Build the engine of an ONNX file.

    Args:
        path: the ONNX file.
        key: what to build; for a GPU's compute capability that is not here, TensorRT-RTX builds without the GPU.
        flavour: that of the key.
        limits: when to give up.
        timings: of an earlier build for the same GPU.

    Raises:
        ModelError: the network is refused, the target is not known, or a limit is exceeded.
    """
    what = f"{path.parent.name}/{path.name} for {key}"
    logger = flavour.logger()
    builder: trt.Builder = flavour.module.Builder(logger)
    # Types are those of the ONNX file: no runtime may choose another precision than was asked for.
    network: trt.INetworkDefinition = builder.create_network(
        1 << int(flavour.module.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    )
    _parse(path, key, flavour, network)
    config = _configure(builder, key, flavour)
    progress = Progress(what, limits.seconds)
    config.progress_monitor = progress.monitor(flavour)
    cache: trt.ITimingCache | None = None
    if not flavour.is_rtx:
        cache = config.create_timing_cache(timings)
        config.set_timing_cache(cache, ignore_mismatch=False)
    LOG.info("building %s", what)
    start = time.monotonic()
    memory: trt.IHostMemory | None = builder.build_serialized_network(network, config)
    if memory is None:
        if progress.timed_out:
            raise ModelError(f"{what}: not built after {limits.seconds:g} s: raise --time-limit, or take backend onnx")
        other = "fp16" if key.precision == "fp32" else "fp32"
        raise ModelError(f"{what}: refused ({flavour.last_error()}): take precision {other} or backend onnx")
    plan = bytes(memory)
    LOG.info("built %s: %.1f MB in %.1f s", what, len(plan) / 1e6, time.monotonic() - start)
    return Built(plan, bytes(cache.serialize()) if cache is not None else b"")


def _parse(path: Path, key: EngineKey, flavour: Flavour, network: "trt.INetworkDefinition") -> None:
    parser: trt.OnnxParser = flavour.module.OnnxParser(network, flavour.logger())
    model = in_half_precision(path) if key.precision == "fp16" else path.read_bytes()
    if not parser.parse(model):
        faults = "; ".join(parser.get_error(i).desc() for i in range(parser.num_errors)) or "no reason given"
        raise ModelError(f"{path}: {flavour.name} cannot read it ({faults}): take backend onnx")
    names = [network.get_input(i).name for i in range(network.num_inputs)]
    names += [network.get_output(i).name for i in range(network.num_outputs)]
    if names != [INPUT, OUTPUT]:
        raise ModelError(f"{path}: inputs and outputs {names}, expected {INPUT} and {OUTPUT}: export the model again")


def _configure(builder: "trt.Builder", key: EngineKey, flavour: Flavour) -> "trt.IBuilderConfig":
    config: trt.IBuilderConfig = builder.create_builder_config()
    config.set_memory_pool_limit(flavour.module.MemoryPoolType.WORKSPACE, key.workspace)
    config.clear_flag(flavour.module.BuilderFlag.TF32)
    profile: trt.IOptimizationProfile = builder.create_optimization_profile()
    shapes = (flavour.module.Dims(s) for s in (key.profile.least, key.profile.usual, key.profile.most))
    profile.set_shape(INPUT, *shapes)
    config.add_optimization_profile(profile)
    if flavour.is_rtx:
        _target(config, key, flavour)
    return config


def _target(config: "trt.IBuilderConfig", key: EngineKey, flavour: Flavour) -> None:
    if key.capability not in flavour.targets:
        raise ModelError(
            f"{flavour.name} {flavour.version} does not build for {key.capability}, only for "
            f"{', '.join(flavour.targets)}: take backend tensorrt or onnx"
        )
    # TensorRT-RTX alone has these; the stubs do not.
    config.num_compute_capabilities = 1  # type: ignore[attr-defined]
    capability = flavour.module.ComputeCapability.__members__[key.capability.upper()]
    config.set_compute_capability(capability, 0)  # type: ignore[attr-defined]
