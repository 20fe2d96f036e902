"""Train any method's encoders together."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from liploc_ros.learning.method import Batch, Method, S
from liploc_ros.learning.recipe import BaseRecipe


def train(method: Method[S], samples: Sequence[S], recipe: BaseRecipe, weights: Path | None) -> nn.ModuleDict:
    """Return the trained ``camera``, ``lidar`` and ``loss``, in evaluation mode."""
    torch.manual_seed(recipe.seed)
    model = method.model(weights)
    optimizer = torch.optim.AdamW(method.parameter_groups(model))
    rates = [group["lr"] for group in optimizer.param_groups]
    bar = tqdm(batches(method, samples, recipe), total=recipe.steps, desc="training", mininterval=5)
    for step, batch in enumerate(bar):
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * schedule(step, recipe)
        camera, lidar = encode(model, batch)
        loss = method.loss(model, camera, lidar, batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        bar.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
    return model.eval()


def encode(model: nn.ModuleDict, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """Return both encoders' outputs; LiDAR cells beyond the camera's left and right edge are cut off."""
    camera, lidar = model["camera"](batch.camera), model["lidar"](batch.lidar)
    beyond = (lidar.shape[-1] - camera.shape[-1]) // 2
    return camera, lidar[..., beyond : beyond + camera.shape[-1]]


def schedule(step: int, recipe: BaseRecipe) -> float:
    """Return the share of the highest learning rate at a step: a straight rise, then half a cosine down to 0."""
    rise = recipe.warm_up * recipe.steps
    if step < rise:
        return (step + 1) / (rise + 1)
    return float(0.5 + 0.5 * np.cos(np.pi * (step - rise) / (recipe.steps - rise)))


def batches(method: Method[S], samples: Sequence[S], recipe: BaseRecipe, first: int = 0) -> Iterator[Batch]:
    """Yield the augmented batches of the steps from ``first`` on; each depends on seed and step alone."""
    counts: dict[str, int] = {}
    for sample in samples:
        counts[sample.drive] = counts.get(sample.drive, 0) + 1
    single = np.array([counts[sample.drive] == 1 for sample in samples])
    pools = [np.flatnonzero(~single), np.flatnonzero(single)]
    share = recipe.singles if all(map(len, pools)) else float(single.all())
    for step in range(first, recipe.steps):
        rng = np.random.default_rng([recipe.seed, step])
        chosen = [samples[rng.choice(pools[int(one)])] for one in rng.random(recipe.batch) < share]
        yield method.batch(chosen, rng)
