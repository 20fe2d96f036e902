"""What came of an image, and which pose it gives."""

from dataclasses import dataclass, replace
from enum import IntEnum

from liploc_ros.localization import Hypothesis, Localization, State, Status, Tracking
from liploc_ros.localization.step_clock import StepClock
from liploc_ros.nodes.localizer_engine import LocalizerEngine


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
    tracking: Tracking | None
    engine: LocalizerEngine

    @property
    def belief(self) -> Tracking | None:
        """What is held true, if tracking used the image and did not pass it over."""
        return self.tracking if self.tracking is not None and self.tracking.localization is not None else None

    @property
    def certainty(self) -> Certainty:
        """What :attr:`pose` rests on."""
        if self.tracking is not None and self.tracking.state is State.LOCALIZED:
            # Of the time of an image that was passed over no pose is held true, and what it says alone is not needed.
            return Certainty.NO_POSE if self.belief is None else Certainty.TRACKED
        return Certainty.ACCEPTED if self.localization.status is Status.SUCCESS else Certainty.NO_POSE

    @property
    def pose(self) -> Hypothesis | None:
        """The pose for ~/pose, initialpose and the transform to the odometry's frame, or None.

        It is the tracked one while tracking is sure; otherwise that of an image that was accepted by itself, without
        which a vehicle that stands still would have none: tracking learns nothing from what it has seen already.
        """
        if self.certainty is Certainty.TRACKED and self.tracking is not None:
            return self.tracking.best
        return self.localization.best if self.certainty is Certainty.ACCEPTED else None


def result_after(clock: StepClock, result: Localization) -> Localization:
    """Return a result whose time begins with the steps before it."""
    timings = {**clock.steps, **result.timings}
    return replace(result, latency_ms=clock.total + result.latency_ms, timings=timings)
