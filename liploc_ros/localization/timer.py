"""How long the steps of a pipeline take."""

import time


class StepClock:
    """Milliseconds by step."""

    def __init__(self) -> None:
        """Start."""
        self.steps: dict[str, float] = {}
        self._start = self._last = time.perf_counter()

    def finish(self, step: str) -> None:
        """Count the time since the last step finished."""
        now = time.perf_counter()
        self.steps[step] = 1e3 * (now - self._last)
        self._last = now

    @property
    def total(self) -> float:
        """Milliseconds from the start to the end of the last step."""
        return 1e3 * (self._last - self._start)
