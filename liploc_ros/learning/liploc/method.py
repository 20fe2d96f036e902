# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The training method of LIP-Loc."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from liploc_ros.datasets.drive import Drive
from liploc_ros.encoders.inputs import camera_input, lidar_input
from liploc_ros.encoders.spec import InputSpec
from liploc_ros.learning.liploc.augmentation import coarse_dropout
from liploc_ros.learning.liploc.losses import EmbeddingLoss
from liploc_ros.learning.liploc.network import ImageEncoder
from liploc_ros.learning.liploc.recipe import COLUMNS, LiplocRecipe
from liploc_ros.learning.liploc.samples import DrawnSamples, LiplocSample
from liploc_ros.learning.method import Batch, InputSize, ignored_pairs, positions_and_drives, register

LICENCE = (
    "Weights trained on KITTI (Geiger, Lenz, Stiller, Urtasun, IJRR 2013): CC BY-NC-SA 3.0, non-commercial. "
    "Trunk: {trunk} of timm; the licence of its weights holds, too."
)
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])  # of ImageNet, for both sensors
RELEASED_EMPTY = 251 / 255  # the published code stores -1 * 5.1 as an unsigned byte


@register(LiplocRecipe)
class LiplocMethod:
    """See :class:`~liploc_ros.learning.method.Method`."""

    def __init__(self, recipe: LiplocRecipe) -> None:
        self.recipe = recipe
        released = recipe.released_range_image
        self.inputs = InputSpec(
            camera_mean=tuple(MEAN),
            camera_std=tuple(STD),
            lidar_channels=("range", "range", "range") if released else ("range", "range", "mask"),
            lidar_empty=RELEASED_EMPTY if released else 0.0,
            lidar_scale=tuple(1 / STD),
            lidar_shift=tuple(-MEAN / STD),
            panorama_margin=0,
            image_side=recipe.image,
        )

    def model(self, weights: Path | None) -> nn.ModuleDict:
        """Return two encoders that start from the same weights but do not share them, and the loss."""
        recipe = self.recipe
        # Nearest neighbor does not blend ranges with pixels without a return.
        lidar_scaling = "bilinear" if recipe.released_range_image else "nearest"
        camera, lidar = (
            ImageEncoder(
                recipe.encoder,
                weights,
                recipe.image,
                recipe.embedding,
                scaling=scaling,
                normalize=not recipe.released_unnormalised,
            )
            for scaling in (None, lidar_scaling)
        )
        loss = EmbeddingLoss(
            recipe.loss,
            recipe.temperature,
            learned=recipe.learned_temperature,
            margin=recipe.margin,
            gain=recipe.embedding if recipe.released_unnormalised else 1,
            released=recipe.released_targets,
        )
        return nn.ModuleDict({"camera": camera, "lidar": lidar, "loss": loss})

    def parameter_groups(self, model: nn.ModuleDict) -> list[dict[str, Any]]:
        """Return the trunks, without weight decay, and the heads; the learning rates are those of the paper."""
        recipe = self.recipe
        heads = [*model["camera"].head(), *model["lidar"].head()]
        groups = [
            {"params": [*model["camera"].trunk.parameters()], "lr": recipe.camera_trunk_rate, "weight_decay": 0.0},
            {"params": [*model["lidar"].trunk.parameters()], "lr": recipe.lidar_trunk_rate, "weight_decay": 0.0},
            {"params": heads, "lr": recipe.head_rate, "weight_decay": recipe.weight_decay},
        ]
        temperature = list(model["loss"].parameters())
        if temperature:
            groups.append({"params": temperature, "lr": recipe.head_rate, "weight_decay": 0.0})
        return groups

    def samples(self, drive: Drive) -> Sequence[LiplocSample]:
        """Scale the images of a drive and draw its range images."""
        return DrawnSamples(drive, self.recipe.grid, self.recipe.gaps, self.recipe.image)

    def batch(self, samples: Sequence[LiplocSample], rng: np.random.Generator | None) -> Batch:
        """Return (B, 3, side, side) images and (B, 3, H, W) range images.

        Without ``rng``, the range images are those of the largest gap.
        """
        views = [self._views(sample, rng) for sample in samples]
        camera, lidar = (torch.from_numpy(np.stack(arrays)) for arrays in zip(*views, strict=True))
        return Batch(camera, lidar, torch.ones(len(samples), 1, 1), *positions_and_drives(samples))

    def loss(self, model: nn.ModuleDict, camera: torch.Tensor, lidar: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Return the loss of the recipe; frames that are too close are not used as negatives."""
        ignored = ignored_pairs(batch, self.recipe.min_negative_distance)
        loss: torch.Tensor = model["loss"](camera.flatten(1), lidar.flatten(1), ignored)
        return loss

    def input_sizes(self) -> dict[str, InputSize]:
        """Return the size of an image, and of the window of one heading in the panorama."""
        grid, side = self.recipe.grid, self.recipe.image
        return {
            "camera": InputSize(side, side, free_width=False),
            "lidar": InputSize(grid.height, grid.width, free_width=False),
        }

    def spec(self) -> dict[str, Any]:
        """Return grid, feature layout, inputs and licence."""
        return {
            "method": "liploc",
            "grid": self.recipe.grid,
            "stride": COLUMNS // self.recipe.headings,
            "pool": 1,
            "channels": self.recipe.embedding,
            "inputs": self.inputs,
            "licence": LICENCE.format(trunk=self.recipe.encoder),
        }

    def trunk(self) -> str:
        """Return timm's name of the trunks."""
        return self.recipe.encoder

    def _views(
        self, sample: LiplocSample, rng: np.random.Generator | None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        gaps = list(sample.lidar)
        gap = max(gaps) if rng is None else gaps[rng.integers(len(gaps))]
        camera = camera_input(sample.view(), self.inputs)
        lidar = lidar_input(sample.panorama(gap, self.recipe.grid), self.recipe.grid, self.inputs)
        if rng is None:
            return camera, lidar
        probability = self.recipe.dropout
        return coarse_dropout(camera, rng, probability), coarse_dropout(lidar, rng, probability)
