# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Builds a TensorRT engine from an ONNX file."""

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from liploc_ros.encoders.encoder import ModelError
from liploc_ros.encoders.tensorrt.build_progress import BuildProgress
from liploc_ros.encoders.tensorrt.engine_key import EngineKey
from liploc_ros.encoders.tensorrt.engine_target import PORTABLE
from liploc_ros.encoders.tensorrt.flavour import Flavour

if TYPE_CHECKING:
    import tensorrt as trt

LOG = logging.getLogger(__name__)
INPUT, OUTPUT = "views", "cells"  # tensor names in the ONNX files of every bundle
TIME_LIMIT = 1200.0  # s


class BuildResult(NamedTuple):
    """A serialized engine, and the timing cache that makes the next build faster (empty for TensorRT-RTX)."""

    plan: bytes
    timing_cache: bytes


def build_engine(
    path: Path, key: EngineKey, flavour: Flavour, time_limit: float = TIME_LIMIT, timing_cache: bytes = b""
) -> BuildResult:
    """Build the engine of an ONNX file.

    TensorRT-RTX also builds for GPUs that are not present.

    Args:
        path: the ONNX file.
        key: what to build. It also holds the memory limit.
        flavour: that of the key.
        time_limit: the build is stopped after this time [s].
        timing_cache: of an earlier build for the same GPU.

    Raises:
        ModelError: the network is refused, or the time limit is exceeded.
    """
    description = f"{path.parent.name}/{path.name} for {key}"
    logger = flavour.logger()
    builder: trt.Builder = flavour.module.Builder(logger)
    network: trt.INetworkDefinition = builder.create_network(_network_flags(flavour))
    _parse(path, flavour, network)
    config = _configure(builder, key, flavour)
    progress = BuildProgress(description, time_limit)
    config.progress_monitor = progress.monitor(flavour)
    timings: trt.ITimingCache | None = None
    if not flavour.is_rtx:
        timings = config.create_timing_cache(timing_cache)
        config.set_timing_cache(timings, ignore_mismatch=False)
    LOG.info("building %s", description)
    start = time.monotonic()
    memory: trt.IHostMemory | None = builder.build_serialized_network(network, config)
    if memory is None:
        if progress.timed_out:
            raise ModelError(
                f"{description}: not built after {time_limit:g} s: raise --time-limit, or use backend onnx"
            )
        other = "fp16" if key.precision == "fp32" else "fp32"
        raise ModelError(f"{description}: refused ({flavour.last_error()}): use precision {other}, or backend onnx")
    plan = bytes(memory)
    LOG.info("built %s: %.1f MB in %.1f s", description, len(plan) / 1e6, time.monotonic() - start)
    return BuildResult(plan, bytes(timings.serialize()) if timings is not None else b"")


def _network_flags(flavour: Flavour) -> int:
    """Return the flags of a strongly typed network: it keeps the types of the ONNX file.

    TensorRT 11 has no other networks; its flag has no effect and may be removed.
    """
    flag = getattr(flavour.module.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    return 0 if flag is None else 1 << int(flag)


def _parse(path: Path, flavour: Flavour, network: "trt.INetworkDefinition") -> None:
    parser: trt.OnnxParser = flavour.module.OnnxParser(network, flavour.logger())
    if not parser.parse(path.read_bytes()):
        errors = "; ".join(parser.get_error(i).desc() for i in range(parser.num_errors)) or "no reason given"
        raise ModelError(f"{path}: {flavour.name} cannot read it ({errors}): use backend onnx")
    names = [network.get_input(i).name for i in range(network.num_inputs)]
    names += [network.get_output(i).name for i in range(network.num_outputs)]
    if names != [INPUT, OUTPUT]:
        raise ModelError(f"{path}: inputs and outputs {names}, expected {INPUT} and {OUTPUT}: export the model again")


def _configure(builder: "trt.Builder", key: EngineKey, flavour: Flavour) -> "trt.IBuilderConfig":
    config: trt.IBuilderConfig = builder.create_builder_config()
    config.set_memory_pool_limit(flavour.module.MemoryPoolType.WORKSPACE, key.workspace)
    config.clear_flag(flavour.module.BuilderFlag.TF32)
    profile: trt.IOptimizationProfile = builder.create_optimization_profile()
    shapes = (flavour.module.Dims(shape) for shape in (key.profile.min, key.profile.opt, key.profile.max))
    profile.set_shape(INPUT, *shapes)
    config.add_optimization_profile(profile)
    # Without a compute capability, TensorRT-RTX builds the portable engine.
    if flavour.is_rtx and key.target != PORTABLE:
        # Only TensorRT-RTX has these attributes; the stubs do not.
        config.num_compute_capabilities = 1  # type: ignore[attr-defined]
        compute_capability = flavour.module.ComputeCapability.__members__[key.target.upper()]
        config.set_compute_capability(compute_capability, 0)  # type: ignore[attr-defined]
    return config
