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
    """An image network that timm does not know, or weights that are not its own."""


class ImageEncoder(nn.Module):
    """From (B, 3, H, W) to embeddings (B, D, 1, 1): unit vectors, unless as released.

    The projection head is the paper's: linear, GELU, linear, dropout, added to what the first gave, layer norm.
    """

    def __init__(
        self,
        name: str,
        weights: Path | None,
        side: int,
        embedding: int = 256,
        *,
        scaled_by: str | None = None,
        normalised: bool = True,
    ) -> None:
        """Make the trunk and the head.

        Args:
            name: of the trunk, timm's.
            weights: a safetensors file of the trunk, None for timm's own download, or ``RANDOM``.
            side: rows and columns that the trunk sees.
            embedding: D.
            scaled_by: how inputs of another size are scaled to ``side``, for instance ``nearest``; None: they have it.
            normalised: False keeps the length that the layer norm gives, over sqrt(D), hence about 1.

        Raises:
            TrunkError: timm does not know the trunk, or the weights are not its own, or cannot be had.
        """
        super().__init__()
        self.side, self.scaled_by, self.normalised = side, scaled_by, normalised
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
        if self.scaled_by is not None:
            corners = False if self.scaled_by == "bilinear" else None
            views = F.interpolate(views, size=(self.side, self.side), mode=self.scaled_by, align_corners=corners)
        projected = self.project(self.trunk(views))
        embedding = self.norm(projected + self.refine(projected))
        # A constant factor: as released, length plays a part in the ranking, and yet the map's small integers hold it.
        embedding = F.normalize(embedding, dim=1) if self.normalised else embedding / embedding.shape[1] ** 0.5
        return embedding[..., None, None]


def _trunk(name: str, weights: Path | None, side: int) -> nn.Module:
    """Return the network without its classifier, pooled its own way: the mean, or a transformer's class token."""
    if not timm.is_model(name):
        raise TrunkError(f"encoder {name!r} is not known to timm {timm.__version__}: see timm.list_models()")
    fixed = timm.models.get_pretrained_cfg(name).fixed_input_size
    size = {"img_size": side} if fixed else {}
    try:
        trunk: nn.Module = timm.create_model(name, pretrained=weights is None, num_classes=0, **size)
    except Exception as error:  # whatever the hub's client and the network raise
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
    except Exception as error:  # safetensors' own exceptions share no public base class with the system's
        raise TrunkError(f"{weights}: cannot be read ({error}): give a safetensors file") from error
    kept = {k: v for k, v in stored.items() if not k.startswith(tuple(f"{head}." for head in heads))}
    try:
        trunk.load_state_dict(kept, strict=True)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise TrunkError(f"{weights}: not the weights of {name} ({reason}): give those of this encoder") from error
