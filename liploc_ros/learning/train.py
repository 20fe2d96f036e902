"""Train both encoders together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from liploc_ros.encoders.inputs import camera_cell_mask, camera_input, lidar_cell_mask, lidar_input
from liploc_ros.encoders.spec import InputSpec
from liploc_ros.learning.augmentation import change_light, change_sensor, hide_columns, mirror
from liploc_ros.learning.losses import aligned_view_loss
from liploc_ros.learning.networks import STRIDE, CellEncoder
from liploc_ros.learning.recipe import Recipe
from liploc_ros.learning.samples import CONTEXT, Sample


@dataclass(frozen=True)
class Batch:
    """Network inputs (B, 3, H, W) and (B, 3, H, W + 2 CONTEXT), mask (B, h, w) and near pairs (B, B)."""

    camera: torch.Tensor
    lidar: torch.Tensor
    mask: torch.Tensor
    near: torch.Tensor


def train(samples: Sequence[Sample], recipe: Recipe, weights: Path | None) -> nn.ModuleDict:
    """Return the trained encoders, ``camera`` and ``lidar``, in evaluation mode."""
    torch.manual_seed(recipe.seed)
    encoders = nn.ModuleDict({"camera": CellEncoder(weights), "lidar": CellEncoder(weights)})
    log_scale = nn.Parameter(torch.tensor(np.log(10.0), dtype=torch.float32))
    heads = [p for e in encoders.values() for p in e.head.parameters()] + [log_scale]
    trunks = [p for e in encoders.values() for p in e.trunk.parameters()]
    rates = [recipe.trunk_rate, recipe.head_rate]
    groups = [{"params": trunks, "lr": rates[0]}, {"params": heads, "lr": rates[1]}]
    optimizer = torch.optim.AdamW(groups, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, total_steps=recipe.steps, pct_start=recipe.warm_up)
    bar = tqdm(batches(samples, recipe), total=recipe.steps, desc="training", mininterval=5)
    for batch in bar:
        camera = encoders["camera"](batch.camera)
        lidar = encoders["lidar"](batch.lidar)[..., CONTEXT // STRIDE : -CONTEXT // STRIDE]
        loss = aligned_view_loss(camera, lidar, batch.mask, batch.near, log_scale.exp())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        bar.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
    return encoders.eval()


def batches(samples: Sequence[Sample], recipe: Recipe) -> Iterator[Batch]:
    """Yield ``recipe.steps`` augmented batches; the same seed yields the same ones."""
    rng = np.random.default_rng(recipe.seed)
    counts = {s.drive: 0 for s in samples}
    for s in samples:
        counts[s.drive] += 1
    single = np.array([counts[s.drive] == 1 for s in samples])
    pools = [np.flatnonzero(~single), np.flatnonzero(single)]
    for _ in range(recipe.steps):
        from_singles = (
            (rng.random(recipe.batch) < recipe.singles) if all(map(len, pools)) else np.full(recipe.batch, single.all())
        )
        chosen = [samples[rng.choice(pools[int(one)])] for one in from_singles]
        yield _batch(chosen, recipe, rng)


def _batch(chosen: list[Sample], recipe: Recipe, rng: np.random.Generator) -> Batch:
    spec = InputSpec()
    images, clouds, masks = [], [], []
    for sample in chosen:
        gaps = list(sample.lidar)
        camera = change_light(hide_columns(sample.camera, rng), rng)
        lidar = change_sensor(sample.lidar[gaps[rng.integers(len(gaps))]], rng)
        image, cloud = camera_input(camera, spec), lidar_input(lidar, recipe.grid, spec)
        mask = camera_cell_mask(camera.mask, STRIDE) & lidar_cell_mask(lidar.mask[:, CONTEXT:-CONTEXT], STRIDE)
        if rng.random() < 0.5:
            image, cloud, mask = mirror(image), mirror(cloud), mask[:, ::-1]
        images.append(image)
        clouds.append(cloud)
        masks.append(mask)
    return Batch(
        torch.from_numpy(np.stack(images)),
        torch.from_numpy(np.stack(clouds)),
        torch.from_numpy(np.stack(masks).astype(np.float32)),
        torch.from_numpy(_near(chosen, recipe.near)),
    )


def _near(chosen: list[Sample], limit: float) -> np.ndarray:
    """Return (B, B) pairs of one drive closer than ``limit`` metres, without the diagonal."""
    places = np.stack([s.T_map_base[:3, 3] for s in chosen])
    drives = np.array([s.drive for s in chosen])
    distance = np.linalg.norm(places[:, None] - places[None], axis=-1)
    near = (distance < limit) & (drives[:, None] == drives[None])
    np.fill_diagonal(near, False)
    return np.asarray(near)
