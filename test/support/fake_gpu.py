# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""A fake of TensorRT and of the CUDA runtime, as far as the encoders use them, on ONNX Runtime and host memory.

It shows that buffers, shapes, graphs and freeing are used correctly. It proves nothing about a real GPU.
"""

import ctypes
from enum import Enum
from types import SimpleNamespace

import numpy as np
import onnxruntime

from liploc_ros.encoders.tensorrt.flavour import Flavour

Status = Enum("Status", ["cudaSuccess", "cudaErrorMemoryAllocation"])


class FakeCuda:
    """Functions return (status, result ...), like those of cuda-bindings."""

    cudaError_t = Status
    cudaMemcpyKind = SimpleNamespace(cudaMemcpyHostToDevice=1, cudaMemcpyDeviceToHost=2)
    cudaStreamCaptureMode = SimpleNamespace(cudaStreamCaptureModeThreadLocal=1)
    cudaStreamNonBlocking = 1
    current = None  # the last instance

    def __init__(self):
        self.allocated, self.streams, self.graphs = {}, set(), {}
        self.recording, self.launches = None, 0
        self.max_allocation = 1 << 30
        self.negate_features = False
        FakeCuda.current = self

    def enqueue(self, work):
        """Run work at once, or record it."""
        work() if self.recording is None else self.recording.append(work)

    def cudaGetDeviceCount(self):
        return Status.cudaSuccess, 1

    def cudaGetDevice(self):
        return Status.cudaSuccess, 0

    def cudaGetDeviceProperties(self, device):
        return Status.cudaSuccess, SimpleNamespace(name=b"Fake GPU\0", major=8, minor=9)

    def cudaStreamCreateWithFlags(self, flags):
        self.streams.add(7)
        return Status.cudaSuccess, 7

    def cudaStreamDestroy(self, stream):
        self.streams.remove(int(stream))
        return (Status.cudaSuccess,)

    def cudaMalloc(self, size):
        if size > self.max_allocation:
            return Status.cudaErrorMemoryAllocation, None
        buffer = ctypes.create_string_buffer(size)
        self.allocated[ctypes.addressof(buffer)] = buffer
        return Status.cudaSuccess, ctypes.addressof(buffer)

    cudaMallocHost = cudaMalloc

    def cudaFree(self, pointer):
        del self.allocated[pointer]
        return (Status.cudaSuccess,)

    cudaFreeHost = cudaFree

    def cudaMemcpyAsync(self, target, source, size, kind, stream):
        self.enqueue(lambda: ctypes.memmove(target, source, size))
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

    def cudaGraphExecDestroy(self, index):
        del self.graphs[index]
        return (Status.cudaSuccess,)

    def cudaGraphLaunch(self, index, stream):
        self.launches += 1
        for work in self.graphs[index]:
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
            views = self._tensor("views", shape)
            features = self.session.run(None, {"views": views})[0]
            self._tensor("cells", features.shape)[:] = -features if FakeCuda.current.negate_features else features

        FakeCuda.current.enqueue(run)
        return True

    def _tensor(self, name, shape):
        size = int(np.prod(shape))
        return np.ctypeslib.as_array((ctypes.c_float * size).from_address(self.addresses[name])).reshape(shape)


class Engine:
    num_io_tensors = 2

    def __init__(self, plan):
        profile, network = plan.split(b"|", 1)
        self.profile = [tuple(map(int, shape.split(b","))) for shape in profile.split(b";")]
        self.session = onnxruntime.InferenceSession(network)

    def get_tensor_name(self, index):
        return ("views", "cells")[index]

    def get_tensor_dtype(self, name):
        return "float"

    def get_tensor_profile_shape(self, name, profile):
        return self.profile

    def get_tensor_shape(self, name):
        return (-1, self.session.get_outputs()[0].shape[1], -1, -1)

    def create_execution_context(self, config=None):
        return Context(self.session)

    def create_runtime_config(self):
        cache = SimpleNamespace(serialize=lambda: b"compiled", deserialize=lambda data: data == b"compiled")
        return SimpleNamespace(create_runtime_cache=lambda: cache, set_runtime_cache=lambda cache: True)


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
        ignore = lambda *arguments, **named: None  # noqa: E731
        cache = SimpleNamespace(serialize=lambda: b"timings")
        config = SimpleNamespace(
            set_memory_pool_limit=ignore,
            clear_flag=ignore,
            set_compute_capability=ignore,
            set_timing_cache=ignore,
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


def fake_flavour(name):
    class Logger:
        INTERNAL_ERROR, ERROR, WARNING = range(3)

    module = SimpleNamespace(
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

    class FakeFlavour(Flavour):
        def logger(self):
            return None

    return FakeFlavour(name, "0.0", module)
