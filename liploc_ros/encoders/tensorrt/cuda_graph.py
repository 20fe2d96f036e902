"""A queue of GPU work that is recorded once and then started as a whole."""

import logging
from collections.abc import Callable

from liploc_ros.encoders.encoder import ModelError
from liploc_ros.encoders.tensorrt.gpu import call, cuda_runtime

LOG = logging.getLogger(__name__)
MOST = 16  # shapes; each graph holds memory


class CudaGraphs:
    """One graph a shape of the input; where a runtime cannot be recorded, its work is queued each time."""

    def __init__(self, stream: int) -> None:
        """Record on a stream."""
        self._stream = stream
        self._graphs: dict[tuple[int, ...], object] = {}
        self._works = True

    def run(self, shape: tuple[int, ...], queue: Callable[[], None]) -> None:
        """Do what ``queue`` queues on the stream: as it is the first time, then from the graph."""
        if shape in self._graphs:
            call("cudaGraphLaunch", self._graphs[shape], self._stream)
            return
        queue()  # the first time some runtimes allocate, which a graph cannot hold
        if self._works and len(self._graphs) < MOST:
            call("cudaStreamSynchronize", self._stream)
            self._record(shape, queue)

    def close(self) -> None:
        """Free all graphs."""
        while self._graphs:
            call("cudaGraphExecDestroy", self._graphs.popitem()[1])

    def _record(self, shape: tuple[int, ...], queue: Callable[[], None]) -> None:
        mode = cuda_runtime().cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        graph = None
        try:
            call("cudaStreamBeginCapture", self._stream, mode)
            try:
                queue()
            finally:
                graph = call("cudaStreamEndCapture", self._stream)
            self._graphs[shape] = call("cudaGraphInstantiate", graph, 0)
        except ModelError as error:
            self._works = False
            LOG.warning("no CUDA graph: %s", error)
        finally:
            if graph is not None:
                call("cudaGraphDestroy", graph)
