"""An encoder that runs as a TensorRT engine."""

import contextlib
import logging
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from liploc_ros.encoders.encoder import ModelError
from liploc_ros.encoders.tensorrt.cuda_graph import CudaGraphs
from liploc_ros.encoders.tensorrt.engine_builder import INPUT, OUTPUT
from liploc_ros.encoders.tensorrt.engine_cache import write_whole
from liploc_ros.encoders.tensorrt.engine_key import EngineKey
from liploc_ros.encoders.tensorrt.file_lock import locked
from liploc_ros.encoders.tensorrt.gpu import GpuMemory
from liploc_ros.encoders.tensorrt.module import Flavour, sizes_of

if TYPE_CHECKING:
    import tensorrt as trt

LOG = logging.getLogger(__name__)


class EngineEncoder:
    """Runs one engine; see :class:`~liploc_ros.encoders.encoder.Encoder`. Threads take turns.

    Memory and stream are its own and allocated once. An image is copied into pinned memory, to the GPU, and its cells
    back; TensorRT-RTX records a CUDA graph by itself, of TensorRT one is recorded for each shape.
    """

    def __init__(self, plan: bytes, key: EngineKey, flavour: Flavour, channels: int, jit: Path | None = None) -> None:
        """Deserialize an engine and allocate what it needs.

        Args:
            plan: the engine.
            key: that it was built for.
            flavour: that of the key.
            channels: numbers a cell, as the bundle says.
            jit: where TensorRT-RTX keeps what it compiles for this GPU.

        Raises:
            ModelError: the runtime refuses the engine, it is of another network, or the GPU's memory is full.
        """
        self.runtime = f"{flavour.name} {flavour.version} {key.precision}"
        self._key, self._flavour, self._jit = key, flavour, jit
        self._lock = threading.Lock()
        runtime: trt.Runtime = flavour.module.Runtime(flavour.logger())
        engine: trt.ICudaEngine | None = runtime.deserialize_cuda_engine(plan)
        if engine is None:
            raise ModelError(f"{key}: {flavour.name} cannot load the engine ({flavour.last_error()}): build it again")
        self._runtime_and_engine: tuple[Any, Any] | None = (runtime, engine)  # a context needs both to live on
        self._jit_cache: Any = None
        self._context: trt.IExecutionContext | None = self._new_context(engine)
        self._check(engine, channels)
        most = key.profile.most
        out = self._set_shape(most)
        with ExitStack() as opened:
            self._memory = GpuMemory([int(np.prod(most)), int(np.prod(out))])
            opened.callback(self._memory.close)
            self._graphs = None if flavour.is_rtx else CudaGraphs(self._memory.stream)
            if self._graphs is not None:
                opened.callback(self._graphs.close)
            for name, pointer in zip((INPUT, OUTPUT), self._memory.device_pointers, strict=True):
                self._context.set_tensor_address(name, pointer)
            self._opened = opened.pop_all()

    def encode(self, views: NDArray[np.float32]) -> NDArray[np.float32]:
        """See :class:`~liploc_ros.encoders.encoder.Encoder`; more views than the engine takes at once go in turns.

        Raises:
            ModelError: views of a size that the engine was not built for, or the engine fails or was closed.
        """
        batch = self._key.profile.most[0]
        if not len(views) or not self._key.profile.holds((1, *views.shape[1:])):
            raise ModelError(
                f"{self.runtime}: views of shape {views.shape}, built for {self._key.profile.least} to "
                f"{self._key.profile.most}: build an engine for this model"
            )
        with self._lock:
            turns = [self._encode(views[start : start + batch]) for start in range(0, len(views), batch)]
        return turns[0] if len(turns) == 1 else np.concatenate(turns)

    def keep_compiled(self) -> None:
        """Write what TensorRT-RTX compiled for this GPU beside the engine: the next start is quicker."""
        if self._jit is None or self._jit_cache is None:
            return
        try:
            with locked(self._jit.with_suffix(".lock"), 5.0, "it is using the engine"):
                write_whole(self._jit, bytes(self._jit_cache.serialize()))
        except ModelError as error:
            LOG.warning("%s", error)

    def close(self) -> None:
        """Keep what was compiled for the next start, and free engine and memory."""
        with self._lock:
            if self._context is None:
                return
            self.keep_compiled()
            self._opened.close()
            self._context = self._jit_cache = self._runtime_and_engine = None

    def _encode(self, views: NDArray[np.float32]) -> NDArray[np.float32]:
        out = self._set_shape(views.shape)
        memory, sent, fetched = self._memory, views.size, int(np.prod(out))
        np.copyto(memory.host[0][:sent].reshape(views.shape), views)
        if self._graphs is None:
            self._queue(sent, fetched)
        else:
            self._graphs.run(views.shape, lambda: self._queue(sent, fetched))
        memory.wait()
        return np.array(memory.host[1][:fetched].reshape(out))  # a copy: the next call writes there

    def _queue(self, sent: int, fetched: int) -> None:
        if self._context is None:
            raise ModelError(f"{self.runtime}: was closed: open the encoders again")
        self._memory.send(0, sent)
        if not self._context.execute_async_v3(self._memory.stream):
            raise ModelError(f"{self.runtime}: the engine failed ({self._flavour.last_error()}): take backend onnx")
        self._memory.fetch(1, fetched)

    def _set_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Tell the context the shape of the input, and return that of the output."""
        if self._context is None:
            raise ModelError(f"{self.runtime}: was closed: open the encoders again")
        if not self._context.set_input_shape(INPUT, shape):
            raise ModelError(f"{self.runtime}: refuses views of shape {shape}: build an engine for this model")
        return sizes_of(self._context.get_tensor_shape(OUTPUT))

    def _new_context(self, engine: "trt.ICudaEngine") -> "trt.IExecutionContext":
        if not self._flavour.is_rtx:
            context: trt.IExecutionContext | None = engine.create_execution_context()
        else:
            config: Any = engine.create_runtime_config()
            config.cuda_graph_strategy = self._flavour.module.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
            self._jit_cache = config.create_runtime_cache()
            if self._jit is not None and self._jit.is_file():
                with contextlib.suppress(OSError):
                    if not self._jit_cache.deserialize(self._jit.read_bytes()):
                        LOG.info("%s: compiled for another GPU or driver: compiling again", self._jit.name)
            config.set_runtime_cache(self._jit_cache)
            context = engine.create_execution_context(config)
        if context is None:
            raise ModelError(f"{self.runtime}: no memory for the engine on the GPU: take backend onnx")
        return context

    def _check(self, engine: "trt.ICudaEngine", channels: int) -> None:
        """Make sure that the engine has the inputs and outputs of the bundle."""
        profile, single = self._key.profile, self._flavour.module.DataType.FLOAT
        names = [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]
        if sorted(names) != sorted((INPUT, OUTPUT)):
            raise ModelError(f"{self.runtime}: the engine has tensors {names}, not {INPUT} and {OUTPUT}")
        types = [engine.get_tensor_dtype(name) for name in (INPUT, OUTPUT)]
        if types != [single, single]:
            raise ModelError(f"{self.runtime}: the engine's tensors are of type {types}, not float32")
        shapes = tuple(sizes_of(shape) for shape in engine.get_tensor_profile_shape(INPUT, 0))
        if shapes != (profile.least, profile.usual, profile.most):
            raise ModelError(f"{self.runtime}: the engine takes shapes {shapes}, not those of its key")
        found = sizes_of(engine.get_tensor_shape(OUTPUT))
        if len(found) != 4 or found[1] != channels:
            raise ModelError(
                f"{self.runtime}: the engine gives cells {found}, the bundle says {channels} numbers a cell"
            )
