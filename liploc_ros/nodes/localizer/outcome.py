"""What came of an image, and which pose it gives."""

from dataclasses import dataclass, replace
from enum import IntEnum

from liploc_ros.localization import Hypothesis, Localization, Status, TrackingResult, TrackingState
from liploc_ros.localization.hypotheses import contradict
from liploc_ros.localization.timer import StepClock
from liploc_ros.nodes.localizer.engine import LocalizerEngine


class Certainty(IntEnum):
    """What the pose that is published rests on, surest last."""

    NO_POSE = 0
    ACCEPTED = 1  # an image by itself
    TRACKED = 2  # all images and all motion


@dataclass(frozen=True)
class Attempt:
    """What came of an image.

    Attributes:
        localization: what it tells by itself.
        tracking: what is held true after it and all before; None without tracking.
        engine: whose map the poses are on.
    """

    localization: Localization
    tracking: TrackingResult | None
    engine: LocalizerEngine

    @property
    def belief(self) -> TrackingResult | None:
        """What is held true, if tracking used the image and did not pass it over."""
        return self.tracking if self.tracking is not None and self.tracking.localization is not None else None

    @property
    def certainty(self) -> Certainty:
        """What :attr:`pose` rests on."""
        if self.tracking is not None and self.tracking.state is TrackingState.LOCALIZED:
            # Of the time of an image that was passed over no pose is held true, and what it says alone is not needed.
            return Certainty.NO_POSE if self.belief is None else Certainty.TRACKED
        if self.localization.status is not Status.SUCCESS or not self._is_believed(self.localization.best):
            return Certainty.NO_POSE
        return Certainty.ACCEPTED

    def _is_believed(self, best: Hypothesis | None) -> bool:
        """Say whether nothing that was seen before speaks for another place."""
        if best is None or self.tracking is None or self.tracking.best is None:
            return best is not None
        return not contradict(best, self.tracking.best)

    @property
    def pose(self) -> Hypothesis | None:
        """The pose for ~/pose, initialpose and the transform to the odometry's frame, or None.

        It is the tracked one while tracking is sure; otherwise that of an image that was accepted by itself where
        tracking believes the vehicle most. Without it a vehicle that stands still would have none: tracking learns
        nothing from what it has seen already.
        """
        if self.certainty is Certainty.TRACKED and self.tracking is not None:
            return self.tracking.best
        return self.localization.best if self.certainty is Certainty.ACCEPTED else None


def result_after(clock: StepClock, result: Localization) -> Localization:
    """Return a result whose time begins with the steps before it."""
    timings = {**clock.steps, **result.timings}
    return replace(result, latency_ms=clock.total + result.latency_ms, timings=timings)
