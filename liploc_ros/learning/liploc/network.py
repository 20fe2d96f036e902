# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""LIP-Loc's encoders: any image network of timm, and a projection head."""

from pathlib import Path

import timm
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn

from liploc_ros.errors import LiplocError
from liploc_ros.learning.method import RANDOM


class TrunkError(LiplocError):
    """An image network that timm does not know, or weights of another network."""


class ImageEncoder(nn.Module):
    """From (B, 3, H, W) to embeddings (B, D, 1, 1), unit vectors by default.

    The projection head is that of the paper: linear layer, GELU, linear layer, dropout, a skip connection from the
    first linear layer, and layer normalization.
    """

    def __init__(
        self,
        name: str,
        weights: Path | None,
        side: int,
        embedding: int = 256,
        *,
        scaling: str | None = None,
        normalize: bool = True,
    ) -> None:
        """Create the trunk and the head.

        Args:
            name: timm's name of the trunk.
            weights: safetensors file of the trunk, None for timm's own download, or ``RANDOM``.
            side: rows and columns of the trunk's input.
            embedding: D.
            scaling: interpolation that scales inputs to ``side``, for instance ``nearest``; None: inputs have the size.
            normalize: False keeps the length after layer normalization, divided by sqrt(D), which is about 1.

        Raises:
            TrunkError: timm does not know the trunk, or the weights are of another network or not available.
        """
        super().__init__()
        self.side, self.scaling, self.normalize = side, scaling, normalize
        self.trunk = _trunk(name, weights, side)
        features = getattr(self.trunk, "head_hidden_size", None) or self.trunk.num_features
        self.project = nn.Linear(features, embedding)
        self.refine = nn.Sequential(nn.GELU(), nn.Linear(embedding, embedding), nn.Dropout(0.1))
        self.norm = nn.LayerNorm(embedding)

    def head(self) -> list[nn.Parameter]:
        """Return the parameters of the projection head."""
        return [p for part in (self.project, self.refine, self.norm) for p in part.parameters()]

    def forward(self, views: torch.Tensor) -> torch.Tensor:
        """Return the embeddings."""
        if self.scaling is not None:
            corners = False if self.scaling == "bilinear" else None
            views = F.interpolate(views, size=(self.side, self.side), mode=self.scaling, align_corners=corners)
        projected = self.project(self.trunk(views))
        embedding = self.norm(projected + self.refine(projected))
        # As released, the length affects the ranking. The constant factor keeps it in the range of the map's integers.
        embedding = F.normalize(embedding, dim=1) if self.normalize else embedding / embedding.shape[1] ** 0.5
        return embedding[..., None, None]


def _trunk(name: str, weights: Path | None, side: int) -> nn.Module:
    """Return the network without its classifier, with its own pooling: the mean, or a transformer's class token."""
    if not timm.is_model(name):
        raise TrunkError(f"encoder {name!r} is not known to timm {timm.__version__}: see timm.list_models()")
    fixed = timm.models.get_pretrained_cfg(name).fixed_input_size
    size = {"img_size": side} if fixed else {}
    try:
        trunk: nn.Module = timm.create_model(name, pretrained=weights is None, num_classes=0, **size)
    except Exception as error:  # the exceptions of the hub's client and the network have no common base class
        raise TrunkError(
            f"weights of {name} could not be downloaded ({str(error).splitlines()[0]}): give a safetensors file of them"
        ) from error
    if weights is not None and weights != RANDOM:
        _load(trunk, name, weights)
    return trunk


def _load(trunk: nn.Module, name: str, weights: Path) -> None:
    classifier = timm.models.get_pretrained_cfg(name).classifier
    heads = (classifier,) if isinstance(classifier, str) else tuple(classifier or ())
    try:
        stored = load_file(weights)
    except Exception as error:  # safetensors' and the system's exceptions have no common base class
        raise TrunkError(f"{weights}: cannot be read ({error}): give a safetensors file") from error
    kept = {k: v for k, v in stored.items() if not k.startswith(tuple(f"{head}." for head in heads))}
    try:
        trunk.load_state_dict(kept, strict=True)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise TrunkError(f"{weights}: not the weights of {name} ({reason}): give those of this encoder") from error
