# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The encoders of aligned views: the first stages of an image network, and a small head."""

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
MEAN_MOMENTUM = 0.05  # weight of a batch in the running mean of the camera features


class CellEncoder(nn.Module):
    """From (B, 3, H, W) to (B, 32, H / 8, W / 8) unit vectors: EfficientNet-Lite0 up to stride 8, and a head."""

    def __init__(self, weights: Path | None = None, hidden: int = 128) -> None:
        """Create the encoder.

        Args:
            weights: safetensors file of the trunk, None for timm's own download, or ``RANDOM``.
            hidden: channels of the head's hidden layer.

        Raises:
            ModelError: the file does not have the weights of the trunk.
        """
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
        """Return unit features."""
        return F.normalize(self.head(self.trunk(views)[0]), dim=1)


class CameraCellEncoder(CellEncoder):
    """The camera encoder. In evaluation mode, it subtracts a part of the mean feature of each cell over all images.

    Every image shows road and sky. A LiDAR view similar to this common part is similar to every image, and is retrieved
    instead of the correct view (a hub: Radovanovic et al., JMLR 2010). After the subtraction, the features are not
    exactly unit vectors.
    """

    mean_features: torch.Tensor

    def __init__(self, height: int, width: int, mean_removal: float, weights: Path | None = None) -> None:
        """Create the encoder.

        Args:
            height: of the views [pixel].
            width: of the views [pixel].
            mean_removal: fraction of the mean that is subtracted.
            weights: see :class:`CellEncoder`.
        """
        super().__init__(weights)
        self.mean_removal = mean_removal
        self.register_buffer("mean_features", torch.zeros(CHANNELS, height // STRIDE, width // STRIDE))

    def update_mean(self, features: torch.Tensor) -> None:
        """Update the running mean with the features (B, D, h, w) of a batch."""
        with torch.no_grad():
            self.mean_features.lerp_(features.mean(dim=0), MEAN_MOMENTUM)

    def subtract_mean(self, features: torch.Tensor) -> torch.Tensor:
        """Return the features minus the given fraction of their running mean."""
        return features - self.mean_removal * self.mean_features

    def forward(self, views: torch.Tensor) -> torch.Tensor:
        """Return unit features in training mode, and features with the mean subtracted in evaluation mode."""
        features = super().forward(views)
        return features if self.training else self.subtract_mean(features)
