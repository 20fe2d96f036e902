"""Aligned views, as the trainer sees them."""

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
    change_light,
    change_sensor,
    hide_blocks,
    hide_columns,
    join,
    mirror,
)
from liploc_ros.learning.aligned.loss import CellLoss
from liploc_ros.learning.aligned.network import CHANNELS, STRIDE, TRUNK, CameraCellEncoder, CellEncoder
from liploc_ros.learning.aligned.recipe import AlignedRecipe
from liploc_ros.learning.aligned.samples import CONTEXT, AlignedSample, samples_of
from liploc_ros.learning.method import Batch, InputSize, near_pairs, whereabouts
from liploc_ros.views import CameraView, Panorama

LICENCE = (
    "Weights trained on KITTI (Geiger, Lenz, Stiller, Urtasun, IJRR 2013): CC BY-NC-SA 3.0, non-commercial. "
    "Trunk: EfficientNet-Lite0, ImageNet weights, Apache-2.0."
)


class AlignedMethod:
    """See :class:`~liploc_ros.learning.method.Method`."""

    def __init__(self, recipe: AlignedRecipe) -> None:
        self.recipe = recipe
        self.inputs = InputSpec()

    def model(self, weights: Path | None) -> nn.ModuleDict:
        """Return two encoders that start from one trunk, and the temperature."""
        grid = self.recipe.grid
        camera = CameraCellEncoder(grid.height, grid.width, self.recipe.common, weights)
        loss = CellLoss(self.recipe.across_frames, self.recipe.whole_views)
        return nn.ModuleDict({"camera": camera, "lidar": CellEncoder(weights), "loss": loss})

    def parameter_groups(self, model: nn.ModuleDict) -> list[dict[str, Any]]:
        """Return the pretrained trunks, which learn slower, and the rest."""
        heads = [p for part in (model["camera"].head, model["lidar"].head, model["loss"]) for p in part.parameters()]
        groups = (
            (model["camera"].trunk.parameters(), self.recipe.camera_trunk_rate),
            (model["lidar"].trunk.parameters(), self.recipe.lidar_trunk_rate),
            (heads, self.recipe.head_rate),
        )
        decay = self.recipe.weight_decay
        return [{"params": list(params), "lr": rate, "weight_decay": decay} for params, rate in groups]

    def samples(self, drive: Drive) -> list[AlignedSample]:
        """Draw a drive's camera views, and LiDAR views from scans near and far."""
        return samples_of(drive, self.recipe.grid, self.recipe.virtual, self.recipe.seed)

    def batch(self, samples: Sequence[AlignedSample], rng: np.random.Generator | None) -> Batch:
        """Return (B, 3, H, W) camera and (B, 3, H, W + 2 CONTEXT) LiDAR inputs; plain ones of the own scan."""
        pairs = [self._plain(sample) if rng is None else self._augmented(sample, rng) for sample in samples]
        if rng is not None:
            pairs = [self._mosaic(pair, pairs, rng) for pair in pairs]
        camera, lidar, mask = (np.stack(arrays) for arrays in zip(*pairs, strict=True))
        inputs = torch.from_numpy(camera), torch.from_numpy(lidar), torch.from_numpy(mask.astype(np.float32))
        return Batch(*inputs, *whereabouts(samples))

    def loss(self, model: nn.ModuleDict, camera: torch.Tensor, lidar: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Return the loss of aligned views; frames that are near are masked."""
        encoder = model["camera"]
        encoder.remember(camera.detach())
        near = near_pairs(batch, self.recipe.near)
        loss: torch.Tensor = model["loss"](camera, lidar, batch.mask, near, encoder.without_common(camera))
        return loss

    def input_sizes(self) -> dict[str, InputSize]:
        """Return a view's size, and a panorama's, closed all round."""
        grid, margin = self.recipe.grid, self.inputs.panorama_margin
        return {
            "camera": InputSize(grid.height, grid.width, free_width=False),
            "lidar": InputSize(grid.height, grid.panorama_width + 2 * margin, free_width=True),
        }

    def spec(self) -> dict[str, Any]:
        """Return grid, cells and licence."""
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
        drawn = sample.own if is_own else sample.virtual[rng.integers(len(sample.virtual))]
        camera = change_light(hide_columns(sample.camera, rng), rng)
        image, cloud, mask = self._inputs(camera, hide_blocks(change_sensor(drawn, rng), rng))
        return (mirror(image), mirror(cloud), mask[:, ::-1]) if rng.random() < 0.5 else (image, cloud, mask)

    def _mosaic(self, pair: Pair, pairs: Sequence[Pair], rng: np.random.Generator) -> Pair:
        if rng.random() >= self.recipe.mosaic:
            return pair
        return join(pair, pairs[int(rng.integers(len(pairs)))], STRIDE, rng)

    def _inputs(self, camera: CameraView, lidar: Panorama) -> Pair:
        mask = camera_cell_mask(camera.mask, STRIDE) & lidar_cell_mask(lidar.mask[:, CONTEXT:-CONTEXT], STRIDE)
        return camera_input(camera, self.inputs), lidar_input(lidar, self.recipe.grid, self.inputs), mask
