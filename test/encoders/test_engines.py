# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Engines on a fake GPU.

ONNX Runtime and host memory take the place of TensorRT and CUDA: this tests the code around an engine, not a GPU.
"""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from support.fake_gpu import FakeCuda, fake_flavour

from liploc_ros.encoders import BackendSettings, Encoders, ModelError
from liploc_ros.encoders.onnx import OnnxEncoder
from liploc_ros.encoders.parity_views import parity_inputs
from liploc_ros.encoders.spec import ONNX_FILES
from liploc_ros.encoders.tensorrt import bundle_engines, flavour, gpu
from liploc_ros.encoders.tensorrt.engine_cache import EngineCache
from liploc_ros.encoders.tensorrt.gpu import Gpu


@pytest.fixture(params=["tensorrt", "tensorrt_rtx"])
def settings(request, monkeypatch, tmp_path):
    """Settings of one flavour, which is installed as a fake."""
    fake = fake_flavour(request.param)
    monkeypatch.setattr(flavour, "is_installed", lambda name: name == request.param)
    monkeypatch.setattr(bundle_engines, "load_flavour", lambda name: fake)
    return BackendSettings(request.param, "fp32", cache=tmp_path)


@pytest.fixture
def cuda(monkeypatch):
    cuda = FakeCuda()
    monkeypatch.setattr(gpu, "cuda_runtime", lambda: cuda)
    monkeypatch.setattr("liploc_ros.encoders.tensorrt.cuda_graph.cuda_runtime", lambda: cuda)
    return cuda


def test_a_gpu_is_named_with_its_compute_capability(cuda):
    assert gpu.find_gpu() == Gpu("Fake GPU", "sm89")


def test_an_engine_gives_the_features_of_onnx_runtime(bundle, settings, cuda):
    encoders = Encoders(bundle, settings)
    for part in ("camera", "lidar"):
        encoder, reason = getattr(encoders, f"{part}_choice")
        expected, views = OnnxEncoder(bundle.path / f"{part}.onnx"), parity_inputs(bundle.spec, part)
        for batch in (views, views[:1], views[:1], views, np.concatenate([views] * 6)):
            assert np.allclose(encoder.encode(batch), expected.encode(batch), atol=1e-4)
        assert "cosine with ONNX Runtime 1.0" in reason and settings.backend in encoder.runtime


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_an_engine_is_built_from_the_file_of_its_precision(bundle, settings, cuda, precision):
    encoders = Encoders(bundle, BackendSettings(settings.backend, precision, cache=settings.cache))
    assert encoders.camera.runtime.endswith(precision)
    [entry] = EngineCache(settings.cache).entries()
    assert Path(entry.record.model).name == ONNX_FILES[precision]["camera"]
    assert entry.record.key.onnx_sha256 == bundle.spec.files[ONNX_FILES[precision]["camera"]]


def test_a_bundle_of_an_older_version_has_engines_in_fp32_and_one_warning_says_so(
    bundle_without_fp16, settings, cuda, caplog
):
    encoders = Encoders(bundle_without_fp16, BackendSettings(settings.backend, "fp16", cache=settings.cache))
    assert encoders.camera.runtime.endswith("fp32") and encoders.lidar.runtime.endswith("fp32")
    [warning] = [message for message in caplog.messages if "fp16" in message]
    assert "has no fp16 files, so its engines use fp32: liploc export" in warning


def test_memory_is_allocated_once_and_freed(bundle, settings, cuda):
    encoders, views = Encoders(bundle, settings), parity_inputs(bundle.spec, "camera")
    encoder = encoders.camera
    allocated = dict(cuda.allocated)
    for _ in range(3):
        encoder.encode(views)
    assert cuda.allocated == allocated and len(allocated) == 4
    encoders.close()
    assert not cuda.allocated and not cuda.streams and not cuda.graphs
    with pytest.raises(ModelError, match="was closed"):
        encoder.encode(views)


def test_a_graph_is_recorded_per_shape_for_tensorrt_only(bundle, settings, cuda):
    encoder, views = Encoders(bundle, settings).camera, parity_inputs(bundle.spec, "camera")
    for _ in range(3):
        encoder.encode(views)
        encoder.encode(views[:1])
    assert len(cuda.graphs) == (2 if settings.backend == "tensorrt" else 0)
    assert cuda.launches == (5 if settings.backend == "tensorrt" else 0)


def test_the_runtime_cache_of_rtx_is_saved_for_the_next_start(bundle, settings, cuda):
    _ = Encoders(bundle, settings).camera
    saved = list(settings.cache.glob("*.sm89.jit"))
    assert len(saved) == (1 if settings.backend == "tensorrt_rtx" else 0)
    for entry in (store := EngineCache(settings.cache)).entries():
        assert store.remove(entry.digest)
    assert not list(settings.cache.glob("*.jit"))


@pytest.mark.parametrize(("flags", "expected"), [({"STRONGLY_TYPED": 1}, 2), ({}, 0)])
def test_networks_are_strongly_typed_also_where_that_flag_no_longer_exists(bundle, settings, cuda, flags, expected):
    """TensorRT 11 has only strongly typed networks."""
    fake, used = bundle_engines.load_flavour(settings.backend), []
    create_network = fake.module.Builder.create_network
    fake.module.NetworkDefinitionCreationFlag = SimpleNamespace(**flags)
    fake.module.Builder = type(
        "Recorder", (fake.module.Builder,), {"create_network": lambda *a: used.append(a[1]) or create_network(*a)}
    )
    _ = Encoders(bundle, settings).camera
    assert used == [expected]


def test_views_of_another_size_are_refused(bundle, settings, cuda):
    with pytest.raises(ModelError, match=r"views of shape \(1, 3, 64, 128\), built for"):
        Encoders(bundle, settings).camera.encode(np.zeros((1, 3, 64, 128), np.float32))


def test_auto_reports_the_measured_times(bundle, settings, cuda):
    encoder, reason = Encoders(bundle, BackendSettings("auto", "fp32", cache=settings.cache)).camera_choice
    assert f"{encoder.runtime}: the fastest of {settings.backend}" in reason and "onnxruntime CPU" in reason
    assert bool(cuda.allocated) == (encoder.runtime != "onnxruntime CPU")


def test_an_engine_that_disagrees_is_refused_and_freed(bundle, settings, cuda):
    cuda.negate_features = True
    with pytest.raises(ModelError, match=r"below 0\.999"):
        _ = Encoders(bundle, settings).camera
    assert not cuda.allocated


def test_too_little_gpu_memory_is_an_error_of_one_line(bundle, settings, cuda):
    cuda.max_allocation = 100
    with pytest.raises(ModelError, match="cudaMalloc: cudaErrorMemoryAllocation: the GPU's memory is full"):
        _ = Encoders(bundle, settings).camera
    assert not cuda.allocated and not cuda.streams
