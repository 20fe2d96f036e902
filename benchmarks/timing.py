"""Medians of alternating runs, so that a noisy machine disturbs both sides alike."""

import time
from collections.abc import Callable
from statistics import median


def medians_ms(*functions: Callable[[], object], repeats: int = 60, warm_up: int = 5) -> list[float]:
    """Return the median milliseconds of each function; they take turns."""
    times: list[list[float]] = [[] for _ in functions]
    for turn in range(warm_up + repeats):
        for function, taken in zip(functions, times, strict=True):
            start = time.perf_counter()
            function()
            if turn >= warm_up:
                taken.append(1e3 * (time.perf_counter() - start))
    return [median(taken) for taken in times]
