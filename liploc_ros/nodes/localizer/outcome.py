# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The outcome of one image, and the pose that follows from it."""

from dataclasses import dataclass, replace
from enum import IntEnum

from liploc_ros.localization import Hypothesis, Localization, Status, TrackingResult, TrackingState
from liploc_ros.localization.hypotheses import contradict
from liploc_ros.localization.timer import Timer
from liploc_ros.nodes.localizer.engine import LocalizerEngine


class PoseSource(IntEnum):
    """Where the published pose comes from, most reliable last."""

    NONE = 0
    IMAGE = 1  # the image alone
    TRACKING = 2  # all images and odometry


@dataclass(frozen=True)
class ImageOutcome:
    """What an image and tracking give.

    Attributes:
        localization: of the image alone.
        tracking: state of tracking after the image; None without tracking.
        engine: whose map the poses are on.
        camera: optical frame of the camera that took the image.
    """

    localization: Localization
    tracking: TrackingResult | None
    engine: LocalizerEngine
    camera: str = ""

    @property
    def belief(self) -> TrackingResult | None:
        """State of tracking, if tracking used the image; None if it skipped the image, or without tracking."""
        return self.tracking if self.tracking is not None and self.tracking.localization is not None else None

    @property
    def pose_source(self) -> PoseSource:
        """Where :attr:`pose` comes from."""
        if self.tracking is not None and self.tracking.state is TrackingState.LOCALIZED:
            # Tracking has no pose at the time of an image that it skipped, and the image alone is less reliable.
            return PoseSource.NONE if self.belief is None else PoseSource.TRACKING
        if self.localization.status is not Status.SUCCESS or not self._agrees_with_tracking(self.localization.best):
            return PoseSource.NONE
        return PoseSource.IMAGE

    def _agrees_with_tracking(self, best: Hypothesis | None) -> bool:
        """Return whether a hypothesis of the image does not contradict the first hypothesis of tracking."""
        if best is None or self.tracking is None or self.tracking.best is None:
            return best is not None
        return not contradict(best, self.tracking.best)

    @property
    def pose(self) -> Hypothesis | None:
        """The pose for ~/pose, initialpose and the transform to the odometry frame, or None.

        It is that of tracking if its state is LOCALIZED. Otherwise it is that of the image, if it was accepted and
        does not contradict tracking: a vehicle that has not moved yet needs a pose, and tracking cannot become
        LOCALIZED from images of the same view.
        """
        if self.pose_source is PoseSource.TRACKING and self.tracking is not None:
            return self.tracking.best
        return self.localization.best if self.pose_source is PoseSource.IMAGE else None


def with_earlier_steps(localization: Localization, timer: Timer) -> Localization:
    """Return a localization whose timings and latency include the steps of ``timer``, which came before it."""
    timings = {**timer.steps, **localization.timings}
    return replace(localization, latency_ms=timer.total + localization.latency_ms, timings=timings)
