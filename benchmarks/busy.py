"""How long an encoder takes between pauses while other processes want the cores, for one thread and for two."""

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liploc_ros.encoders.onnx import OnnxEncoder

CALLS, PAUSE = 200, 0.02  # s


def beside_others(path: Path, view: NDArray[np.float32], threads: tuple[int, ...]) -> str:
    """Return a table: median and 99th percentile of a view every 20 ms beside 0, 1 and 2 processes that compute."""
    rows = [
        "| processes that compute beside it | "
        + " | ".join("1 thread" if n == 1 else f"{n} threads" for n in threads)
        + " |"
    ]
    rows.append("|---|" + "---|" * len(threads))
    for others in range(3):
        with _computing(others):
            cells = [_times(OnnxEncoder(path, n), view) for n in threads]
        rows.append(f"| {others} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _times(encoder: OnnxEncoder, view: NDArray[np.float32]) -> str:
    taken = []
    for _ in range(CALLS):
        start = time.perf_counter()
        encoder.encode(view)
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
