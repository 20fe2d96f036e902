"""TensorRT and the CUDA runtime as far as the encoders use them, played by ONNX Runtime and the host's memory.

It shows that buffers, shapes, graphs and freeing fit together; of a GPU it proves nothing.
"""

import ctypes
from enum import Enum
from types import SimpleNamespace

import numpy as np
import onnxruntime

from liploc_ros.encoders.tensorrt.module import Flavour

Status = Enum("Status", ["cudaSuccess", "cudaErrorMemoryAllocation"])


class PretendedCuda:
    """Functions return (status, result ...), as cuda-bindings' do."""

    cudaError_t = Status
    cudaMemcpyKind = SimpleNamespace(cudaMemcpyHostToDevice=1, cudaMemcpyDeviceToHost=2)
    cudaStreamCaptureMode = SimpleNamespace(cudaStreamCaptureModeThreadLocal=1)
    cudaStreamNonBlocking = 1
    now = None

    def __init__(self):
        self.held, self.streams, self.graphs = {}, set(), {}
        self.recording, self.launches, self.free, self.wrong = None, 0, 1 << 30, False
        PretendedCuda.now = self

    def do(self, work):
        """Queue work: done at once, or recorded."""
        work() if self.recording is None else self.recording.append(work)

    def cudaGetDeviceCount(self):
        return Status.cudaSuccess, 1

    def cudaGetDevice(self):
        return Status.cudaSuccess, 0

    def cudaGetDeviceProperties(self, device):
        return Status.cudaSuccess, SimpleNamespace(name=b"Pretended GPU\0", major=8, minor=9)

    def cudaStreamCreateWithFlags(self, flags):
        self.streams.add(7)
        return Status.cudaSuccess, 7

    def cudaStreamDestroy(self, stream):
        self.streams.remove(int(stream))
        return (Status.cudaSuccess,)

    def cudaMalloc(self, size):
        if size > self.free:
            return Status.cudaErrorMemoryAllocation, None
        buffer = ctypes.create_string_buffer(size)
        self.held[ctypes.addressof(buffer)] = buffer
        return Status.cudaSuccess, ctypes.addressof(buffer)

    cudaMallocHost = cudaMalloc

    def cudaFree(self, pointer):
        del self.held[pointer]
        return (Status.cudaSuccess,)

    cudaFreeHost = cudaFree

    def cudaMemcpyAsync(self, to, source, size, kind, stream):
        self.do(lambda: ctypes.memmove(to, source, size))
        return (Status.cudaSuccess,)

    def cudaStreamSynchronize(self, stream):
        return (Status.cudaSuccess,)

    def cudaStreamBeginCapture(self, stream, mode):
        self.recording = []
        return (Status.cudaSuccess,)

    def cudaStreamEndCapture(self, stream):
        recorded, self.recording = self.recording, None
        return Status.cudaSuccess, recorded

    def cudaGraphInstantiate(self, graph, flags):
        self.graphs[len(self.graphs)] = graph
        return Status.cudaSuccess, len(self.graphs) - 1

    def cudaGraphDestroy(self, graph):
        return (Status.cudaSuccess,)

    def cudaGraphExecDestroy(self, number):
        del self.graphs[number]
        return (Status.cudaSuccess,)

    def cudaGraphLaunch(self, number, stream):
        self.launches += 1
        for work in self.graphs[number]:
            work()
        return (Status.cudaSuccess,)


class Context:
    def __init__(self, session):
        self.session, self.addresses, self.shape = session, {}, None

    def set_input_shape(self, name, shape):
        self.shape = tuple(shape)
        return True

    def get_tensor_shape(self, name):
        n, _, h, w = self.shape
        return (n, self.session.get_outputs()[0].shape[1], h // 8, w // 8)

    def set_tensor_address(self, name, pointer):
        self.addresses[name] = pointer

    def execute_async_v3(self, stream):
        shape = self.shape

        def run():
            views = self._at("views", shape)
            cells = self.session.run(None, {"views": views})[0]
            self._at("cells", cells.shape)[:] = -cells if PretendedCuda.now.wrong else cells

        PretendedCuda.now.do(run)
        return True

    def _at(self, name, shape):
        count = int(np.prod(shape))
        return np.ctypeslib.as_array((ctypes.c_float * count).from_address(self.addresses[name])).reshape(shape)


class Engine:
    num_io_tensors = 2

    def __init__(self, plan):
        profile, network = plan.split(b"|", 1)
        self.profile = [tuple(map(int, shape.split(b","))) for shape in profile.split(b";")]
        self.session = onnxruntime.InferenceSession(network)

    def get_tensor_name(self, number):
        return ("views", "cells")[number]

    def get_tensor_dtype(self, name):
        return "float"

    def get_tensor_profile_shape(self, name, profile):
        return self.profile

    def get_tensor_shape(self, name):
        return (-1, self.session.get_outputs()[0].shape[1], -1, -1)

    def create_execution_context(self, config=None):
        return Context(self.session)

    def create_runtime_config(self):
        kept = SimpleNamespace(serialize=lambda: b"compiled", deserialize=lambda data: data == b"compiled")
        return SimpleNamespace(create_runtime_cache=lambda: kept, set_runtime_cache=lambda cache: True)


class Parser:
    num_errors = 0

    def __init__(self, network, logger):
        self.network = network

    def parse(self, model):
        self.network.model = model
        return True


class Builder:
    def __init__(self, logger):
        pass

    def create_network(self, flags):
        tensors = (SimpleNamespace(name="views"), SimpleNamespace(name="cells"))
        return SimpleNamespace(
            num_inputs=1, num_outputs=1, get_input=lambda i: tensors[0], get_output=lambda i: tensors[1]
        )

    def create_builder_config(self):
        nothing = lambda *arguments, **named: None  # noqa: E731
        cache = SimpleNamespace(serialize=lambda: b"timings")
        config = SimpleNamespace(
            set_memory_pool_limit=nothing,
            clear_flag=nothing,
            set_compute_capability=nothing,
            set_timing_cache=nothing,
            create_timing_cache=lambda timings: cache,
        )
        config.add_optimization_profile = lambda profile: setattr(config, "profile", profile)
        return config

    def create_optimization_profile(self):
        profile = SimpleNamespace()
        profile.set_shape = lambda name, *shapes: setattr(profile, "shapes", shapes)
        return profile

    def build_serialized_network(self, network, config):
        shapes = b";".join(",".join(map(str, shape)).encode() for shape in config.profile.shapes)
        return shapes + b"|" + network.model


class Runtime:
    def __init__(self, logger):
        pass

    def deserialize_cuda_engine(self, plan):
        return Engine(plan)


def pretended_flavour(name):
    class Logger:
        INTERNAL_ERROR, ERROR, WARNING = range(3)

    pretended = SimpleNamespace(
        Builder=Builder,
        Runtime=Runtime,
        OnnxParser=Parser,
        ILogger=Logger,
        IProgressMonitor=type("IProgressMonitor", (), {"__init__": lambda self: None}),
        Dims=tuple,
        MemoryPoolType=SimpleNamespace(WORKSPACE=0),
        BuilderFlag=SimpleNamespace(TF32=0),
        NetworkDefinitionCreationFlag=SimpleNamespace(STRONGLY_TYPED=0),
        DataType=SimpleNamespace(FLOAT="float"),
        CudaGraphStrategy=SimpleNamespace(WHOLE_GRAPH_CAPTURE=1),
        ComputeCapability=SimpleNamespace(__members__={"SM89": 89}),
    )

    class Pretended(Flavour):
        def logger(self):
            return None

    return Pretended(name, "0.0", pretended)
