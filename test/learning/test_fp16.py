# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The fp16 files of a bundle, which are written at export (`pip install .[train]`)."""

import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

torch = pytest.importorskip("torch", reason="torch is not installed: make test-learning installs it")

import onnx  # noqa: E402
from onnx import TensorProto, numpy_helper  # noqa: E402

from liploc_ros.cli.main import app  # noqa: E402
from liploc_ros.encoders import ModelBundle, ModelError  # noqa: E402
from liploc_ros.encoders.parity_views import parity_inputs  # noqa: E402
from liploc_ros.encoders.spec import FILES, FP16_FILES, ONNX_FILES, TrainingSpec  # noqa: E402
from liploc_ros.learning.aligned.network import CellEncoder  # noqa: E402
from liploc_ros.learning.confidence import UNFITTED  # noqa: E402
from liploc_ros.learning.export.exporter import add_fp16_files, export, export_onnx  # noqa: E402
from liploc_ros.learning.export.fp16 import check_fp16, check_onnx, convert_to_fp16  # noqa: E402
from liploc_ros.learning.liploc.network import ImageEncoder  # noqa: E402
from liploc_ros.learning.method import RANDOM, InputSize  # noqa: E402
from liploc_ros.learning.registry import method_of, read_recipe  # noqa: E402

NOT_TRAINED = TrainingSpec(drives=(), frames=0, steps=0, seed=0, recipe="aligned", trunk="random")


def weights(path):
    return {tensor.name: tensor for tensor in onnx.load(path).graph.initializer}


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("part", ["camera", "lidar"])
def test_the_files_of_the_default_bundle_are_valid_onnx_of_the_same_operator_set(bundle, part, precision):
    path = bundle.path / ONNX_FILES[precision][part]
    check_onnx(path)
    model = onnx.load(path)
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 17)]
    types = [value.type.tensor_type.elem_type for value in (*model.graph.input, *model.graph.output)]
    assert types == [TensorProto.FLOAT, TensorProto.FLOAT]


@pytest.mark.parametrize("part", ["camera", "lidar"])
def test_the_default_bundle_has_the_same_weights_in_both_precisions(bundle, part):
    fp32, fp16 = (weights(bundle.path / files[part]) for files in (FILES, FP16_FILES))
    rounded = {name.removesuffix("_fp16"): tensor for name, tensor in fp16.items() if name.endswith("_fp16")}
    assert len(fp32.keys() & rounded.keys()) == 34
    for name in fp32.keys() & rounded.keys():
        expected = numpy_helper.to_array(fp32[name]).astype(np.float16)
        assert np.array_equal(numpy_helper.to_array(rounded[name]), expected)
    assert fp32.keys() - rounded.keys() == ({"onnx::Sub_313"} if part == "camera" else set())  # the mean feature


def test_the_norm_of_the_features_is_computed_in_single_precision(bundle):
    model = onnx.shape_inference.infer_shapes(onnx.load(bundle.path / "camera_fp16.onnx"))
    types = {value.name: value.type.tensor_type.elem_type for value in model.graph.value_info}
    operators = {TensorProto.FLOAT: set(), TensorProto.FLOAT16: set()}
    for node in model.graph.node:
        operators.get(types.get(node.input[0] if node.input else ""), set()).add(node.op_type)
    assert {"ReduceL2", "Clip", "Div"} <= operators[TensorProto.FLOAT] and "Conv" not in operators[TensorProto.FLOAT]
    assert {"Conv", "Pad", "Clip", "Add"} <= operators[TensorProto.FLOAT16]


def test_a_vision_transformer_keeps_its_normalizations_in_single_precision(tmp_path):
    torch.manual_seed(0)
    encoder = ImageEncoder("test_vit", RANDOM, 96, 32).eval()
    for parameter in encoder.parameters():  # the exporter would merge equal parameters
        parameter.data += 0.01 * torch.randn_like(parameter)
    path, target = tmp_path / "camera.onnx", tmp_path / "camera_fp16.onnx"
    export_onnx(encoder, InputSize(96, 96, free_width=False), path)
    convert_to_fp16(path, target)
    check_fp16(path, target, np.random.default_rng(0).normal(size=(2, 3, 96, 96)).astype(np.float32))
    types = {name: tensor.data_type for name, tensor in weights(target).items()}
    nodes = onnx.load(target).graph.node
    norms = [node for node in nodes if node.op_type == "LayerNormalization"]
    products = [n.input[1] for n in nodes if n.op_type in ("Conv", "Gemm", "MatMul") and n.input[1] in types]
    assert norms and all(types[node.input[1]] == TensorProto.FLOAT for node in norms)
    assert len(products) >= 10 and all(types[name] == TensorProto.FLOAT16 for name in products)


def encoder_scaled_by(factor, path, target):
    """Write an encoder whose head computes features that are larger by a factor, before they are normalized."""
    encoder = CellEncoder(RANDOM).eval()
    encoder.head[1].weight.data.fill_(factor)
    export_onnx(encoder, InputSize(64, 256, free_width=False), path)
    convert_to_fp16(path, target)


def test_a_network_beyond_the_range_of_half_precision_is_refused(bundle, tmp_path):
    path, target = tmp_path / "camera.onnx", tmp_path / "camera_fp16.onnx"
    views = parity_inputs(bundle.spec, "camera")
    encoder_scaled_by(1.0, path, target)
    check_fp16(path, target, views)
    encoder_scaled_by(1e6, path, target)
    with pytest.raises(ModelError, match=r"camera_fp16\.onnx: /head/.* reaches .*, and half precision ends at 65504"):
        check_fp16(path, target, views)


def test_a_network_with_other_features_is_refused(bundle):
    views = parity_inputs(bundle.spec, "camera")
    with pytest.raises(ModelError, match=r"lidar_fp16\.onnx: minimum cosine with camera\.onnx .*below 0\.999"):
        check_fp16(bundle.path / "camera.onnx", bundle.path / "lidar_fp16.onnx", views)


def test_two_nodes_of_the_same_name_are_refused(bundle, tmp_path):
    model = onnx.load(bundle.path / "camera.onnx")
    model.graph.node[1].name = model.graph.node[0].name
    onnx.save(model, tmp_path / "camera.onnx")
    with pytest.raises(ModelError, match="two nodes have the same name"):
        check_onnx(tmp_path / "camera.onnx")


@pytest.mark.parametrize("in_place", [False, True])
def test_fp16_files_are_added_to_a_bundle_that_keeps_its_id(bundle, bundle_without_fp16, in_place):
    source = bundle_without_fp16.path
    out = source if in_place else source.with_name("copy")
    result = CliRunner().invoke(app, ["export", str(source), str(out)], catch_exceptions=False)
    assert f"model {bundle.id[:12]} after 4800 steps, in fp32 and fp16" in result.output
    added = ModelBundle.load(out)
    assert added.id == bundle.id and added.spec == bundle.spec
    assert (out / "README.md").read_text() == (bundle.path / "README.md").read_text()
    assert (out / "recipe.yaml").exists() and (source / "camera_fp16.onnx").exists() == in_place


def test_a_bundle_whose_fp16_files_cannot_be_written_is_not_changed(bundle_without_fp16, monkeypatch):
    def refuse(*arguments):
        raise ModelError("camera_fp16.onnx: minimum cosine 0.5")

    monkeypatch.setattr("liploc_ros.learning.export.fp16.check_fp16", refuse)
    files = sorted(bundle_without_fp16.path.iterdir())
    with pytest.raises(ModelError, match=r"minimum cosine 0\.5"):
        add_fp16_files(bundle_without_fp16.path, bundle_without_fp16.path)
    assert sorted(bundle_without_fp16.path.iterdir()) == files


def test_a_model_that_half_precision_does_not_fit_is_exported_in_fp32_with_a_warning(tmp_path, monkeypatch, caplog):
    def refuse(*arguments):
        raise ModelError("camera_fp16.onnx: minimum cosine 0.5")

    monkeypatch.setattr("liploc_ros.learning.export.fp16.check_fp16", refuse)
    method = method_of(read_recipe("aligned"))
    spec = export(method, method.model(RANDOM), tmp_path / "model", "m", NOT_TRAINED, UNFITTED)
    assert not spec.has_fp16 and not ModelBundle.load(tmp_path / "model").spec.has_fp16
    assert not list((tmp_path / "model").glob("*fp16*"))
    [warning] = [message for message in caplog.messages if "fp16" in message]
    assert "no fp16 files are written, and engines of this model use fp32: camera_fp16.onnx: minimum" in warning


def test_the_confidence_model_of_a_bundle_is_not_set_by_export(bundle, tmp_path):
    shutil.copytree(bundle.path, tmp_path / "bundle")
    arguments = ["export", str(tmp_path / "bundle"), str(tmp_path / "out"), "--confidence-model", str(bundle.path)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2 and "use liploc calibrate" in result.output
