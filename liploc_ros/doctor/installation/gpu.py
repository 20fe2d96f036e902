# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The GPU, and the TensorRT engines in the cache of the user."""

from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from liploc_ros.doctor.examination import Examination
from liploc_ros.doctor.finding import Finding, ok, warn
from liploc_ros.encoders import ModelBundle
from liploc_ros.encoders.encoder import ModelError
from liploc_ros.encoders.tensorrt.engine_cache import EngineCache
from liploc_ros.encoders.tensorrt.flavour import FLAVOURS, is_installed
from liploc_ros.encoders.tensorrt.gpu import Gpu, find_gpu
from liploc_ros.encoders.tensorrt.stale import stale_reason

DEVICES = Path("/dev")
"""Has a file nvidia0 where there is an NVIDIA GPU with a driver; nvhost-gpu on a Jetson."""


def check_gpu(examination: Examination) -> Iterable[Finding]:
    """Tell which GPU can be used. None is needed."""
    has_device = any((DEVICES / name).exists() for name in ("nvidia0", "nvhost-gpu"))
    try:
        gpu = find_gpu()
    except ModelError as failure:
        if has_device:
            problem, _, remedy = str(failure).rpartition(": ")
            yield warn(f"there is an NVIDIA GPU, but it cannot be used: {problem}", remedy)
        else:
            yield ok("no NVIDIA GPU: ONNX Runtime uses the CPU")
        return
    runtimes = [f"{name} {_version(name)}".strip() for name in FLAVOURS if is_installed(name)]
    if _has_cuda_runtime():
        runtimes.append("ONNX Runtime with CUDA")
    if runtimes:
        yield ok(f"{gpu.name} ({gpu.compute_capability}): {', '.join(runtimes)}")
    else:
        yield warn(
            f"{gpu.name} ({gpu.compute_capability}) is not used: no runtime for it is installed",
            "pip install 'liploc_ros[rtx]' or onnxruntime-gpu (docs/gpu.md), or leave it: the CPU is enough",
        )


def check_engines(
    examination: Examination, cache: EngineCache | None = None, gpu: Gpu | None = None
) -> Iterable[Finding]:
    """Check the engines in the cache; ``cache`` and ``gpu`` replace those of the user and of this computer."""
    store = cache or EngineCache()
    flavours = [name for name in FLAVOURS if is_installed(name)]
    entries = store.entries()
    if not flavours and not entries:
        yield ok("TensorRT is not installed: no engines are needed")
        return
    bundle = examination.bundle
    in_use = set(bundle.spec.files.values()) if isinstance(bundle, ModelBundle) else set()
    reasons = {entry.digest: reason for entry in entries if (reason := stale_reason(entry, in_use))}
    for digest, reason in reasons.items():
        yield warn(f"{store.folder}: engine {digest[:12]} is stale: {reason}", "liploc engine clean")
    good = [entry for entry in entries if entry.digest not in reasons and entry.record is not None]
    here = [entry for entry in good if entry.record is not None and entry.record.key.onnx_sha256 in in_use]
    if flavours and not here and (gpu or _gpu()) is not None:
        yield warn(
            f"{store.folder}: no engine of this model: the first start of the localizer builds it, for minutes",
            "liploc engine build",
        )
    elif len(entries) == len(good):
        yield ok(f"{store.folder}: {len(good)} engines, {len(here)} of this model")


def _gpu() -> Gpu | None:
    try:
        return find_gpu()
    except ModelError:
        return None


def _has_cuda_runtime() -> bool:
    import onnxruntime

    return "CUDAExecutionProvider" in onnxruntime.get_available_providers()


def _version(flavour: str) -> str:
    for name in (flavour, "tensorrt-rtx-cu12" if flavour == "tensorrt_rtx" else "tensorrt-cu12"):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return ""
