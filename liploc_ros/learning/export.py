"""From trained encoders to a model bundle: two ONNX files and model.json, checked against torch."""

import copy
import hashlib
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from timm.layers import Conv2dSame
from torch import nn

from liploc_ros.encoders import ModelError, ModelSpec
from liploc_ros.encoders.bundle import CAMERA_FILE, LIDAR_FILE, SPEC_FILE
from liploc_ros.encoders.onnx import OnnxEncoder
from liploc_ros.encoders.spec import ConfidenceModel, TrainingSpec
from liploc_ros.files import check_replaceable, replace_folder
from liploc_ros.learning.method import InputSize, Method

MIN_COSINE = 0.9999
OPSET = 17


def export(
    method: Method[Any],
    model: nn.ModuleDict,
    folder: Path,
    name: str,
    training: TrainingSpec,
    confidence_model: ConfidenceModel,
    documents: Mapping[str, str] | None = None,
) -> ModelSpec:
    """Write a bundle; it takes the folder's place only when it is whole and agrees with torch.

    Args:
        method: of the model.
        model: the trained encoders, on the CPU.
        folder: of the bundle.
        name: of the model.
        training: what it was trained on.
        confidence_model: when its answers count.
        documents: further files, by name.

    Raises:
        ModelError: an ONNX file gives other cells than torch.
        MapError: the folder is something else, or cannot be written.
    """
    check_replaceable(folder, SPEC_FILE)
    fields = method.spec()
    with replace_folder(folder) as draft:
        for file, part in ((CAMERA_FILE, "camera"), (LIDAR_FILE, "lidar")):
            export_onnx(model[part].eval(), method.input_sizes()[part], draft / file)
        files = {f: hashlib.sha256((draft / f).read_bytes()).hexdigest() for f in (CAMERA_FILE, LIDAR_FILE)}
        spec = ModelSpec(name=name, confidence_model=confidence_model, training=training, files=files, **fields)
        (draft / SPEC_FILE).write_text(spec.model_dump_json(indent=2) + "\n")
        (draft / "LICENSE.txt").write_text(spec.licence + "\n")
        for file_name, text in (documents or {}).items():
            (draft / file_name).write_text(text)
    return spec


def export_onnx(encoder: nn.Module, size: InputSize, path: Path) -> None:
    """Write one encoder with free batch size and, if it takes any, free width, and compare it with torch.

    Raises:
        ModelError: the least cosine of two cells is below 0.9999.
    """
    example = torch.randn(2, 3, size.height, size.width, generator=torch.Generator().manual_seed(0))
    free = {"views": {0: "batch"}, "cells": {0: "batch"}}
    if size.free_width:
        free["views"][3], free["cells"][3] = "width", "width_cells"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # The tracing exporter: a third of a second, against minutes for the newer one with a free width.
        torch.onnx.export(
            with_fixed_padding(encoder),
            (example[:1],),
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=["views"],
            output_names=["cells"],
            dynamic_axes=free,
        )
    for views in (example, example[..., : size.width // 2] if size.free_width else example[:1]):
        with torch.inference_mode():
            expected = encoder(views)
        actual = torch.from_numpy(OnnxEncoder(path).encode(views.numpy()))
        cosine = float(F.cosine_similarity(actual, expected, dim=1).min())
        if not cosine >= MIN_COSINE:
            raise ModelError(f"{path}: least cosine with torch is {cosine:.5f}, below {MIN_COSINE}: report this")


def with_fixed_padding(encoder: nn.Module) -> nn.Module:
    """Return a copy in which TensorFlow's "same" padding, computed from each input's size, is a constant.

    Sizes are multiples of the stride, hence even wherever a convolution of stride 2 meets them: the padding is always
    the same. As a constant it becomes part of the convolution in the runtime, instead of a copy of the whole input.
    """
    fixed = copy.deepcopy(encoder).to(memory_format=torch.contiguous_format)
    for parent in list(fixed.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, Conv2dSame):
                setattr(parent, name, _padded(child))
    return fixed


def _padded(convolution: nn.Conv2d) -> nn.Sequential:
    total = [k - s for k, s in zip(convolution.kernel_size, convolution.stride, strict=True)]
    above, left = total[0] // 2, total[1] // 2
    plain = nn.Conv2d(
        convolution.in_channels,
        convolution.out_channels,
        convolution.kernel_size,
        convolution.stride,
        groups=convolution.groups,
        bias=convolution.bias is not None,
    )
    plain.load_state_dict(convolution.state_dict())
    return nn.Sequential(nn.ZeroPad2d((left, total[1] - left, above, total[0] - above)), plain)
