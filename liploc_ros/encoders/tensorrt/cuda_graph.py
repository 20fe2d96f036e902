# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""CUDA graphs: GPU work that is recorded once and then launched with one call."""

import logging
from collections.abc import Callable

from liploc_ros.encoders.encoder import ModelError
from liploc_ros.encoders.tensorrt.gpu import cuda_call, cuda_runtime

LOG = logging.getLogger(__name__)
MAX_GRAPHS = 16  # each graph occupies GPU memory


class CudaGraphs:
    """One CUDA graph per input shape.

    If a runtime cannot be recorded, its work is enqueued again for each call.
    """

    def __init__(self, stream: int) -> None:
        """Record the work of a stream."""
        self._stream = stream
        self._graphs: dict[tuple[int, ...], object] = {}
        self._supported = True

    def run(self, shape: tuple[int, ...], enqueue: Callable[[], None]) -> None:
        """Run the work that ``enqueue`` puts on the stream; after the first call of a shape, from its graph."""
        if shape in self._graphs:
            cuda_call("cudaGraphLaunch", self._graphs[shape], self._stream)
            return
        enqueue()  # some runtimes allocate memory in their first call, which cannot be recorded
        if self._supported and len(self._graphs) < MAX_GRAPHS:
            cuda_call("cudaStreamSynchronize", self._stream)
            self._record(shape, enqueue)

    def close(self) -> None:
        """Free all graphs."""
        while self._graphs:
            cuda_call("cudaGraphExecDestroy", self._graphs.popitem()[1])

    def _record(self, shape: tuple[int, ...], enqueue: Callable[[], None]) -> None:
        mode = cuda_runtime().cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        graph = None
        try:
            cuda_call("cudaStreamBeginCapture", self._stream, mode)
            try:
                enqueue()
            finally:
                graph = cuda_call("cudaStreamEndCapture", self._stream)
            self._graphs[shape] = cuda_call("cudaGraphInstantiate", graph, 0)
        except ModelError as error:
            self._supported = False
            LOG.warning("CUDA graphs are not used: %s", error)
        finally:
            if graph is not None:
                cuda_call("cudaGraphDestroy", graph)
