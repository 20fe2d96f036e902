# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Aligned views: a batched contrastive loss on every cell of camera and LiDAR views that share one grid."""
