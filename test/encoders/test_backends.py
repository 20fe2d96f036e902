# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The choice of a backend, and the comparison of runtimes, without TensorRT and without a GPU."""

import numpy as np
import pytest

from liploc_ros.encoders import BackendSettings, Encoders, ModelError
from liploc_ros.encoders.backends import open_encoder
from liploc_ros.encoders.onnx import OnnxEncoder
from liploc_ros.encoders.parity import check_parity, min_cosine
from liploc_ros.encoders.parity_views import parity_inputs
from liploc_ros.encoders.tensorrt import bundle_engines, flavour
from liploc_ros.encoders.tensorrt.engine_key import profile_of
from liploc_ros.files import FileError


@pytest.fixture
def no_tensorrt(monkeypatch):
    monkeypatch.setattr(flavour, "is_installed", lambda name: False)


def test_auto_without_tensorrt_uses_onnx_in_one_short_line_and_says_why_when_debugging(no_tensorrt, bundle, caplog):
    caplog.set_level("DEBUG", "liploc_ros")
    encoder, reason = Encoders(bundle, BackendSettings("auto")).camera_choice
    assert reason == f"{encoder.runtime}: the only backend that works here"
    assert "module tensorrt_rtx is not installed" in caplog.text


@pytest.mark.parametrize(
    ("backend", "remedy"), [("tensorrt", "pip install tensorrt,"), ("tensorrt_rtx", "pip install tensorrt-rtx-cu12")]
)
def test_a_requested_backend_is_never_replaced_by_another(no_tensorrt, bundle, backend, remedy):
    with pytest.raises(ModelError, match=remedy):
        _ = bundle.encoders(backend=backend).camera


def test_a_requested_backend_without_a_gpu_is_an_error(monkeypatch, bundle):
    def find_gpu():
        raise ModelError("no NVIDIA GPU")

    monkeypatch.setattr(flavour, "is_installed", lambda name: True)
    monkeypatch.setattr(bundle_engines, "find_gpu", find_gpu)
    with pytest.raises(ModelError, match="no NVIDIA GPU"):
        _ = bundle.encoders(backend="tensorrt_rtx").camera


def test_auto_uses_onnx_where_the_cache_of_engines_cannot_be_written(monkeypatch, bundle, caplog):
    caplog.set_level("DEBUG", "liploc_ros")

    def open_engine(*arguments):
        raise FileError("/engines: cannot be written (Read-only file system): choose another folder")

    monkeypatch.setattr("liploc_ros.encoders.backends.open_engine", open_engine)
    encoder = Encoders(bundle, BackendSettings("auto")).camera_choice.encoder
    assert encoder.runtime == "onnxruntime CPU" and "/engines: cannot be written" in caplog.text


def test_type_stubs_of_tensorrt_do_not_count_as_tensorrt(tmp_path, monkeypatch):
    (tmp_path / "tensorrt").mkdir()
    (tmp_path / "tensorrt" / "__init__.pyi").touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert not flavour.is_installed("tensorrt")


def test_the_parity_views_have_the_shapes_of_the_bundle(bundle):
    spec = bundle.spec
    for part in ("camera", "lidar"):
        views = parity_inputs(spec, part)
        assert len(views) == 2 and profile_of(spec, part).contains(views.shape) and views.std() > 0.5
        features = OnnxEncoder(bundle.path / f"{part}.onnx").encode(views)
        assert features.shape[1] == spec.channels


def test_a_runtime_with_different_features_is_refused(bundle):
    reference, views = OnnxEncoder(bundle.path / "camera.onnx"), parity_inputs(bundle.spec, "camera")

    class Inaccurate(OnnxEncoder):
        def encode(self, views):
            return super().encode(views) + 0.02 * np.sign(views[:, :1, ::8, ::8])

    with pytest.raises(ModelError, match=r"minimum cosine .* is 0\.\d+, below 0\.999: use precision fp32"):
        check_parity(Inaccurate(bundle.path / "camera.onnx"), reference, views)


def test_features_that_are_not_finite_have_the_cosine_minus_one():
    assert min_cosine(np.full((1, 2, 1, 1), np.nan, np.float32), np.ones((1, 2, 1, 1), np.float32)) == -1


def test_several_camera_views_are_encoded_in_one_batch(bundle, demo_image, demo_camera):
    encoders = bundle.encoders()
    view = encoders.viewer(demo_camera).draw(demo_image)
    dark = encoders.viewer(demo_camera).draw(demo_image // 2)
    batch = encoders.encode_cameras([view, dark])
    for features, single in zip(batch, (view, dark), strict=True):
        assert np.allclose(features, encoders.encode_camera(single), atol=1e-5)


def test_closed_encoders_cannot_be_used(bundle):
    encoders, views = bundle.encoders(), parity_inputs(bundle.spec, "camera")
    encoders.camera.encode(views)
    encoders.close()
    with pytest.raises(ModelError, match="were closed"):
        encoders.camera.encode(views)


@pytest.mark.parametrize("backend", ["onnx", "auto"])
def test_onnx_runtime_uses_the_cpu_if_the_gpu_disagrees(bundle, monkeypatch, backend, tmp_path, caplog):
    caplog.set_level("DEBUG", "liploc_ros")

    class FakeCudaEncoder(OnnxEncoder):
        def __init__(self, path, threads=0, device="cpu"):
            super().__init__(path, threads)
            self.runtime = f"onnxruntime {device.upper()}"

        def encode(self, views):
            features = super().encode(views)
            return features[..., ::-1] if self.runtime.endswith("CUDA") else features

    monkeypatch.setattr("liploc_ros.encoders.backends.OnnxEncoder", FakeCudaEncoder)
    choice = open_encoder(bundle.path, bundle.spec, "camera", BackendSettings(backend, cache=tmp_path))
    assert choice.encoder.runtime == "onnxruntime CPU" and "cosine" in caplog.text


def test_onnxruntime_gpu_without_a_working_driver_is_an_error_of_one_short_line(bundle, monkeypatch):
    def fail(path, options, providers, enable_fallback):
        raise RuntimeError("cuda_call.cc:154 CudaCall(ERRTYPE) CUDA failure 35: driver too old ; GPU=-1 ; file=x.cc")

    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr("onnxruntime.InferenceSession", fail)
    with pytest.raises(ModelError, match=r"does not work here \(CUDA failure 35: driver too old\): check the driver"):
        OnnxEncoder(bundle.path / "camera.onnx", device="cuda")


def test_a_runtime_that_fails_while_it_encodes_is_an_error_of_one_line(bundle):
    with pytest.raises(ModelError, match=r"onnxruntime CPU: cannot encode views \(1, 5, 64, 256\) ") as error:
        OnnxEncoder(bundle.path / "camera.onnx").encode(np.zeros((1, 5, 64, 256), np.float32))
    assert "\n" not in str(error.value)
