# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The batch of each step, drawn ahead by worker processes."""

import logging
import os
import shutil
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Generic

import numpy as np
from torch.utils.data import Dataset

from liploc_ros.learning.data.packed_batch import PackedBatch
from liploc_ros.learning.data.shared_samples import SharedSamples
from liploc_ros.learning.data.workers import PREFETCH, draw_ahead
from liploc_ros.learning.distributed import Processes
from liploc_ros.learning.method import Batch, Method, S
from liploc_ros.learning.recipe import BaseRecipe

LOG = logging.getLogger(__name__)
SHARED_MEMORY = Path("/dev/shm")  # torch passes tensors between processes through it


def batches(
    method: Method[S],
    samples: Sequence[S],
    recipe: BaseRecipe,
    first: int = 0,
    processes: Processes | None = None,
    workers: int = 0,
) -> Generator[Batch, None, None]:
    """Yield this process's part of the augmented batch of each step, from step ``first`` on, on its device.

    A batch depends only on seed, step and process, so that a resumed run gets the same batches, as does a run with
    another number of workers.

    Args:
        method: draws the batches.
        samples: to choose from.
        recipe: its settings.
        first: first step.
        processes: all processes that take part; by default only this one.
        workers: number of worker processes that draw the batches ahead; 0: they are drawn when they are needed.

    Raises:
        WorkerError: a worker died, or could not draw a batch.
    """
    processes = processes or Processes()
    batches_of_steps = _BatchesOfSteps(method, samples, recipe, processes)
    steps = range(first, recipe.steps)
    if workers and steps:
        workers = _affordable_workers(workers, batches_of_steps[first].block.nbytes)
    if workers:
        batches_of_steps.share_samples()
    pin = processes.device.type == "cuda"
    drawn: Iterator[PackedBatch] = draw_ahead(batches_of_steps, steps, workers, "batches", pin_memory=pin)
    for packed in drawn:
        yield packed.on(processes.device)


def is_single(samples: Sequence[S]) -> np.ndarray:
    """Return (N,) bool: samples from drives of one frame."""
    drives = np.array([sample.drive for sample in samples])
    _, of_drive, counts = np.unique(drives, return_inverse=True, return_counts=True)
    return np.asarray(counts[of_drive] == 1)


class _BatchesOfSteps(Dataset[PackedBatch], Generic[S]):
    """The batches of one of the processes, by step."""

    def __init__(self, method: Method[S], samples: Sequence[S], recipe: BaseRecipe, processes: Processes) -> None:
        self._method, self._samples, self._recipe, self._processes = method, samples, recipe, processes
        single = is_single(samples)
        self._pools = [np.flatnonzero(~single), np.flatnonzero(single)]
        self._single_fraction = recipe.singles if all(map(len, self._pools)) else float(single.all())

    def __getitem__(self, step: int) -> PackedBatch:
        seed, count = self._recipe.seed, self._recipe.batch
        rng = np.random.default_rng([seed, step])
        chosen = [rng.choice(self._pools[int(single)]) for single in rng.random(count) < self._single_fraction]
        own = [self._samples[i] for i in chosen[self._processes.own_slice(count)]]
        return PackedBatch.of(self._method.batch(own, np.random.default_rng([seed, step, self._processes.rank])))

    def share_samples(self) -> None:
        """Copy the samples into memory that worker processes share, unless they are there."""
        if not isinstance(self._samples, SharedSamples):
            self._samples = SharedSamples(self._samples)


def _affordable_workers(workers: int, batch_bytes: int) -> int:
    """Return how many workers can draw ahead in half of the free shared memory; log if it is fewer than wanted."""
    free = shutil.disk_usage(SHARED_MEMORY).free // int(os.environ.get("LOCAL_WORLD_SIZE", 1))
    affordable = min(workers, free // 2 // (PREFETCH * batch_bytes))
    if affordable < workers:
        LOG.warning(
            "%d instead of %d processes draw batches: %s has %d MB free (in a container, --shm-size 1g gives it more)",
            affordable,
            workers,
            SHARED_MEMORY,
            free // 1_000_000,
        )
    return affordable
