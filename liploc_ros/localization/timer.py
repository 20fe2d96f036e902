# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The duration of each step of a pipeline."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Timer:
    """Measures named steps.

    Attributes:
        steps: milliseconds by step, in the order in which the steps first ended.
    """

    def __init__(self) -> None:
        """Start."""
        self.restart()

    def restart(self) -> None:
        """Forget all steps and start again. An earlier ``steps`` dictionary is left as it is."""
        self.steps: dict[str, float] = {}
        self._start = self._end = time.perf_counter()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure the block; a step that is repeated adds up."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self._end = time.perf_counter()
            self.steps[name] = self.steps.get(name, 0.0) + 1e3 * (self._end - start)

    @property
    def total(self) -> float:
        """Milliseconds from the start to the end of the last step."""
        return 1e3 * (self._end - self._start)
