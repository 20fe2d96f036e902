"""Aligned views: the batched contrastive loss on every cell of views that share one grid."""
