# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Steps of training: their rate, and how busy the GPU is."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from statistics import fmean
from typing import Any

import numpy as np
import torch

from benchmarks.gpu.encoders import Skip
from benchmarks.gpu.rows import Row
from liploc_ros.datasets.drive import Drive
from liploc_ros.learning.data.preparation import draw_samples
from liploc_ros.learning.data.workers import default_workers
from liploc_ros.learning.distributed import Processes
from liploc_ros.learning.method import RANDOM, Batch
from liploc_ros.learning.registry import method_of, read_recipe
from liploc_ros.learning.trainer import Trainer

WARM_UP_FRACTION = 0.1
SAMPLE_PERIOD = 0.1  # s


class TimedTrainer(Trainer[Any]):
    """A trainer that remembers when each step began."""

    def train_step(self, batch: Batch) -> torch.Tensor:
        """See :meth:`liploc_ros.learning.trainer.Trainer.train_step`."""
        self.begins = [*getattr(self, "begins", []), time.perf_counter()]
        return super().train_step(batch)


def with_nearest_images(drive: Drive) -> Drive:
    """Return the drive with an image for each scan, however far in time: good enough for timing."""
    images = list(drive.images())
    stamps = np.array([frame.stamp_ns for frame in images])
    frames = [replace(f, images=images[int(np.abs(stamps - f.stamp_ns).argmin())].images) for f in drive.scans()]
    return replace(drive, frames=frames)


def training_row(drive: Drive, steps: int, on_gpu: bool, skip: Skip) -> Row:
    """Train the default recipe on a drive for some steps, from random weights, and return the row."""
    recipe = read_recipe("aligned", {"steps": steps})
    method = method_of(recipe)
    workers = default_workers()
    complete = drive if any(f.images for f in drive.scans()) else with_nearest_images(drive)
    pairs, _ = draw_samples(method, [complete], workers)
    with Processes.joined() as joined:
        processes = joined if on_gpu else Processes()
        trainer = TimedTrainer(method, recipe, RANDOM, processes)
        with utilization(processes.device, skip) as samples:
            trainer.fit(pairs, workers=workers)  # waits for the GPU at the end
            end = time.perf_counter()
    begins = trainer.begins[int(WARM_UP_FRACTION * steps) :]
    times = [after - before for before, after in zip(begins, [*begins[1:], end], strict=True)]
    busy = [value for at, value in samples if begins[0] < at < end]
    return Row(
        f"training, {steps} steps of {recipe.batch} pairs of {len(pairs)} ({recipe.precision})",
        "torch CUDA" if processes.device.type == "cuda" else "torch CPU",
        times,
        len(times) / (end - begins[0]),
        gpu_busy=fmean(busy) if busy else None,
    )


@contextmanager
def utilization(device: torch.device, skip: Skip) -> Iterator[list[tuple[float, float]]]:
    """Sample the utilization of a GPU, 0 to 1, with the time of each sample; nothing on a CPU."""
    samples: list[tuple[float, float]] = []
    if device.type != "cuda":
        yield samples
        return
    ended = threading.Event()

    def sample() -> None:
        try:
            while not ended.wait(SAMPLE_PERIOD):
                samples.append((time.perf_counter(), torch.cuda.utilization(device) / 100))
        except (ImportError, RuntimeError) as error:  # torch reads it with the package nvidia-ml-py
            skip("GPU utilization", f"{error}".splitlines()[0])

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield samples
    finally:
        ended.set()
        thread.join()
