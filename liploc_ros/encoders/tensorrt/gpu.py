# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The GPU of this machine, and CUDA memory and streams, through cuda-bindings, which is imported when it is used."""

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liploc_ros.encoders.encoder import ModelError


@dataclass(frozen=True)
class Gpu:
    """A GPU: its name, and its compute capability such as ``sm89``."""

    name: str
    compute_capability: str


@cache
def cuda_runtime() -> Any:
    """Return the module ``cuda.bindings.runtime``.

    Raises:
        ModelError: it is not installed.
    """
    try:
        from cuda.bindings import runtime
    except ImportError as error:
        raise ModelError(f"a GPU needs cuda-bindings ({error}): pip install 'cuda-bindings>=12.8'") from error
    return runtime


def cuda_call(function: str, *arguments: Any) -> Any:
    """Call a function of the CUDA runtime, and return its results without the status: None, one value, or a tuple.

    Raises:
        ModelError: the status is an error, or there is no driver.
    """
    runtime = cuda_runtime()
    try:
        status, *results = getattr(runtime, function)(*arguments)
    except RuntimeError as error:  # of cuda-bindings before 12.9
        raise ModelError(f"{function}: {error}: {_remedy('cudaErrorInsufficientDriver')}") from error
    if status != runtime.cudaError_t.cudaSuccess:
        raise ModelError(f"{function}: {status.name}: {_remedy(status.name)}")
    return results[0] if len(results) == 1 else tuple(results) or None


def find_gpu() -> Gpu:
    """Return the GPU in use: the first one that CUDA_VISIBLE_DEVICES allows.

    Raises:
        ModelError: this machine has no GPU or no driver.
    """
    cuda_call("cudaGetDeviceCount")  # raises where there is no GPU
    properties = cuda_call("cudaGetDeviceProperties", cuda_call("cudaGetDevice"))
    name = properties.name.decode() if isinstance(properties.name, bytes) else str(properties.name)
    return Gpu(name.rstrip("\0"), f"sm{properties.major}{properties.minor}")


class GpuMemory:
    """Pairs of a pinned host buffer and a device buffer of the same size, and a CUDA stream for copies.

    Attributes:
        host: float32 arrays on the pinned host buffers.
        device_pointers: addresses of the device buffers.
        stream: the CUDA stream.
    """

    def __init__(self, sizes: Iterable[int]) -> None:
        """Allocate one pair of buffers per size, which is a number of float32 values.

        Raises:
            ModelError: there is not enough memory.
        """
        import ctypes

        self.host: list[NDArray[np.float32]] = []
        self.host_pointers: list[int] = []
        self.device_pointers: list[int] = []
        with ExitStack() as resources:
            stream = cuda_call("cudaStreamCreateWithFlags", cuda_runtime().cudaStreamNonBlocking)
            self.stream = int(stream)
            resources.callback(cuda_call, "cudaStreamDestroy", stream)
            for size in sizes:
                device = int(cuda_call("cudaMalloc", 4 * size))
                resources.callback(cuda_call, "cudaFree", device)
                host = int(cuda_call("cudaMallocHost", 4 * size))
                resources.callback(cuda_call, "cudaFreeHost", host)
                self.device_pointers.append(device)
                self.host_pointers.append(host)
                self.host.append(np.ctypeslib.as_array((ctypes.c_float * size).from_address(host)))
            self._resources = resources.pop_all()

    def copy_to_device(self, index: int, size: int) -> None:
        """Enqueue a copy of the first ``size`` values of a buffer to the GPU."""
        kind = cuda_runtime().cudaMemcpyKind.cudaMemcpyHostToDevice
        target, source = self.device_pointers[index], self.host_pointers[index]
        cuda_call("cudaMemcpyAsync", target, source, 4 * size, kind, self.stream)

    def copy_to_host(self, index: int, size: int) -> None:
        """Enqueue a copy of the first ``size`` values of a buffer from the GPU."""
        kind = cuda_runtime().cudaMemcpyKind.cudaMemcpyDeviceToHost
        target, source = self.host_pointers[index], self.device_pointers[index]
        cuda_call("cudaMemcpyAsync", target, source, 4 * size, kind, self.stream)

    def synchronize(self) -> None:
        """Wait until the stream has finished."""
        cuda_call("cudaStreamSynchronize", self.stream)

    def close(self) -> None:
        """Free everything. The arrays in ``host`` must not be used afterwards."""
        self.host.clear()
        self._resources.close()


def _remedy(status: str) -> str:
    if status in ("cudaErrorInsufficientDriver", "cudaErrorNoDevice", "cudaErrorStubLibrary"):
        return (
            "no NVIDIA GPU, or its driver is too old: install the driver (for a driver older than 580, "
            "pip install 'cuda-bindings<13'), or use backend onnx"
        )
    if status == "cudaErrorMemoryAllocation":
        return "the GPU's memory is full: end other programs that use it, or use backend onnx"
    return "restart the process; if the error persists, use backend onnx"
