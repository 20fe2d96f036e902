"""Which samples make a batch, prepared while the last one is learned from."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch

from liploc_ros.learning.distributed import Processes
from liploc_ros.learning.method import Batch, Method, S
from liploc_ros.learning.recipe import BaseRecipe

AHEAD = 2  # batches


def batches(
    method: Method[S], samples: Sequence[S], recipe: BaseRecipe, first: int = 0, processes: Processes | None = None
) -> Iterator[Batch]:
    """Yield this process's part of the augmented batches of the steps from ``first`` on, made in a thread.

    Each depends on seed, step and process alone, so that a run that was stopped goes on as if it had not been.
    """
    processes = processes or Processes()
    single = is_single(samples)
    pools = [np.flatnonzero(~single), np.flatnonzero(single)]
    share = recipe.singles if all(map(len, pools)) else float(single.all())

    def prepare(step: int) -> Batch:
        rng = np.random.default_rng([recipe.seed, step])
        chosen = [samples[rng.choice(pools[int(one)])] for one in rng.random(recipe.batch) < share]
        return method.batch(
            chosen[processes.part(recipe.batch)], np.random.default_rng([recipe.seed, step, processes.rank])
        )

    return _ahead(prepare, first, recipe.steps)


def is_single(samples: Sequence[S]) -> np.ndarray:
    """Return (N,) bool: samples that are the only one of their drive."""
    drives = np.array([sample.drive for sample in samples])
    _, of_drive, counts = np.unique(drives, return_inverse=True, return_counts=True)
    return np.asarray(counts[of_drive] == 1)


def to_device(batch: Batch, device: torch.device) -> Batch:
    """Return the batch there, images with their channels last, which convolutions read quicker."""
    camera, lidar = (t.to(device, memory_format=torch.channels_last) for t in (batch.camera, batch.lidar))
    return Batch(camera, lidar, batch.mask.to(device), batch.place.to(device), batch.drive.to(device))


def _ahead(prepare: Callable[[int], Batch], first: int, last: int) -> Iterator[Batch]:
    with ThreadPoolExecutor(1, "batches") as thread:
        waiting: list[Future[Batch]] = [thread.submit(prepare, i) for i in range(first, min(first + AHEAD, last))]
        try:
            for step in range(first, last):
                batch = waiting.pop(0).result()
                if step + AHEAD < last:
                    waiting.append(thread.submit(prepare, step + AHEAD))
                yield batch
        finally:
            for future in waiting:
                future.cancel()
