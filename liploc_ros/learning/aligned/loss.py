# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""LIP-Loc's batched contrastive loss (arXiv 2312.16648), applied to every cell of views that share one grid."""

import torch
import torch.nn.functional as F
from torch import nn

IGNORED_LOGIT = -1e4  # of a pair that contributes nothing to the loss
VIEW_SCALE = 20.0
INITIAL_SCALE = 10.0


class AlignedViewLoss(nn.Module):
    """The loss below with its weights and its learned inverse temperature."""

    def __init__(self, frame_weight: float = 1.0, view_weight: float = 1.0) -> None:
        super().__init__()
        self.frame_weight, self.view_weight = frame_weight, view_weight
        self.log_scale = nn.Parameter(torch.tensor(INITIAL_SCALE).log())

    def forward(
        self,
        camera: torch.Tensor,
        lidar: torch.Tensor,
        mask: torch.Tensor,
        ignored: torch.Tensor,
        camera_views: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """See :func:`aligned_view_loss`."""
        weights = self.frame_weight, self.view_weight
        return aligned_view_loss(camera, lidar, mask, ignored, self.log_scale.exp(), camera_views, *weights)


def aligned_view_loss(
    camera: torch.Tensor,
    lidar: torch.Tensor,
    mask: torch.Tensor,
    ignored: torch.Tensor,
    scale: torch.Tensor,
    camera_views: torch.Tensor | None = None,
    frame_weight: float = 1.0,
    view_weight: float = 1.0,
) -> torch.Tensor:
    """Return the weighted sum of three symmetric cross-entropies.

    1. Cells within a frame: the negatives of a cell are the other cells of its frame. Weight 1.
    2. Cells across frames: the negatives are the cells at the same position in the other frames.
    3. Whole views: the negatives of a view are the views of the other frames.

    The first cannot be solved by memorizing streets. The other two can be, if the training set has few streets.

    Args:
        camera: (B, D, h, w) unit features of the camera views.
        lidar: (B, D, h, w) unit features of the LiDAR views.
        mask: (B, h, w) 1 where both sensors have data, else 0.
        ignored: (B, B) true for pairs of frames too close to be negatives; the diagonal is false.
        scale: inverse temperature of the cell losses.
        camera_views: (B, D, h, w) camera features for the third loss; by default ``camera``.
        frame_weight: weight of the second loss.
        view_weight: weight of the third loss.
    """
    weight = mask.flatten(1)
    total = weight.sum().clamp(min=1)
    across = torch.bmm(camera.flatten(2).permute(2, 0, 1), lidar.flatten(2).permute(2, 1, 0)) * scale
    across = across.masked_fill(ignored[None] | (weight.T[:, None, :] == 0), IGNORED_LOGIT)  # (cells, B, B)
    target = torch.arange(len(camera), device=camera.device).expand(across.shape[0], -1)
    frames_loss = (_cross_entropy(across, target) + _cross_entropy(across.transpose(1, 2), target)) / 2
    within = torch.bmm(camera.flatten(2).transpose(1, 2), lidar.flatten(2)) * scale
    within = within.masked_fill(weight[:, None, :] == 0, IGNORED_LOGIT)  # (B, camera cells, LiDAR cells)
    target = torch.arange(within.shape[1], device=camera.device).expand(len(camera), -1)
    cells_loss = (_cross_entropy(within, target) + _cross_entropy(within.transpose(1, 2), target)) / 2
    views = camera if camera_views is None else camera_views
    views = torch.einsum("idyx,jdyx,jyx->ij", views, lidar, mask) / weight.sum(1).clamp(min=1)[None] * VIEW_SCALE
    views = views.masked_fill(ignored, IGNORED_LOGIT)
    target = torch.arange(len(camera), device=camera.device)
    views_loss = (F.cross_entropy(views, target) + F.cross_entropy(views.T, target)) / 2
    cells, frames = (cells_loss * weight).sum() / total, (frames_loss * weight.T).sum() / total
    return cells + frame_weight * frames + view_weight * views_loss


def _cross_entropy(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return (A, B) losses of logits (A, B, classes)."""
    return F.cross_entropy(logits.flatten(0, 1), target.flatten(), reduction="none").view(target.shape)
