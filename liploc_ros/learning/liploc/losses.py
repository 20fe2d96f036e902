# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Losses over the embeddings of a batch: LIP-Loc's batched contrastive loss (arXiv 2312.16648) and alternatives."""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import nn

IGNORED_LOGIT = -1e4  # of a pair that contributes nothing to the loss
MAX_SCALE = 100.0  # of a learned inverse temperature (CLIP: Radford et al., arXiv 2103.00020)


class EmbeddingLoss(nn.Module):
    """One of the losses below, with its learned or fixed inverse temperature."""

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
            kind: of the loss.
            temperature: initial temperature.
            learned: whether the temperature is learned. The triplet loss has no temperature.
            margin: of the triplet loss.
            gain: factor on the products of embeddings; cancels a constant factor in the encoders.
            released: use the soft targets of the published code.
        """
        super().__init__()
        self.kind, self.margin, self.gain, self.released = kind, margin, gain, released
        initial = torch.tensor(math.log(1 / temperature))
        if learned and kind != "triplet":
            self.log_scale = nn.Parameter(initial)
        else:
            self.register_buffer("log_scale", initial)

    def forward(self, camera: torch.Tensor, lidar: torch.Tensor, ignored: torch.Tensor) -> torch.Tensor:
        """Return the loss of embeddings (B, D); the pairs ``ignored`` (B, B) contribute nothing."""
        camera, lidar = camera * self.gain**0.5, lidar * self.gain**0.5
        if self.kind == "triplet":
            return triplet_loss(camera, lidar, ignored, self.margin)
        scale = self.log_scale.exp()
        if isinstance(self.log_scale, nn.Parameter):
            scale = scale.clamp(max=MAX_SCALE)
        if self.kind == "hard":
            return hard_target_loss(camera, lidar, ignored, scale)
        return soft_target_loss(camera, lidar, ignored, scale, self.released)


def hard_target_loss(
    camera: torch.Tensor, lidar: torch.Tensor, ignored: torch.Tensor, scale: torch.Tensor
) -> torch.Tensor:
    """Return the mean of the cross-entropies from LiDAR to camera and from camera to LiDAR.

    The target of an embedding is the embedding of the other sensor from the same frame.

    Args:
        camera: (B, D) embeddings.
        lidar: (B, D) embeddings of the same frames.
        ignored: (B, B) true for pairs of frames too close to be negatives; the diagonal is false.
        scale: inverse temperature.
    """
    logits = (lidar @ camera.T * scale).masked_fill(ignored, IGNORED_LOGIT)
    target = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def soft_target_loss(
    camera: torch.Tensor, lidar: torch.Tensor, ignored: torch.Tensor, scale: torch.Tensor, released: bool = False
) -> torch.Tensor:
    """Return the symmetric cross-entropy with soft targets: the softmax of the similarities within each sensor.

    Args:
        camera: (B, D) embeddings.
        lidar: (B, D) embeddings of the same frames.
        ignored: (B, B) true for pairs that contribute nothing.
        scale: inverse temperature.
        released: as in the published code: similarities are multiplied by the temperature instead of divided by it,
            gradients flow into the targets, and the targets from camera to LiDAR are transposed, so that they do not
            sum to 1.
    """
    logits = (lidar @ camera.T * scale).masked_fill(ignored, IGNORED_LOGIT)
    similarity = ((camera @ camera.T + lidar @ lidar.T) / 2).masked_fill(ignored, -torch.inf)
    if released:
        lidar_targets = (similarity / scale).softmax(-1)
        camera_targets = lidar_targets.T
    else:
        # The similarity is symmetric, so both directions have the same targets.
        lidar_targets = camera_targets = (similarity * scale).softmax(-1).detach()
    lidar_loss = -(lidar_targets * logits.log_softmax(-1)).sum(1)
    camera_loss = -(camera_targets * logits.T.log_softmax(-1)).sum(1)
    return ((lidar_loss + camera_loss) / 2).mean()


def triplet_loss(camera: torch.Tensor, lidar: torch.Tensor, ignored: torch.Tensor, margin: float) -> torch.Tensor:
    """Return the mean of max(0, margin + hardest negative - positive similarity), in both directions.

    The hardest negative is the most similar one of the batch (Hermans et al., arXiv 1703.07737). The published code
    takes the least similar one.

    Args:
        camera: (B, D) embeddings.
        lidar: (B, D) embeddings of the same frames.
        ignored: (B, B) true for pairs that contribute nothing.
        margin: minimum difference between the similarities of the positive and the hardest negative.
    """
    similarity = lidar @ camera.T
    positive = similarity.diagonal()
    is_own = torch.eye(len(similarity), dtype=torch.bool, device=similarity.device)
    negatives = similarity.masked_fill(ignored | is_own, IGNORED_LOGIT)
    lidar_loss, camera_loss = (
        F.relu(margin + hardest - positive) for hardest in (negatives.amax(1), negatives.amax(0))
    )
    return ((lidar_loss + camera_loss) / 2).mean()
