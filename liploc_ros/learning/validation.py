# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""A fast check on a held-out drive during training."""

from collections.abc import Sequence

import torch
from torch import nn

from liploc_ros.learning.data.packed_batch import PackedBatch
from liploc_ros.learning.gradients import encode
from liploc_ros.learning.method import Method, S

MAX_DISTANCE = 2.0  # of a correct view [m]
BATCH = 16  # samples encoded at once


@torch.inference_mode()
def recall_at_1(
    method: Method[S],
    model: nn.ModuleDict,
    samples: Sequence[S],
    device: torch.device,
    max_distance: float = MAX_DISTANCE,
) -> float:
    """Return the fraction of camera views whose most similar LiDAR view is within ``max_distance`` [m] of them.

    The LiDAR views are drawn at the poses of the frames and face ahead. `liploc evaluate` measures recall on a map.
    """
    cameras, lidars, positions = [], [], []
    for start in range(0, len(samples), BATCH):
        batch = PackedBatch.of(method.batch(samples[start : start + BATCH], None)).on(device)
        camera, lidar = encode(model, batch)
        cameras.append(camera.flatten(1))
        lidars.append(lidar.flatten(1))
        positions.append(batch.position)
    nearest = (torch.cat(cameras) @ torch.cat(lidars).T).argmax(1)
    position = torch.cat(positions)
    return float(((position - position[nearest]).norm(dim=1) < max_distance).double().mean())
