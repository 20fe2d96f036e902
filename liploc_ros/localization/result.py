"""What came of an attempt to localize an image."""

from dataclasses import dataclass, field
from enum import IntEnum

from liploc_ros.localization.hypotheses import Hypothesis


class Status(IntEnum):
    """Outcome of an attempt; the numbers are those of ``liploc_ros/srv/Localize``."""

    SUCCESS = 0
    NO_IMAGE = 1
    STALE_IMAGE = 2
    UNKNOWN_PLACE = 3
    AMBIGUOUS = 4
    INTERNAL_ERROR = 5


@dataclass(frozen=True)
class Localization:
    """Hypotheses for one image, most probable first, and whether the first is good enough to act on.

    ``timings`` are milliseconds by step; ``latency_ms`` is the whole, from image to hypotheses.
    """

    status: Status
    message: str
    hypotheses: tuple[Hypothesis, ...]
    stamp_ns: int
    latency_ms: float
    timings: dict[str, float] = field(default_factory=dict)

    @property
    def best(self) -> Hypothesis | None:
        """The most probable hypothesis, accepted or not."""
        return self.hypotheses[0] if self.hypotheses else None
