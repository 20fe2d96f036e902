# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The table of ``make gpu-check``, and how times are measured."""

import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

WARM_UP_RUNS = 20
MAX_SECONDS = 4.0  # per measurement, so that slow backends do not prolong the check


class Row(NamedTuple):
    """A row: a task on one backend.

    Attributes:
        task: what was measured.
        backend: the runtime.
        times: duration of each run [s].
        per_second: views, images or steps.
        cosine: minimum cosine with ONNX Runtime on the CPU; None where it was not measured.
        gpu_busy: share of the time in which the GPU worked, 0 to 1; None where it was not measured.
    """

    task: str
    backend: str
    times: list[float]
    per_second: float
    cosine: float | None = None
    gpu_busy: float | None = None

    def __str__(self) -> str:
        cosine = "" if self.cosine is None else f"{self.cosine:.6f}"
        busy = "" if self.gpu_busy is None else f"{self.gpu_busy:.0%}"
        median, p99 = 1e3 * np.median(self.times), 1e3 * np.quantile(self.times, 0.99)
        rate = f"{self.per_second:.0f}" if self.per_second >= 100 else f"{self.per_second:.1f}"
        return f"| {self.task} | {self.backend} | {cosine} | {median:.2f} ms | {p99:.2f} ms | {rate} | {busy} |"


def table_of(rows: Iterable[Row]) -> str:
    """Return the table in Markdown."""
    header = "| task | backend | minimum cosine | median | p99 | per second | GPU busy |\n|---|---|---|---|---|---|---|"
    return "\n".join([header, *map(str, rows)])


def durations(function: Callable[[], object], runs: int) -> list[float]:
    """Return the duration [s] of each call of a function: at most ``runs``, fewer if they take too long."""
    for _ in range(min(runs, WARM_UP_RUNS)):
        function()
    times: list[float] = []
    end = time.perf_counter() + MAX_SECONDS
    while len(times) < runs and (len(times) < 3 or time.perf_counter() < end):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return times
