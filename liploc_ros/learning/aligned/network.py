"""The aligned-view encoder: the first stages of an image network and a small head."""

import warnings
from pathlib import Path

import timm
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn

from liploc_ros.learning.method import RANDOM

TRUNK = "tf_efficientnet_lite0"
STRIDE = 8
CHANNELS = 32


class CellEncoder(nn.Module):
    """From (B, 3, H, W) to (B, 32, H / 8, W / 8) unit vectors: EfficientNet-Lite0 up to stride 8 and a head."""

    def __init__(self, weights: Path | None = None, hidden: int = 128) -> None:
        """Start from ImageNet weights: a safetensors file of the trunk, None for timm's own download, or ``RANDOM``."""
        super().__init__()
        self.trunk = timm.create_model(TRUNK, features_only=True, out_indices=(2,), pretrained=weights is None)
        if weights not in (None, RANDOM):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.trunk.load_state_dict(load_file(weights), strict=False)
        features = self.trunk.feature_info.channels()[-1]
        self.head = nn.Sequential(
            nn.Conv2d(features, hidden, 3, padding=1), nn.BatchNorm2d(hidden), nn.ReLU(), nn.Conv2d(hidden, CHANNELS, 1)
        )

    def forward(self, views: torch.Tensor) -> torch.Tensor:
        """Return unit cell vectors."""
        return F.normalize(self.head(self.trunk(views)[0]), dim=1)
