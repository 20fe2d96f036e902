# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Which engine a GPU gets, without TensorRT and without a GPU."""

import pytest
from typer.testing import CliRunner

from liploc_ros.cli.engine import app
from liploc_ros.encoders import BackendSettings, Encoders, ModelError
from liploc_ros.encoders.tensorrt import bundle_engines, engine_target, flavour
from liploc_ros.encoders.tensorrt.engine_target import UnsupportedGpuError, requested_targets
from liploc_ros.encoders.tensorrt.gpu import Gpu

HOPPER = Gpu("NVIDIA H100", "sm90")


@pytest.fixture
def hopper(monkeypatch):
    """A machine with an H100 and TensorRT-RTX, whose library must not be loaded."""
    monkeypatch.setattr(flavour, "is_installed", lambda name: name == "tensorrt_rtx")
    for module in (bundle_engines, engine_target):
        monkeypatch.setattr(module, "find_gpu", lambda: HOPPER)

    def load_flavour(name):
        raise AssertionError("the library was loaded")

    monkeypatch.setattr(bundle_engines, "load_flavour", load_flavour)
    monkeypatch.setattr(flavour, "load_flavour", load_flavour)


@pytest.mark.parametrize(
    ("capability", "target"),
    [("sm75", "sm75"), ("sm80", "portable"), ("sm89", "portable"), ("sm121", "portable"), ("sm130", "portable")],
)
def test_gpus_from_ampere_on_share_an_engine_of_rtx_and_turing_has_its_own(capability, target):
    assert engine_target.engine_target("tensorrt_rtx", Gpu("", capability)) == target
    assert engine_target.engine_target("tensorrt", Gpu("", capability)) == capability


@pytest.mark.parametrize("capability", ["sm70", "sm87", "sm90", "sm100", "sm110"])
def test_rtx_refuses_the_gpus_that_nvidia_does_not_list(capability):
    with pytest.raises(UnsupportedGpuError, match=r"GPUs of compute capability \d+\.\d, only 7\.5, 8\.0, .*: use"):
        engine_target.engine_target("tensorrt_rtx", Gpu("", capability))


def test_several_gpus_with_the_same_engine_are_one_target():
    assert requested_targets("tensorrt_rtx", ["sm86", "sm75", "sm89"]) == ["portable", "sm75"]
    assert requested_targets("tensorrt_rtx", ["all"]) == ["sm75", "portable"]


@pytest.mark.parametrize(("name", "target"), [("tensorrt", "sm89"), ("tensorrt_rtx", "ada"), ("tensorrt_rtx", "89")])
def test_a_target_that_cannot_be_built_for_is_an_error(name, target):
    with pytest.raises(ModelError, match=r"tensorrt builds only|for a GPU like sm89"):
        requested_targets(name, [target])


def test_auto_uses_onnx_on_an_h100_and_says_why_in_one_line(hopper, bundle, tmp_path):
    encoder, reason = Encoders(bundle, BackendSettings("auto", cache=tmp_path)).camera_choice
    assert encoder.runtime.startswith("onnxruntime") and reason.startswith(f"{encoder.runtime}: the ")
    assert "tensorrt_rtx does not support NVIDIA H100 of compute capability 9.0" in reason and "\n" not in reason


def test_rtx_on_an_h100_is_an_error_that_names_the_other_backends(hopper, bundle):
    with pytest.raises(ModelError, match=r"does not support NVIDIA H100 .*: use backend onnx or tensorrt"):
        _ = bundle.encoders(backend="tensorrt_rtx").camera


def test_no_engine_is_built_for_an_h100(hopper, tmp_path):
    run = CliRunner().invoke(app, ["build", "--cache", str(tmp_path)])
    assert isinstance(run.exception, UnsupportedGpuError) and not list(tmp_path.iterdir())
