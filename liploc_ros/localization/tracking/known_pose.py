# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The pose that follows from an image and tracking, if it is known."""

from enum import IntEnum
from typing import NamedTuple

from liploc_ros.localization.hypotheses import Hypothesis, contradict
from liploc_ros.localization.result import Localization, Status
from liploc_ros.localization.tracking.result import TrackingResult, TrackingState


class PoseSource(IntEnum):
    """Where a known pose comes from, most reliable last."""

    NONE = 0
    IMAGE = 1  # the image alone
    TRACKING = 2  # all images and odometry


class KnownPose(NamedTuple):
    """A pose, or None, and where it comes from."""

    hypothesis: Hypothesis | None
    source: PoseSource


UNKNOWN = KnownPose(None, PoseSource.NONE)


def known_pose(localization: Localization, tracking: TrackingResult | None) -> KnownPose:
    """Return the pose after an image.

    It is that of tracking if its state is LOCALIZED. Otherwise it is that of the image, if it was accepted and does not
    contradict tracking: a vehicle that has not moved yet needs a pose, and tracking cannot become LOCALIZED from images
    of the same view.

    Args:
        localization: of the image alone.
        tracking: state after the image; None without tracking.
    """
    if tracking is not None and tracking.state is TrackingState.LOCALIZED:
        # Tracking has no pose at the time of an image that it skipped, and the image alone is less reliable.
        return UNKNOWN if tracking.localization is None else KnownPose(tracking.best, PoseSource.TRACKING)
    best = localization.best
    if localization.status is not Status.SUCCESS or best is None:
        return UNKNOWN
    if tracking is not None and tracking.best is not None and contradict(best, tracking.best):
        return UNKNOWN
    return KnownPose(best, PoseSource.IMAGE)


def shown_hypothesis(localization: Localization, tracking: TrackingResult | None) -> Hypothesis | None:
    """Return the known pose, or else the most probable hypothesis, which a picture may show; None without any."""
    tracked = tracking.best if tracking is not None else None
    return known_pose(localization, tracking).hypothesis or tracked or localization.best
