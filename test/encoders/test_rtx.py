# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Engines that TensorRT-RTX builds without a GPU (`make test-rtx` installs it)."""

import logging
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from liploc_ros.cli.engine import app
from liploc_ros.encoders import ModelBundle, ModelError
from liploc_ros.encoders.onnx import OnnxEncoder
from liploc_ros.encoders.parity import check_parity
from liploc_ros.encoders.parity_views import parity_inputs
from liploc_ros.encoders.spec import ONNX_FILES
from liploc_ros.encoders.tensorrt.bundle_engines import get_engine, keys_for_target
from liploc_ros.encoders.tensorrt.engine_builder import build_engine
from liploc_ros.encoders.tensorrt.engine_cache import EngineCache
from liploc_ros.encoders.tensorrt.engine_key import key_for, profile_of
from liploc_ros.encoders.tensorrt.engine_target import MIN_LATER_CAPABILITY, PORTABLE_CAPABILITIES, RTX_TARGETS
from liploc_ros.encoders.tensorrt.flavour import is_installed, load_flavour

if not is_installed("tensorrt_rtx"):
    pytest.skip("tensorrt_rtx is not installed: make test-rtx installs it", allow_module_level=True)

RTX = load_flavour("tensorrt_rtx")
PLAN_START = b"vtrt"


def reason_without_gpu():
    from liploc_ros.encoders.tensorrt.gpu import find_gpu

    try:
        find_gpu()
    except ModelError as error:
        return str(error)
    return ""


@pytest.fixture(scope="module")
def vit():
    """The bundle of the recipe `liploc`: ViT-S/16 with random weights."""
    if not (folder := os.environ.get("LIPLOC_VIT")):
        pytest.skip("LIPLOC_VIT is not set: make test-rtx writes this bundle")
    return ModelBundle.load(Path(folder))


NO_GPU = reason_without_gpu()
needs_gpu = pytest.mark.skipif(bool(NO_GPU), reason=NO_GPU)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("target", RTX_TARGETS)
def test_the_default_bundle_is_built_for_every_target(target, precision, bundle, tmp_path):
    cache, sizes = EngineCache(tmp_path), []
    for part, key in keys_for_target(bundle.path, bundle.spec, RTX, target, precision).items():
        plan = get_engine(bundle.path / ONNX_FILES[precision][part], key, RTX, cache, bytes)
        sizes.append(len(plan))
        assert plan.startswith(PLAN_START) and key.gpu_name == ""
    assert [entry.fault for entry in cache.entries()] == ["", ""] and all(100_000 < s < 5_000_000 for s in sizes)


def test_the_supported_compute_capabilities_are_those_of_the_library():
    known = {int(name[2:]) for name in RTX.module.ComputeCapability.__members__ if name.startswith("SM")}
    assert {capability for capability in known if capability < MIN_LATER_CAPABILITY} == {75, *PORTABLE_CAPABILITIES}


@pytest.mark.parametrize("part", ["camera", "lidar"])
def test_the_portable_engine_is_as_small_as_one_for_a_single_gpu(part, bundle):
    sizes = {}
    for target in ("portable", "sm89"):
        key = key_for(bundle.path / f"{part}.onnx", profile_of(bundle.spec, part), RTX, "", target, "fp32")
        sizes[target] = len(build_engine(bundle.path / f"{part}.onnx", key, RTX).plan)
    assert sizes["portable"] < 1.05 * sizes["sm89"]


def test_a_build_ends_at_its_time_limit_and_says_what_to_do(bundle):
    key = keys_for_target(bundle.path, bundle.spec, RTX, "portable", "fp32")["camera"]
    with pytest.raises(ModelError, match="not built after 0 s: raise --time-limit"):
        build_engine(bundle.path / "camera.onnx", key, RTX, time_limit=0.0)


@pytest.mark.skipif(RTX.version.startswith("1.4."), reason="TensorRT-RTX 1.4 builds them")
def test_a_network_that_the_builder_refuses_is_an_error_with_the_reason(vit):
    """TensorRT-RTX has no FP32 matrix products for Turing."""
    key = keys_for_target(vit.path, vit.spec, RTX, "sm75", "fp32")["camera"]
    with pytest.raises(ModelError, match=r"refused \(.*FP32 GEMM is not supported.*use precision fp16"):
        build_engine(vit.path / "camera.onnx", key, RTX)


def test_a_file_that_is_not_a_network_is_an_error_of_one_line(bundle, tmp_path):
    path = tmp_path / "camera.onnx"
    path.write_bytes(b"nonsense")
    key = key_for(path, profile_of(bundle.spec, "camera"), RTX, "", "portable", "fp32")
    with pytest.raises(ModelError, match=r"tensorrt_rtx cannot read it .*use backend onnx") as error:
        build_engine(path, key, RTX)
    assert "\n" not in str(error.value)


def test_the_log_names_the_engine_that_is_built(bundle, caplog):
    caplog.set_level(logging.INFO)
    key = keys_for_target(bundle.path, bundle.spec, RTX, "portable", "fp16")["camera"]
    build_engine(bundle.path / "camera_fp16.onnx", key, RTX)
    assert any("building default/camera_fp16.onnx for tensorrt_rtx" in message for message in caplog.messages)


def test_engines_are_built_listed_and_cleaned_from_the_command_line(tmp_path):
    cache = ["--cache", str(tmp_path)]
    run = CliRunner().invoke(
        app, ["build", "--backend", "tensorrt_rtx", "--target", "sm75", "--target", "sm89", *cache]
    )
    assert run.exit_code == 0 and run.stdout.count(" MB, ") == 4
    assert CliRunner().invoke(app, ["list", *cache]).stdout.count("good") == 4
    next(tmp_path.glob("*.plan")).write_bytes(b"")
    assert CliRunner().invoke(app, ["list", *cache]).stdout.count("stale: truncated: 0 of") == 1
    assert "1 removed, 3 kept" in CliRunner().invoke(app, ["clean", *cache]).stdout
    assert "3 removed, 0 kept" in CliRunner().invoke(app, ["clean", "--all", *cache]).stdout
    assert not [path for path in tmp_path.iterdir() if path.suffix != ".lock"]


@pytest.mark.parametrize("part", ["camera", "lidar"])
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_vision_transformer_of_the_recipe_liploc_is_built(vit, part, precision):
    key = keys_for_target(vit.path, vit.spec, RTX, "portable", precision)[part]
    plan = build_engine(vit.path / ONNX_FILES[precision][part], key, RTX).plan
    assert plan.startswith(PLAN_START) and (35e6 if precision == "fp16" else 70e6) < len(plan) < 150e6


@pytest.mark.parametrize("part", ["camera", "lidar"])
def test_a_vision_transformer_gives_the_same_embeddings_in_fp16(vit, part):
    fp32, fp16 = (OnnxEncoder(vit.path / ONNX_FILES[precision][part]) for precision in ("fp32", "fp16"))
    assert check_parity(fp16, fp32, parity_inputs(vit.spec, part)) > 0.9999


@needs_gpu
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_an_engine_agrees_with_onnx_runtime_on_this_gpu(bundle, tmp_path, precision):
    from liploc_ros.encoders import BackendSettings, Encoders

    encoders = Encoders(bundle, BackendSettings("tensorrt_rtx", precision, cache=tmp_path))
    features = encoders.camera.encode(parity_inputs(bundle.spec, "camera"))  # the parity check passed
    assert features.shape == (2, 32, 8, 32)
    encoders.close()


def test_the_functions_of_cuda_and_rtx_that_are_called_exist():
    """Only this test shows it on a machine without a GPU."""
    from cuda.bindings import runtime
    from support.fake_gpu import FakeCuda

    names = [name for name in vars(FakeCuda) if name.startswith("cuda")]
    assert len(names) > 15 and [name for name in names if not hasattr(runtime, name)] == []
    assert runtime.cudaMemcpyKind.cudaMemcpyHostToDevice and runtime.cudaMemcpyKind.cudaMemcpyDeviceToHost
    assert hasattr(runtime.cudaStreamCaptureMode, "cudaStreamCaptureModeThreadLocal")
    trt = RTX.module
    assert hasattr(trt.ICudaEngine, "create_runtime_config") and trt.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
    assert {"cuda_graph_strategy", "create_runtime_cache", "set_runtime_cache"} <= set(dir(trt.IRuntimeConfig))
    assert {"serialize", "deserialize"} <= set(dir(trt.IRuntimeCache))
    assert {"set_input_shape", "set_tensor_address", "execute_async_v3"} <= set(dir(trt.IExecutionContext))
