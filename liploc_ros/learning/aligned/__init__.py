"""Aligned views: a batched contrastive loss on every cell of camera and LiDAR views that share one grid."""
