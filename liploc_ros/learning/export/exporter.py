# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""From trained encoders to a model bundle: ONNX files that are compared with torch, and model.json."""

import copy
import logging
import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from timm.layers import Conv2dSame
from torch import nn

from liploc_ros.encoders import ModelBundle, ModelError, ModelSpec
from liploc_ros.encoders.bundle import SPEC_FILE
from liploc_ros.encoders.onnx import OnnxEncoder
from liploc_ros.encoders.spec import FILES, FP16_FILES, ConfidenceModel, TrainingSpec
from liploc_ros.files import check_replaceable, replace_folder, sha256_of, write_file
from liploc_ros.learning.export.fp16 import check_onnx, write_fp16_files
from liploc_ros.learning.export.model_card import add_fp16_to_model_card
from liploc_ros.learning.method import InputSize, Method

LOG = logging.getLogger(__name__)
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
    licence: str | None = None,
) -> ModelSpec:
    """Write a bundle. It replaces the folder only if it is complete and agrees with torch.

    If a network loses too much in half precision, the bundle has no fp16 files, and a warning says why.

    Args:
        method: of the model.
        model: the trained encoders, on the CPU.
        folder: of the bundle.
        name: of the model.
        training: the data and settings of the training.
        confidence_model: stored in the bundle.
        documents: contents of further files, by name.
        licence: of the weights; None: that of the method.

    Raises:
        ModelError: the features of an ONNX file differ from those of torch.
        FileError: the folder is not a bundle, or cannot be written.
    """
    check_replaceable(folder, SPEC_FILE)
    fields = method.spec() if licence is None else {**method.spec(), "licence": licence}
    with replace_folder(folder) as new:
        for part, file in FILES.items():
            export_onnx(model[part].eval(), method.input_sizes()[part], new / file)
        files = {file: sha256_of(new / file) for file in FILES.values()}
        spec = ModelSpec(name=name, confidence_model=confidence_model, training=training, files=files, **fields)
        try:
            spec = spec.model_copy(update={"files": files | write_fp16_files(new, spec)})
        except ModelError as error:
            LOG.warning("%s: no fp16 files are written, and engines of this model use fp32: %s", folder, error)
        write_file(new / SPEC_FILE, spec.model_dump_json(indent=2) + "\n")
        write_file(new / "LICENSE.txt", spec.licence + "\n")
        for file, text in (documents or {}).items():
            write_file(new / file, text)
    return spec


def add_fp16_files(source: Path, folder: Path) -> ModelBundle:
    """Write a copy of a bundle with new fp16 files. The fp32 files, and so the id and all maps, stay the same.

    Args:
        source: the bundle.
        folder: of the copy; it may be the bundle itself.

    Raises:
        ModelError: the bundle cannot be used, or a network loses too much in half precision.
        FileError: the folder is not a bundle, or cannot be written.
    """
    check_replaceable(folder, SPEC_FILE)
    bundle = ModelBundle.load(source)
    with replace_folder(folder) as new:
        shutil.copytree(bundle.path, new, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*FP16_FILES.values()))
        files = {file: bundle.spec.files[file] for file in FILES.values()} | write_fp16_files(new, bundle.spec)
        write_file(new / SPEC_FILE, bundle.spec.model_copy(update={"files": files}).model_dump_json(indent=2) + "\n")
        add_fp16_to_model_card(new)
    return ModelBundle.load(folder)


def export_onnx(encoder: nn.Module, size: InputSize, path: Path) -> None:
    """Write one encoder with a free batch size and, if it accepts any width, a free width. Compare it with torch.

    Raises:
        ModelError: the minimum cosine between the features of ONNX Runtime and of torch is below 0.9999, or the file is
            not valid ONNX.
    """
    example = torch.randn(2, 3, size.height, size.width, generator=torch.Generator().manual_seed(0))
    free_axes = {"views": {0: "batch"}, "cells": {0: "batch"}}
    if size.free_width:
        free_axes["views"][3], free_axes["cells"][3] = "width", "width_cells"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # The tracing exporter takes a third of a second; with a free width, the newer exporter takes minutes.
        torch.onnx.export(
            with_fixed_padding(encoder),
            (example[:1],),
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=["views"],
            output_names=["cells"],
            dynamic_axes=free_axes,
        )
    check_onnx(path)
    for views in (example, example[..., : size.width // 2] if size.free_width else example[:1]):
        with torch.inference_mode():
            expected = encoder(views)
        actual = torch.from_numpy(OnnxEncoder(path).encode(views.numpy()))
        cosine = float(F.cosine_similarity(actual, expected, dim=1).min())
        if not cosine >= MIN_COSINE:
            raise ModelError(f"{path}: minimum cosine with torch is {cosine:.5f}, below {MIN_COSINE}: report this bug")


def with_fixed_padding(encoder: nn.Module) -> nn.Module:
    """Return a copy in which TensorFlow's "same" padding, computed from the size of each input, is constant.

    Input sizes are multiples of the stride, so the input of each convolution with stride 2 has an even size, and its
    padding is always the same. ONNX Runtime merges a constant padding into the convolution instead of copying the whole
    input.
    """
    fixed = copy.deepcopy(encoder).to(memory_format=torch.contiguous_format)
    for parent in list(fixed.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, Conv2dSame):
                setattr(parent, name, _padded(child))
    return fixed


def _padded(convolution: nn.Conv2d) -> nn.Sequential:
    total = [k - s for k, s in zip(convolution.kernel_size, convolution.stride, strict=True)]
    top, left = total[0] // 2, total[1] // 2
    plain = nn.Conv2d(
        convolution.in_channels,
        convolution.out_channels,
        convolution.kernel_size,
        convolution.stride,
        groups=convolution.groups,
        bias=convolution.bias is not None,
    )
    plain.load_state_dict(convolution.state_dict())
    return nn.Sequential(nn.ZeroPad2d((left, total[1] - left, top, total[0] - top)), plain)
