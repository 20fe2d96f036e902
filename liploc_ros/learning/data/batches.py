# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The batch of each step, prepared in a thread while the previous step is computed."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch

from liploc_ros.learning.distributed import Processes
from liploc_ros.learning.method import Batch, Method, S
from liploc_ros.learning.recipe import BaseRecipe

PREFETCH = 2  # batches


def batches(
    method: Method[S], samples: Sequence[S], recipe: BaseRecipe, first: int = 0, processes: Processes | None = None
) -> Iterator[Batch]:
    """Yield this process's part of the augmented batch of each step, from step ``first`` on.

    A batch depends only on seed, step and process, so that a resumed run gets the same batches.
    """
    processes = processes or Processes()
    single = is_single(samples)
    pools = [np.flatnonzero(~single), np.flatnonzero(single)]
    single_fraction = recipe.singles if all(map(len, pools)) else float(single.all())

    def prepare(step: int) -> Batch:
        rng = np.random.default_rng([recipe.seed, step])
        chosen = [samples[rng.choice(pools[int(one)])] for one in rng.random(recipe.batch) < single_fraction]
        own_rng = np.random.default_rng([recipe.seed, step, processes.rank])
        return method.batch(chosen[processes.own_slice(recipe.batch)], own_rng)

    return _prefetch(prepare, first, recipe.steps)


def is_single(samples: Sequence[S]) -> np.ndarray:
    """Return (N,) bool: samples from drives of one frame."""
    drives = np.array([sample.drive for sample in samples])
    _, of_drive, counts = np.unique(drives, return_inverse=True, return_counts=True)
    return np.asarray(counts[of_drive] == 1)


def to_device(batch: Batch, device: torch.device) -> Batch:
    """Return the batch on a device, with images in channels-last order, which is faster for convolutions."""
    camera, lidar = (t.to(device, memory_format=torch.channels_last) for t in (batch.camera, batch.lidar))
    return Batch(camera, lidar, batch.mask.to(device), batch.position.to(device), batch.drive.to(device))


def _prefetch(prepare: Callable[[int], Batch], first: int, end: int) -> Iterator[Batch]:
    with ThreadPoolExecutor(1, "batches") as thread:
        pending: list[Future[Batch]] = [thread.submit(prepare, i) for i in range(first, min(first + PREFETCH, end))]
        try:
            for step in range(first, end):
                batch = pending.pop(0).result()
                if step + PREFETCH < end:
                    pending.append(thread.submit(prepare, step + PREFETCH))
                yield batch
        finally:
            for future in pending:
                future.cancel()
