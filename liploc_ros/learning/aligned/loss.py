"""LIP-Loc's batched contrastive loss (arXiv 2312.16648), applied to every cell of views that share one grid."""

import torch
import torch.nn.functional as F
from torch import nn

HIDDEN = -1e4  # logit of a pair that must neither attract nor repel
VIEW_SCALE = 20.0
START_SCALE = 10.0


class CellLoss(nn.Module):
    """The loss below with its weights and its learned inverse temperature."""

    def __init__(self, across_frames: float = 1.0, whole_views: float = 1.0) -> None:
        super().__init__()
        self.across_frames, self.whole_views = across_frames, whole_views
        self.log_scale = nn.Parameter(torch.tensor(START_SCALE).log())

    def forward(
        self,
        camera: torch.Tensor,
        lidar: torch.Tensor,
        mask: torch.Tensor,
        near: torch.Tensor,
        compared: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """See :func:`aligned_view_loss`."""
        weights = self.across_frames, self.whole_views
        return aligned_view_loss(camera, lidar, mask, near, self.log_scale.exp(), compared, *weights)


def aligned_view_loss(
    camera: torch.Tensor,
    lidar: torch.Tensor,
    mask: torch.Tensor,
    near: torch.Tensor,
    scale: torch.Tensor,
    compared: torch.Tensor | None = None,
    across_frames: float = 1.0,
    whole_views: float = 1.0,
) -> torch.Tensor:
    """Return the weighted sum of three symmetric cross-entropies: cells of a frame, cells across frames, whole views.

    The first tells a cell from the others of its frame, which cannot be done by knowing the street; the other two tell
    frames of a few streets apart, which can.

    Args:
        camera: (B, D, h, w) unit cell vectors of the camera views.
        lidar: (B, D, h, w) unit cell vectors of the LiDAR views.
        mask: (B, h, w) 1 where both see something, else 0.
        near: (B, B) true for pairs of frames too close to be told apart; the diagonal is false.
        scale: inverse temperature of the cell losses.
        compared: (B, D, h, w) camera cells as whole views are compared by; ``camera`` when left out.
        across_frames: weight of telling a cell from that of the same direction in other frames; the cells of a frame
            weigh 1.
        whole_views: weight of telling whole views apart.
    """
    weight = mask.flatten(1)
    total = weight.sum().clamp(min=1)
    across = torch.bmm(camera.flatten(2).permute(2, 0, 1), lidar.flatten(2).permute(2, 1, 0)) * scale
    across = across.masked_fill(near[None] | (weight.T[:, None, :] == 0), HIDDEN)  # (cells, B camera, B lidar)
    own = torch.arange(len(camera), device=camera.device).expand(across.shape[0], -1)
    frames_loss = (_cross_entropy(across, own) + _cross_entropy(across.transpose(1, 2), own)) / 2
    within = torch.bmm(camera.flatten(2).transpose(1, 2), lidar.flatten(2)) * scale
    within = within.masked_fill(weight[:, None, :] == 0, HIDDEN)  # (B, cells camera, cells lidar)
    own = torch.arange(within.shape[1], device=camera.device).expand(len(camera), -1)
    cells_loss = (_cross_entropy(within, own) + _cross_entropy(within.transpose(1, 2), own)) / 2
    whole = camera if compared is None else compared
    views = torch.einsum("idyx,jdyx,jyx->ij", whole, lidar, mask) / weight.sum(1).clamp(min=1)[None] * VIEW_SCALE
    views = views.masked_fill(near, HIDDEN)
    own = torch.arange(len(camera), device=camera.device)
    views_loss = (F.cross_entropy(views, own) + F.cross_entropy(views.T, own)) / 2
    cells, frames = (cells_loss * weight).sum() / total, (frames_loss * weight.T).sum() / total
    return cells + across_frames * frames + whole_views * views_loss


def _cross_entropy(logits: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    """Return (A, B) losses of logits (A, B, choices)."""
    return F.cross_entropy(logits.flatten(0, 1), own.flatten(), reduction="none").view(own.shape)
