# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Encoder times with pauses between the views, while other processes load the CPU."""

import multiprocessing
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

CALLS = 200
PAUSE = 0.02  # s, between two views
START_UP = 2.0  # s, until the other processes run
MAX_PROCESSES = 2
Views = NDArray[np.float32]


def times_under_load(encoders: Mapping[str, Callable[[Views], Views]], view: Views) -> str:
    """Return a table: median and 99th percentile of the time of one view, with 0 to 2 processes that load the CPU."""
    rows = ["| processes that load the CPU | " + " | ".join(encoders) + " |", "|---|" + "---|" * len(encoders)]
    for processes in range(MAX_PROCESSES + 1):
        with _load(processes):
            times = [_time(encode, view) for encode in encoders.values()]
        rows.append(f"| {processes} | {' | '.join(times)} |")
    return "\n".join(rows)


def _time(encode: Callable[[Views], Views], view: Views) -> str:
    times = []
    for _ in range(CALLS):
        start = time.perf_counter()
        encode(view)
        times.append(1e3 * (time.perf_counter() - start))
        time.sleep(PAUSE)
    return f"{np.median(times):.2f} ms, p99 {np.quantile(times, 0.99):.2f} ms"


@contextmanager
def _load(count: int) -> Iterator[None]:
    """Run processes that keep a core busy each."""
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_loop, daemon=True) for _ in range(count)]
    for process in processes:
        process.start()
    if processes:
        time.sleep(START_UP)
    try:
        yield
    finally:
        for process in processes:
            process.kill()


def _loop() -> None:
    while True:
        pass
