"""What of CUDA an engine needs: which GPU there is, a stream, and memory. Through cuda-bindings, imported when used."""

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
    capability: str


@cache
def cuda_runtime() -> Any:
    """Return the module ``cuda.bindings.runtime``.

    Raises:
        ModelError: it is not installed.
    """
    try:
        from cuda.bindings import runtime
    except ImportError as error:
        raise ModelError(f"a GPU needs cuda-bindings ({error}): pip install 'cuda-bindings>=12.6'") from error
    return runtime


def call(function: str, *arguments: Any) -> Any:
    """Call a function of the CUDA runtime, and return what it returns beside its status: nothing, one, or a tuple.

    Raises:
        ModelError: the status is an error.
    """
    runtime = cuda_runtime()
    status, *results = getattr(runtime, function)(*arguments)
    if status != runtime.cudaError_t.cudaSuccess:
        raise ModelError(f"{function}: {status.name}: {_remedy(status.name)}")
    return results[0] if len(results) == 1 else tuple(results) or None


def find_gpu() -> Gpu:
    """Return the GPU in use: the first that CUDA_VISIBLE_DEVICES leaves.

    Raises:
        ModelError: there is none, or no driver.
    """
    call("cudaGetDeviceCount")  # an error where there is none
    properties = call("cudaGetDeviceProperties", call("cudaGetDevice"))
    name = properties.name.decode() if isinstance(properties.name, bytes) else str(properties.name)
    return Gpu(name.rstrip("\0"), f"sm{properties.major}{properties.minor}")


class GpuMemory:
    """Pinned host memory and device memory of one size, and a stream between them; all freed by :meth:`close`."""

    def __init__(self, floats: Iterable[int]) -> None:
        """Allocate a pair of buffers of so many float32 for each number, once and for all.

        Raises:
            ModelError: there is not enough memory.
        """
        import ctypes

        self.host: list[NDArray[np.float32]] = []
        self.host_pointers: list[int] = []
        self.device_pointers: list[int] = []
        with ExitStack() as opened:
            stream = call("cudaStreamCreateWithFlags", cuda_runtime().cudaStreamNonBlocking)
            self.stream = int(stream)
            opened.callback(call, "cudaStreamDestroy", stream)
            for count in floats:
                device = int(call("cudaMalloc", 4 * count))
                opened.callback(call, "cudaFree", device)
                host = int(call("cudaMallocHost", 4 * count))
                opened.callback(call, "cudaFreeHost", host)
                self.device_pointers.append(device)
                self.host_pointers.append(host)
                self.host.append(np.ctypeslib.as_array((ctypes.c_float * count).from_address(host)))
            self._opened = opened.pop_all()

    def send(self, number: int, floats: int) -> None:
        """Queue a copy of the beginning of a buffer to the GPU."""
        kind = cuda_runtime().cudaMemcpyKind.cudaMemcpyHostToDevice
        to, source = self.device_pointers[number], self.host_pointers[number]
        call("cudaMemcpyAsync", to, source, 4 * floats, kind, self.stream)

    def fetch(self, number: int, floats: int) -> None:
        """Queue a copy of the beginning of a buffer from the GPU."""
        kind = cuda_runtime().cudaMemcpyKind.cudaMemcpyDeviceToHost
        to, source = self.host_pointers[number], self.device_pointers[number]
        call("cudaMemcpyAsync", to, source, 4 * floats, kind, self.stream)

    def wait(self) -> None:
        """Wait for all that was queued."""
        call("cudaStreamSynchronize", self.stream)

    def close(self) -> None:
        """Free everything; the arrays in ``host`` must not be touched after that."""
        self.host.clear()
        self._opened.close()


def _remedy(status: str) -> str:
    if status in ("cudaErrorInsufficientDriver", "cudaErrorNoDevice", "cudaErrorStubLibrary"):
        return (
            "no NVIDIA GPU here, or no driver that is new enough: install the driver (for one older than 580, "
            "pip install 'cuda-bindings<13'), or take backend onnx"
        )
    if status == "cudaErrorMemoryAllocation":
        return "the GPU's memory is full: end what else uses it, or take backend onnx"
    return "restart the process; if it stays, take backend onnx"
