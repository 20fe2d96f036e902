"""How long an encoder takes between pauses while other processes want the cores."""

import multiprocessing
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

CALLS, PAUSE = 200, 0.02  # s
Views = NDArray[np.float32]


def beside_others(encoders: Mapping[str, Callable[[Views], Views]], view: Views) -> str:
    """Return a table: median and 99th percentile of a view every 20 ms beside 0, 1 and 2 processes that compute."""
    rows = ["| processes that compute beside it | " + " | ".join(encoders) + " |", "|---|" + "---|" * len(encoders)]
    for others in range(3):
        with _computing(others):
            features = [_times(encode, view) for encode in encoders.values()]
        rows.append(f"| {others} | {' | '.join(features)} |")
    return "\n".join(rows)


def _times(encode: Callable[[Views], Views], view: Views) -> str:
    taken = []
    for _ in range(CALLS):
        start = time.perf_counter()
        encode(view)
        taken.append(1e3 * (time.perf_counter() - start))
        time.sleep(PAUSE)
    return f"{np.median(taken):.2f} ms, p99 {np.quantile(taken, 0.99):.2f} ms"


@contextmanager
def _computing(count: int) -> Iterator[None]:
    others = [multiprocessing.get_context("spawn").Process(target=_compute, daemon=True) for _ in range(count)]
    for process in others:
        process.start()
    time.sleep(2.0 * bool(count))
    try:
        yield
    finally:
        for process in others:
            process.kill()


def _compute() -> None:
    while True:
        pass
