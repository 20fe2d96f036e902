"""Progress bars."""

from collections.abc import Callable
from typing import Any

from tqdm import tqdm


def advance(bar: "tqdm[Any]") -> Callable[[int, int], None]:
    """Return a function (done, total) that moves the bar."""

    def told(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)

    return told
