# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""A minimal method for tests of the trainer: a place is a number, and its views are noise with that seed."""

from types import SimpleNamespace

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from liploc_ros.learning.method import Batch, positions_and_drives


def toy_samples(count=8):
    """Return samples that are 10 m apart."""
    poses = np.tile(np.eye(4), (count, 1, 1))
    poses[:, 0, 3] = 10 * np.arange(count)
    return [SimpleNamespace(drive="d", T_map_base=pose, number=i) for i, pose in enumerate(poses)]


class ToyMethod:
    """Small convolutional encoders with ``extra`` layers; ``on_loss`` is called whenever the loss is computed."""

    def __init__(self, *extra, on_loss=None):
        self.extra, self.on_loss = extra, on_loss

    def model(self, weights):
        def encoder():
            return nn.Sequential(nn.Conv2d(3, 16, 4, 4), *(layer() for layer in self.extra), nn.Conv2d(16, 8, 1))

        loss = nn.Module()
        loss.scale = nn.Parameter(torch.tensor(5.0))
        return nn.ModuleDict({"camera": encoder(), "lidar": encoder(), "loss": loss})

    def parameter_groups(self, model):
        return [{"params": list(model.parameters()), "lr": 1e-2, "weight_decay": 0.0}]

    def batch(self, samples, rng):
        views = [np.random.default_rng(s.number).normal(size=(3, 8, 16)).astype(np.float32) for s in samples]
        lidar = torch.from_numpy(np.stack(views))
        noise = torch.zeros(()) if rng is None else torch.from_numpy(rng.normal(size=(len(samples), 3, 8, 8))).float()
        return Batch(lidar[..., 4:12] + noise, lidar, torch.ones(len(samples), 2, 2), *positions_and_drives(samples))

    def loss(self, model, camera, lidar, batch):
        if self.on_loss:
            self.on_loss()
        camera, lidar = F.normalize(camera.flatten(1)), F.normalize(lidar.flatten(1))
        return F.cross_entropy(camera @ lidar.T * model["loss"].scale, torch.arange(len(batch)))
