# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

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
from liploc_ros.encoders.tensorrt.engine_key import EngineKey
from liploc_ros.encoders.tensorrt.engine_lock import engine_lock
from liploc_ros.encoders.tensorrt.flavour import Flavour, shape_of
from liploc_ros.encoders.tensorrt.gpu import GpuMemory
from liploc_ros.files import FileError, write_file

if TYPE_CHECKING:
    import tensorrt as trt

LOG = logging.getLogger(__name__)
LOCK_TIMEOUT = 5.0  # s


class EngineEncoder:
    """Runs one engine; see :class:`~liploc_ros.encoders.encoder.Encoder`. It may be used by several threads.

    The encoder owns a CUDA stream and its memory, which is allocated once. Views are copied to pinned memory and then
    to the GPU; features are copied back. TensorRT-RTX records a CUDA graph itself; for TensorRT one is recorded per
    shape.
    """

    def __init__(
        self, plan: bytes, key: EngineKey, flavour: Flavour, channels: int, runtime_cache: Path | None = None
    ) -> None:
        """Deserialize an engine and allocate its memory.

        Args:
            plan: the serialized engine.
            key: the key that it was built for.
            flavour: that of the key.
            channels: length of a feature, according to the bundle.
            runtime_cache: file in which TensorRT-RTX keeps the kernels that it compiled for this GPU.

        Raises:
            ModelError: the runtime refuses the engine, it does not fit the bundle, or the GPU's memory is full.
        """
        self.runtime = f"{flavour.name} {flavour.version} {key.precision}"
        self._key, self._flavour, self._runtime_cache_path = key, flavour, runtime_cache
        self._lock = threading.Lock()
        runtime: trt.Runtime = flavour.module.Runtime(flavour.logger())
        engine: trt.ICudaEngine | None = runtime.deserialize_cuda_engine(plan)
        if engine is None:
            raise ModelError(f"{key}: {flavour.name} cannot load the engine ({flavour.last_error()}): build it again")
        self._runtime_and_engine: tuple[Any, Any] | None = (runtime, engine)  # the context needs both
        self._runtime_cache: Any = None
        self._context: trt.IExecutionContext | None = self._create_context(engine)
        self._check(engine, channels)
        input_shape = key.profile.max
        output_shape = self._set_input_shape(input_shape)
        with ExitStack() as resources:
            self._memory = GpuMemory([int(np.prod(input_shape)), int(np.prod(output_shape))])
            resources.callback(self._memory.close)
            self._graphs = None if flavour.is_rtx else CudaGraphs(self._memory.stream)
            if self._graphs is not None:
                resources.callback(self._graphs.close)
            for name, pointer in zip((INPUT, OUTPUT), self._memory.device_pointers, strict=True):
                self._context.set_tensor_address(name, pointer)
            self._resources = resources.pop_all()

    def encode(self, views: NDArray[np.float32]) -> NDArray[np.float32]:
        """See :class:`~liploc_ros.encoders.encoder.Encoder`; views beyond the maximum batch are encoded in several.

        Raises:
            ModelError: the engine was not built for views of this size, fails, or was closed.
        """
        max_batch = self._key.profile.max[0]
        if not len(views) or not self._key.profile.contains((1, *views.shape[1:])):
            raise ModelError(
                f"{self.runtime}: views of shape {views.shape}, built for {self._key.profile.min} to "
                f"{self._key.profile.max}: build an engine for this model"
            )
        with self._lock:
            batches = [self._encode(views[start : start + max_batch]) for start in range(0, len(views), max_batch)]
        return batches[0] if len(batches) == 1 else np.concatenate(batches)

    def save_runtime_cache(self) -> None:
        """Write what TensorRT-RTX compiled for this GPU next to the engine, so that the next start is faster."""
        if self._runtime_cache_path is None or self._runtime_cache is None:
            return
        try:
            with engine_lock(self._runtime_cache_path.with_suffix(".lock"), LOCK_TIMEOUT, "it uses the engine"):
                write_file(self._runtime_cache_path, bytes(self._runtime_cache.serialize()))
        except (ModelError, FileError) as error:
            LOG.warning("%s", error)

    def close(self) -> None:
        """Save the runtime cache, and free the engine and its memory."""
        with self._lock:
            if self._context is None:
                return
            self.save_runtime_cache()
            self._resources.close()
            self._context = self._runtime_cache = self._runtime_and_engine = None

    def _encode(self, views: NDArray[np.float32]) -> NDArray[np.float32]:
        output_shape = self._set_input_shape(views.shape)
        memory, input_size, output_size = self._memory, views.size, int(np.prod(output_shape))
        np.copyto(memory.host[0][:input_size].reshape(views.shape), views)
        if self._graphs is None:
            self._enqueue(input_size, output_size)
        else:
            self._graphs.run(views.shape, lambda: self._enqueue(input_size, output_size))
        memory.synchronize()
        return np.array(memory.host[1][:output_size].reshape(output_shape))  # a copy: the next call overwrites it

    def _enqueue(self, input_size: int, output_size: int) -> None:
        context = self._open_context()
        self._memory.copy_to_device(0, input_size)
        if not context.execute_async_v3(self._memory.stream):
            raise ModelError(f"{self.runtime}: the engine failed ({self._flavour.last_error()}): use backend onnx")
        self._memory.copy_to_host(1, output_size)

    def _set_input_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Set the shape of the input, and return the shape of the output."""
        context = self._open_context()
        if not context.set_input_shape(INPUT, shape):
            raise ModelError(f"{self.runtime}: refuses views of shape {shape}: build an engine for this model")
        return shape_of(context.get_tensor_shape(OUTPUT))

    def _open_context(self) -> "trt.IExecutionContext":
        if self._context is None:
            raise ModelError(f"{self.runtime}: the encoder was closed: create the encoders again")
        return self._context

    def _create_context(self, engine: "trt.ICudaEngine") -> "trt.IExecutionContext":
        if not self._flavour.is_rtx:
            context: trt.IExecutionContext | None = engine.create_execution_context()
        else:
            config: Any = engine.create_runtime_config()
            config.cuda_graph_strategy = self._flavour.module.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
            self._runtime_cache = config.create_runtime_cache()
            path = self._runtime_cache_path
            if path is not None and path.is_file():
                with contextlib.suppress(OSError):
                    if not self._runtime_cache.deserialize(path.read_bytes()):
                        LOG.info("%s: compiled for another GPU or driver: compiling again", path.name)
            config.set_runtime_cache(self._runtime_cache)
            context = engine.create_execution_context(config)
        if context is None:
            raise ModelError(f"{self.runtime}: the GPU has too little memory for the engine: use backend onnx")
        return context

    def _check(self, engine: "trt.ICudaEngine", channels: int) -> None:
        """Check the names, types and shapes of the engine's tensors against its key and the bundle."""
        profile, float32 = self._key.profile, self._flavour.module.DataType.FLOAT
        names = [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]
        if sorted(names) != sorted((INPUT, OUTPUT)):
            raise ModelError(f"{self.runtime}: the engine has tensors {names}, not {INPUT} and {OUTPUT}")
        types = [engine.get_tensor_dtype(name) for name in (INPUT, OUTPUT)]
        if types != [float32, float32]:
            raise ModelError(f"{self.runtime}: the engine's tensors have types {types}, not float32")
        shapes = tuple(shape_of(shape) for shape in engine.get_tensor_profile_shape(INPUT, 0))
        if shapes != (profile.min, profile.opt, profile.max):
            raise ModelError(f"{self.runtime}: the engine takes shapes {shapes}, not those of its key")
        output_shape = shape_of(engine.get_tensor_shape(OUTPUT))
        if len(output_shape) != 4 or output_shape[1] != channels:
            raise ModelError(
                f"{self.runtime}: the engine gives features of shape {output_shape}, the bundle has {channels} channels"
            )
