"""A quick look at a drive that is not trained on, while training."""

from collections.abc import Sequence

import torch
from torch import nn

from liploc_ros.learning.batches import to_device
from liploc_ros.learning.gradients import encode
from liploc_ros.learning.method import Method, S

WITHIN = 2.0  # metres
AT_ONCE = 16


@torch.inference_mode()
def recall_at_1(
    method: Method[S], model: nn.ModuleDict, samples: Sequence[S], device: torch.device, within: float = WITHIN
) -> float:
    """Return the share of camera views whose most similar LiDAR view was drawn within so many metres of them.

    Views stand at the frames' poses and look ahead; `liploc evaluate` measures what a map gives.
    """
    cameras, lidars, places = [], [], []
    for start in range(0, len(samples), AT_ONCE):
        batch = to_device(method.batch(samples[start : start + AT_ONCE], None), device)
        camera, lidar = encode(model, batch)
        cameras.append(camera.flatten(1))
        lidars.append(lidar.flatten(1))
        places.append(batch.place)
    found = (torch.cat(cameras) @ torch.cat(lidars).T).argmax(1)
    place = torch.cat(places)
    return float(((place - place[found]).norm(dim=1) < within).double().mean())
