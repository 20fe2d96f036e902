# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The training method of aligned views."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from liploc_ros.datasets.drive import Drive
from liploc_ros.encoders.inputs import camera_cell_mask, camera_input, lidar_cell_mask, lidar_input
from liploc_ros.encoders.spec import InputSpec
from liploc_ros.learning.aligned.augmentation import (
    Pair,
    drop_blocks,
    flip,
    jitter_color,
    mask_columns,
    mosaic,
    vary_sensor,
)
from liploc_ros.learning.aligned.loss import AlignedViewLoss
from liploc_ros.learning.aligned.network import CHANNELS, STRIDE, TRUNK, CameraCellEncoder, CellEncoder
from liploc_ros.learning.aligned.recipe import AlignedRecipe
from liploc_ros.learning.aligned.samples import CONTEXT, AlignedSample, DrawnSamples
from liploc_ros.learning.method import Batch, InputSize, ignored_pairs, positions_and_drives, register
from liploc_ros.views import CameraView, Panorama

LICENCE = (
    "Weights trained on KITTI (Geiger, Lenz, Stiller, Urtasun, IJRR 2013): CC BY-NC-SA 3.0, non-commercial. "
    "Trunk: EfficientNet-Lite0, ImageNet weights, Apache-2.0."
)


@register(AlignedRecipe)
class AlignedMethod:
    """See :class:`~liploc_ros.learning.method.Method`."""

    def __init__(self, recipe: AlignedRecipe) -> None:
        self.recipe = recipe
        self.inputs = InputSpec()

    def model(self, weights: Path | None) -> nn.ModuleDict:
        """Return two encoders that start from the same trunk, and the loss with its temperature."""
        grid = self.recipe.grid
        camera = CameraCellEncoder(grid.height, grid.width, self.recipe.mean_removal, weights)
        loss = AlignedViewLoss(self.recipe.frame_loss_weight, self.recipe.view_loss_weight)
        return nn.ModuleDict({"camera": camera, "lidar": CellEncoder(weights), "loss": loss})

    def parameter_groups(self, model: nn.ModuleDict) -> list[dict[str, Any]]:
        """Return the pretrained trunks, which have lower learning rates, and the rest."""
        heads = [p for part in (model["camera"].head, model["lidar"].head, model["loss"]) for p in part.parameters()]
        groups = (
            (model["camera"].trunk.parameters(), self.recipe.camera_trunk_rate),
            (model["lidar"].trunk.parameters(), self.recipe.lidar_trunk_rate),
            (heads, self.recipe.head_rate),
        )
        decay = self.recipe.weight_decay
        return [{"params": list(params), "lr": rate, "weight_decay": decay} for params, rate in groups]

    def samples(self, drive: Drive) -> Sequence[AlignedSample]:
        """Draw the camera views of a drive, and LiDAR views from near and far scans."""
        return DrawnSamples(drive, self.recipe.grid, self.recipe.virtual, self.recipe.seed)

    def batch(self, samples: Sequence[AlignedSample], rng: np.random.Generator | None) -> Batch:
        """Return (B, 3, H, W) camera inputs and (B, 3, H, W + 2 CONTEXT) LiDAR inputs.

        Without ``rng``, the LiDAR views are those of the frames' own scans.
        """
        pairs = [self._plain(sample) if rng is None else self._augmented(sample, rng) for sample in samples]
        if rng is not None:
            pairs = [self._mosaic(pair, pairs, rng) for pair in pairs]
        camera, lidar, mask = (np.stack(arrays) for arrays in zip(*pairs, strict=True))
        inputs = torch.from_numpy(camera), torch.from_numpy(lidar), torch.from_numpy(mask.astype(np.float32))
        return Batch(*inputs, *positions_and_drives(samples))

    def loss(self, model: nn.ModuleDict, camera: torch.Tensor, lidar: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Return the loss of aligned views; frames that are too close are not used as negatives."""
        encoder = model["camera"]
        encoder.update_mean(camera.detach())
        ignored = ignored_pairs(batch, self.recipe.min_negative_distance)
        loss: torch.Tensor = model["loss"](camera, lidar, batch.mask, ignored, encoder.subtract_mean(camera))
        return loss

    def input_sizes(self) -> dict[str, InputSize]:
        """Return the size of a camera view, and of a panorama that wraps around 360 degrees."""
        grid, margin = self.recipe.grid, self.inputs.panorama_margin
        return {
            "camera": InputSize(grid.height, grid.width, free_width=False),
            "lidar": InputSize(grid.height, grid.panorama_width + 2 * margin, free_width=True),
        }

    def spec(self) -> dict[str, Any]:
        """Return grid, feature layout, inputs and licence."""
        return {
            "grid": self.recipe.grid,
            "stride": STRIDE,
            "pool": self.recipe.pool,
            "channels": CHANNELS,
            "inputs": self.inputs,
            "licence": LICENCE,
        }

    def trunk(self) -> str:
        """Return timm's name of the trunk."""
        return TRUNK

    def _plain(self, sample: AlignedSample) -> Pair:
        return self._inputs(sample.camera, sample.own)

    def _augmented(self, sample: AlignedSample, rng: np.random.Generator) -> Pair:
        is_own = not sample.virtual or rng.random() < self.recipe.own_scan
        lidar = sample.own if is_own else sample.virtual[rng.integers(len(sample.virtual))]
        camera = jitter_color(mask_columns(sample.camera, rng), rng)
        pair = self._inputs(camera, drop_blocks(vary_sensor(lidar, rng), rng))
        return flip(pair) if rng.random() < 0.5 else pair

    def _mosaic(self, pair: Pair, pairs: Sequence[Pair], rng: np.random.Generator) -> Pair:
        if rng.random() >= self.recipe.mosaic:
            return pair
        return mosaic(pair, pairs[int(rng.integers(len(pairs)))], STRIDE, rng)

    def _inputs(self, camera: CameraView, lidar: Panorama) -> Pair:
        mask = camera_cell_mask(camera.mask, STRIDE) & lidar_cell_mask(lidar.mask[:, CONTEXT:-CONTEXT], STRIDE)
        return camera_input(camera, self.inputs), lidar_input(lidar, self.recipe.grid, self.inputs), mask
