# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Times of functions that are called alternately, so that other load on the machine affects all of them equally."""

import time
from collections.abc import Callable
from statistics import median


def medians_ms(*functions: Callable[[], object], repeats: int = 60, warm_up: int = 5) -> list[float]:
    """Return the median time of each function [ms]; the functions are called alternately."""
    times: list[list[float]] = [[] for _ in functions]
    for repeat in range(warm_up + repeats):
        for function, measured in zip(functions, times, strict=True):
            start = time.perf_counter()
            function()
            if repeat >= warm_up:
                measured.append(1e3 * (time.perf_counter() - start))
    return [median(measured) for measured in times]
