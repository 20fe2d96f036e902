"""Losses over the embeddings of a batch: LIP-Loc's batched contrast (arXiv 2312.16648), and others beside it."""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import nn

HIDDEN = -1e4  # logit of a pair that must neither attract nor repel
HIGHEST_SCALE = 100.0  # of a learned inverse temperature (CLIP, Radford et al., arXiv 2103.00020)


class EmbeddingLoss(nn.Module):
    """One of the losses below, with its inverse temperature, learned or fixed."""

    log_scale: torch.Tensor

    def __init__(
        self,
        kind: Literal["soft", "hard", "triplet"],
        temperature: float = 0.07,
        *,
        learned: bool = True,
        margin: float = 0.2,
        gain: float = 1.0,
        released: bool = False,
    ) -> None:
        """Choose the loss.

        Args:
            kind: which.
            temperature: that products are divided by, at the start.
            learned: whether it changes. The triplet loss has none.
            margin: of the triplet loss.
            gain: by which products of embeddings are multiplied first; undoes a constant factor of the encoders'.
            released: soft targets as in the published code.
        """
        super().__init__()
        self.kind, self.margin, self.gain, self.released = kind, margin, gain, released
        start = torch.tensor(math.log(1 / temperature))
        if learned and kind != "triplet":
            self.log_scale = nn.Parameter(start)
        else:
            self.register_buffer("log_scale", start)

    def forward(self, camera: torch.Tensor, lidar: torch.Tensor, near: torch.Tensor) -> torch.Tensor:
        """Return the loss of embeddings (B, D); ``near`` (B, B) are pairs that count neither way."""
        camera, lidar = camera * self.gain**0.5, lidar * self.gain**0.5
        if self.kind == "triplet":
            return triplet_loss(camera, lidar, near, self.margin)
        scale = self.log_scale.exp()
        if isinstance(self.log_scale, nn.Parameter):
            scale = scale.clamp(max=HIGHEST_SCALE)
        if self.kind == "hard":
            return hard_target_loss(camera, lidar, near, scale)
        return soft_target_loss(camera, lidar, near, scale, self.released)


def hard_target_loss(
    camera: torch.Tensor, lidar: torch.Tensor, near: torch.Tensor, scale: torch.Tensor
) -> torch.Tensor:
    """Return the mean of the cross-entropies from camera to LiDAR and back: each pair's own is right, all others wrong.

    Args:
        camera: (B, D) embeddings.
        lidar: (B, D), row by row of the same places.
        near: (B, B) true for pairs of places too close to be told apart; the diagonal is false.
        scale: inverse temperature.
    """
    logits = (lidar @ camera.T * scale).masked_fill(near, HIDDEN)
    own = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2


def soft_target_loss(
    camera: torch.Tensor, lidar: torch.Tensor, near: torch.Tensor, scale: torch.Tensor, released: bool = False
) -> torch.Tensor:
    """Return the same with soft targets: places that resemble each other within each sensor are right for each other.

    Args:
        camera: (B, D) embeddings.
        lidar: (B, D), row by row of the same places.
        near: (B, B) true for pairs that count neither way.
        scale: inverse temperature.
        released: as in the published code: targets are made with the temperature times, not over it, gradients flow
            into them, and from camera to LiDAR they are transposed, so that they do not add up to 1.
    """
    logits = (lidar @ camera.T * scale).masked_fill(near, HIDDEN)
    alike = ((camera @ camera.T + lidar @ lidar.T) / 2).masked_fill(near, -torch.inf)
    if released:
        targets = (alike / scale).softmax(-1)
        targets_back = targets.T
    else:
        targets = targets_back = (alike * scale).softmax(-1).detach()  # symmetric before the softmax: one serves both
    there = -(targets * logits.log_softmax(-1)).sum(1)
    back = -(targets_back * logits.T.log_softmax(-1)).sum(1)
    return ((there + back) / 2).mean()


def triplet_loss(camera: torch.Tensor, lidar: torch.Tensor, near: torch.Tensor, margin: float) -> torch.Tensor:
    """Return the mean of max(0, margin + hardest wrong - right similarity), from camera to LiDAR and back.

    The hardest is the most similar of the batch (Hermans et al., arXiv 1703.07737); the published code took the least
    similar.

    Args:
        camera: (B, D) embeddings.
        lidar: (B, D), row by row of the same places.
        near: (B, B) true for pairs that count neither way.
        margin: by which the right one must lead.
    """
    alike = lidar @ camera.T
    right = alike.diagonal()
    wrong = alike.masked_fill(near | torch.eye(len(alike), dtype=torch.bool, device=alike.device), HIDDEN)
    there, back = (F.relu(margin + hardest - right) for hardest in (wrong.amax(1), wrong.amax(0)))
    return ((there + back) / 2).mean()
