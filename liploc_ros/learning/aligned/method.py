"""Aligned views, as the trainer sees them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from liploc_ros.datasets.frame import Drive
from liploc_ros.encoders.inputs import camera_cell_mask, camera_input, lidar_cell_mask, lidar_input
from liploc_ros.encoders.spec import InputSpec
from liploc_ros.learning.aligned.augmentation import change_light, change_sensor, hide_columns, mirror
from liploc_ros.learning.aligned.loss import CellLoss
from liploc_ros.learning.aligned.network import CHANNELS, STRIDE, TRUNK, CellEncoder
from liploc_ros.learning.aligned.recipe import AlignedRecipe
from liploc_ros.learning.aligned.samples import CONTEXT, AlignedSample, samples_of
from liploc_ros.learning.method import Batch, InputSize, near_pairs, whereabouts

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
        return nn.ModuleDict({"camera": CellEncoder(weights), "lidar": CellEncoder(weights), "loss": CellLoss()})

    def parameter_groups(self, model: nn.ModuleDict) -> list[dict[str, Any]]:
        """Return the pretrained trunks, which learn slower, and the rest."""
        encoders = model["camera"], model["lidar"]
        trunks = [p for encoder in encoders for p in encoder.trunk.parameters()]
        heads = [p for part in (*(e.head for e in encoders), model["loss"]) for p in part.parameters()]
        decay = self.recipe.weight_decay
        return [
            {"params": trunks, "lr": self.recipe.trunk_rate, "weight_decay": decay},
            {"params": heads, "lr": self.recipe.head_rate, "weight_decay": decay},
        ]

    def samples(self, drive: Drive) -> list[AlignedSample]:
        """Draw a drive's camera views, and LiDAR views from scans near and far."""
        return samples_of(drive, self.recipe.grid, self.recipe.gaps)

    def batch(self, samples: Sequence[AlignedSample], rng: np.random.Generator | None) -> Batch:
        """Return (B, 3, H, W) camera and (B, 3, H, W + 2 CONTEXT) LiDAR inputs; plain ones of the widest gap."""
        views = [self._plain(sample) if rng is None else self._augmented(sample, rng) for sample in samples]
        camera, lidar, mask = (np.stack(arrays) for arrays in zip(*views, strict=True))
        inputs = torch.from_numpy(camera), torch.from_numpy(lidar), torch.from_numpy(mask.astype(np.float32))
        return Batch(*inputs, *whereabouts(samples))

    def loss(self, model: nn.ModuleDict, camera: torch.Tensor, lidar: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Return the loss of aligned views; frames that are near are masked."""
        loss: torch.Tensor = model["loss"](camera, lidar, batch.mask, near_pairs(batch, self.recipe.near))
        return loss

    def input_sizes(self) -> dict[str, InputSize]:
        """Return a view's size, and a panorama's, closed all round."""
        grid, margin = self.recipe.grid, self.inputs.panorama_margin
        return {
            "camera": InputSize(grid.height, grid.width, free_width=True),
            "lidar": InputSize(grid.height, grid.panorama_width + 2 * margin, free_width=True),
        }

    def spec(self) -> dict[str, Any]:
        """Return grid, cells and licence."""
        return {
            "grid": self.recipe.grid,
            "stride": STRIDE,
            "channels": CHANNELS,
            "inputs": self.inputs,
            "licence": LICENCE,
        }

    def trunk(self) -> str:
        """Return timm's name of the trunk."""
        return TRUNK

    def _plain(self, sample: AlignedSample) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        lidar = sample.lidar[max(sample.lidar)]
        mask = camera_cell_mask(sample.camera.mask, STRIDE) & lidar_cell_mask(lidar.mask[:, CONTEXT:-CONTEXT], STRIDE)
        return camera_input(sample.camera, self.inputs), lidar_input(lidar, self.recipe.grid, self.inputs), mask

    def _augmented(self, sample: AlignedSample, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        gaps = list(sample.lidar)
        camera = change_light(hide_columns(sample.camera, rng), rng)
        lidar = change_sensor(sample.lidar[gaps[rng.integers(len(gaps))]], rng)
        image, cloud = camera_input(camera, self.inputs), lidar_input(lidar, self.recipe.grid, self.inputs)
        mask = camera_cell_mask(camera.mask, STRIDE) & lidar_cell_mask(lidar.mask[:, CONTEXT:-CONTEXT], STRIDE)
        if rng.random() < 0.5:
            image, cloud, mask = mirror(image), mirror(cloud), mask[:, ::-1]
        return image, cloud, mask
