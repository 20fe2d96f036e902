# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The bundle of a training run: exported encoders, effective recipe, data hashes and model card."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from torch import nn

from liploc_ros.encoders.spec import ConfidenceModel, TrainingSpec
from liploc_ros.evaluation.provenance import dataset_of
from liploc_ros.learning.export.exporter import export
from liploc_ros.learning.export.model_card import write_model_card
from liploc_ros.learning.method import Method
from liploc_ros.learning.recipe import BaseRecipe

RECIPE_FILE, DATA_FILE = "recipe.yaml", "data.json"
KITTI = ("kitti", "kitti-360")  # CC BY-NC-SA 3.0
OWN_LICENCE = (
    "Weights trained on own recordings: they belong to who trained them, as far as the recordings do. "
    "Pretrained network: {trunk}; the licence of its weights holds, too."
)


def write_bundle(
    method: Method[Any],
    recipe: BaseRecipe,
    model: nn.ModuleDict,
    facts: Mapping[str, Any],
    out: Path,
    confidence_model: ConfidenceModel,
    held_out: str,
) -> None:
    """Write the bundle of a run with its documents.

    Args:
        method: of the model.
        recipe: the effective recipe.
        model: the trained encoders, on the CPU.
        facts: ``hashes`` by drive, ``skipped`` frames, number of ``frames``, name of the ``trunk``.
        out: folder of the bundle.
        confidence_model: of the bundle.
        held_out: result on the held-out drive, or empty.

    Raises:
        LiplocError: see :func:`~liploc_ros.learning.export.exporter.export`.
    """
    hashes: Mapping[str, str] = facts["hashes"]
    training = TrainingSpec(
        drives=tuple(hashes),
        frames=facts["frames"],
        steps=recipe.steps,
        seed=recipe.seed,
        recipe=recipe.name,
        trunk=facts["trunk"],
        skipped=len(facts["skipped"]),
        data=hashlib.sha256("".join(f"{name}{hashes[name]}" for name in sorted(hashes)).encode()).hexdigest(),
    )
    is_kitti = any(dataset_of(name) in KITTI for name in hashes)
    licence = method.spec()["licence"] if is_kitti else OWN_LICENCE.format(trunk=facts["trunk"])
    spec = export(method, model, out, recipe.name, training, confidence_model, documents(recipe, facts), licence)
    write_model_card(out, spec, held_out)


def documents(recipe: BaseRecipe, facts: Mapping[str, Any]) -> dict[str, str]:
    """Return the effective recipe and the hashes of the data, as texts by file name."""
    data = {"drives": facts["hashes"], "skipped": facts["skipped"]}
    return {
        RECIPE_FILE: yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False),
        DATA_FILE: json.dumps(data, indent=2) + "\n",
    }
