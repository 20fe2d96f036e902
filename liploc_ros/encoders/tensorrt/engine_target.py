# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The GPUs that an engine is built for, and those that TensorRT-RTX supports."""

import re
from collections.abc import Sequence

from liploc_ros.encoders.encoder import ModelError
from liploc_ros.encoders.tensorrt.flavour import FlavourName
from liploc_ros.encoders.tensorrt.gpu import Gpu, find_gpu

TURING, PORTABLE = "sm75", "portable"
RTX_TARGETS = (TURING, PORTABLE)
# NVIDIA's support matrix and the error message of TensorRT-RTX 1.7. Its enum ComputeCapability has the same names.
PORTABLE_CAPABILITIES, MIN_LATER_CAPABILITY = (80, 86, 89), 120
RTX_CAPABILITIES = "7.5, 8.0, 8.6, 8.9, and 12.0 or later"


class UnsupportedGpuError(ModelError):
    """A GPU that TensorRT-RTX does not support.

    Attributes:
        fact: the fault in one sentence, without the remedy.
    """

    def __init__(self, gpu: Gpu) -> None:
        """Name the GPU and those that are supported."""
        capability = int(gpu.compute_capability[2:])
        named = f"{gpu.name or 'GPUs'} of compute capability {capability // 10}.{capability % 10}"
        self.fact = f"tensorrt_rtx does not support {named}, only {RTX_CAPABILITIES}"
        super().__init__(f"backend {self.fact}: use backend onnx or tensorrt")


def engine_target(name: FlavourName, gpu: Gpu) -> str:
    """Return what an engine for a GPU is built for: its compute capability, or ``portable``.

    One engine of TensorRT-RTX runs on all GPUs from Ampere on that it supports. Turing needs its own.

    Raises:
        UnsupportedGpuError: TensorRT-RTX would build the engine, but refuse to load it.
    """
    if name == "tensorrt" or gpu.compute_capability in RTX_TARGETS:
        return gpu.compute_capability
    capability = int(gpu.compute_capability[2:])
    if capability not in PORTABLE_CAPABILITIES and capability < MIN_LATER_CAPABILITY:
        raise UnsupportedGpuError(gpu)
    return PORTABLE


def requested_targets(name: FlavourName, requested: Sequence[str]) -> list[str]:
    """Return the targets of ``--target``, each once: compute capabilities such as ``sm89``, ``portable``, or ``all``.

    Without a request it is the GPU of this machine.

    Raises:
        ModelError: the flavour does not build for a target, or there is no GPU.
    """
    if not requested:
        return [engine_target(name, find_gpu())]
    if name == "tensorrt":
        raise ModelError(f"--target {requested[0]}: tensorrt builds only for the GPU of this machine: omit --target")
    targets: list[str] = []
    for target in RTX_TARGETS if "all" in requested else requested:
        if target != PORTABLE and not re.fullmatch(r"sm\d{2,3}", target):
            raise ModelError(
                f"target {target!r}: tensorrt_rtx builds for sm75, portable or all, or for a GPU like sm89"
            )
        targets.append(engine_target(name, Gpu("", target)))
    return list(dict.fromkeys(targets))
