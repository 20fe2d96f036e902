# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Networks with random weights, for tests and timing: the recipe ``liploc`` as a bundle, and networks of timm.

``python -m benchmarks.random_models FOLDER`` writes the bundle.
"""

import sys
import warnings
from pathlib import Path

import torch
from torch import nn

from liploc_ros.encoders import ModelBundle
from liploc_ros.encoders.spec import TrainingSpec
from liploc_ros.learning.confidence import UNFITTED
from liploc_ros.learning.export.exporter import OPSET, export
from liploc_ros.learning.method import RANDOM
from liploc_ros.learning.registry import method_of, read_recipe

NOT_TRAINED = TrainingSpec(drives=(), frames=0, steps=0, seed=0, recipe="liploc", trunk="random")


def random_encoders(recipe: str) -> nn.ModuleDict:
    """Return a recipe's encoders in torch. No two parameters are equal, because the exporter would merge them."""
    torch.manual_seed(0)
    model = method_of(read_recipe(recipe)).model(RANDOM).eval()
    for parameter in model.parameters():
        parameter.data += 0.01 * torch.randn_like(parameter)
    return model


def liploc_bundle(folder: Path) -> ModelBundle:
    """Write the bundle of the recipe ``liploc``, ViT-S/16 for each sensor, and return it."""
    method = method_of(read_recipe("liploc"))
    export(method, random_encoders("liploc"), folder, "liploc", NOT_TRAINED, UNFITTED)
    return ModelBundle.load(folder)


def timm_onnx(name: str, path: Path) -> Path:
    """Write a network of timm without its classifier, for views (N, 3, 224, 224), and return its path."""
    import timm

    torch.manual_seed(0)
    network = timm.create_model(name, pretrained=False, num_classes=0).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (torch.randn(1, 3, 224, 224),),
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=["views"],
            output_names=["features"],
            dynamic_axes={"views": {0: "batch"}, "features": {0: "batch"}},
        )
    return path


if __name__ == "__main__":
    liploc_bundle(Path(sys.argv[1]))
