"""The aligned-view encoder: the first stages of an image network and a small head."""

from pathlib import Path

import timm
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn

from liploc_ros.encoders import ModelError
from liploc_ros.learning.method import RANDOM

TRUNK = "tf_efficientnet_lite0"
STAGES = 3  # of the trunk, up to this stride
STRIDE = 8
CHANNELS = 32
FORGETTING = 0.05  # share of what is common that a batch replaces


class CellEncoder(nn.Module):
    """From (B, 3, H, W) to (B, 32, H / 8, W / 8) unit vectors: EfficientNet-Lite0 up to stride 8 and a head."""

    def __init__(self, weights: Path | None = None, hidden: int = 128) -> None:
        """Start from ImageNet weights: a safetensors file of the trunk, None for timm's own download, or ``RANDOM``."""
        super().__init__()
        self.trunk = timm.create_model(TRUNK, features_only=True, out_indices=(2,), pretrained=weights is None)
        if weights not in (None, RANDOM):
            missing = self.trunk.load_state_dict(load_file(weights), strict=False).missing_keys
            if missing:
                raise ModelError(
                    f"{weights}: no weights of {TRUNK} ({missing[0]} is missing): give its ImageNet weights"
                )
        del self.trunk.blocks[STAGES:]
        features = self.trunk.feature_info.channels()[-1]
        self.head = nn.Sequential(
            nn.Conv2d(features, hidden, 3, padding=1), nn.BatchNorm2d(hidden), nn.ReLU(), nn.Conv2d(hidden, CHANNELS, 1)
        )

    def forward(self, views: torch.Tensor) -> torch.Tensor:
        """Return unit cell vectors."""
        return F.normalize(self.head(self.trunk(views)[0]), dim=1)


class CameraCellEncoder(CellEncoder):
    """The camera's. Deployed, it takes off what cells of one place in the view have in common in all images.

    A road and a sky are in every image. A LiDAR view that resembles them resembles every image, and is found in place
    of the right one (a hub; Radovanovic et al., JMLR 2010). Cells are not quite of unit length then.
    """

    common: torch.Tensor

    def __init__(self, height: int, width: int, share: float, weights: Path | None = None) -> None:
        """Make the encoder of views of ``height`` x ``width`` pixels; ``share`` of what is common is taken off."""
        super().__init__(weights)
        self.share = share
        self.register_buffer("common", torch.zeros(CHANNELS, height // STRIDE, width // STRIDE))

    def remember(self, features: torch.Tensor) -> None:
        """Move what is common towards the mean of a batch's cells (B, D, h, w)."""
        with torch.no_grad():
            self.common.lerp_(features.mean(dim=0), FORGETTING)

    def without_common(self, features: torch.Tensor) -> torch.Tensor:
        """Return cells less what is common."""
        return features - self.share * self.common

    def forward(self, views: torch.Tensor) -> torch.Tensor:
        """Return unit cell vectors while training, and without what is common when deployed."""
        features = super().forward(views)
        return features if self.training else self.without_common(features)
