# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The outcome of one image, and the pose that follows from it."""

from dataclasses import dataclass, replace

from liploc_ros.localization import Hypothesis, Localization, TrackingResult
from liploc_ros.localization.timer import Timer
from liploc_ros.localization.tracking.known_pose import PoseSource, known_pose, shown_hypothesis
from liploc_ros.nodes.localizer.engine import LocalizerEngine


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
        return known_pose(self.localization, self.tracking).source

    @property
    def pose(self) -> Hypothesis | None:
        """The pose for ~/pose, initialpose and the transform to the odometry frame, or None."""
        return known_pose(self.localization, self.tracking).hypothesis

    @property
    def shown(self) -> Hypothesis | None:
        """The pose, or else the most probable hypothesis, for pictures."""
        return shown_hypothesis(self.localization, self.tracking)


def with_earlier_steps(localization: Localization, timer: Timer) -> Localization:
    """Return a localization whose timings and latency include the steps of ``timer``, which came before it."""
    timings = {**timer.steps, **localization.timings}
    return replace(localization, latency_ms=timer.total + localization.latency_ms, timings=timings)
