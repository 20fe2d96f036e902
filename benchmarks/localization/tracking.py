# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Tracking: from every start of a drive, with and without odometry, and after a kidnapping."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.localization.scenes import DriveScene, Query, errors
from benchmarks.localization.single_images import MAX_HEADING_ERROR, coverage, share
from liploc_ros.geometry import inverse
from liploc_ros.geometry.se2 import se2_of
from liploc_ros.localization import Localizer, TrackingState

WARM_UP = 15.0  # m
MAX_POSITION_ERROR = 2.0  # m
LANE_ERROR, OTHER_LANE = 0.5, 1.0  # m across the path


@dataclass(frozen=True)
class TrackedImage:
    """The belief after an image.

    Attributes:
        distance: driven since the start [m].
        position_error: of the best hypothesis [m].
        heading_error: of the best hypothesis [rad].
        state: of tracking.
        covariance: of the best hypothesis, if there is one.
        found: (3,) pose of the best hypothesis.
        truth: (3,).
    """

    distance: float
    position_error: float
    heading_error: float
    state: TrackingState
    covariance: NDArray[np.float64] | None
    found: NDArray[np.float64]
    truth: NDArray[np.float64]

    @property
    def is_correct(self) -> bool:
        """Whether the best hypothesis is within 2 m."""
        return self.position_error < MAX_POSITION_ERROR

    @property
    def lateral_error(self) -> float:
        """Distance of the best hypothesis to the left of the true line [m]; infinite without one."""
        x, y, yaw = *(self.found[:2] - self.truth[:2]), self.truth[2]
        return float(np.cos(yaw) * y - np.sin(yaw) * x) if np.isfinite(x) else np.inf

    @property
    def is_localized(self) -> bool:
        """Whether the state is LOCALIZED."""
        return self.state is TrackingState.LOCALIZED


def follow(
    localizer: Localizer, scene: DriveScene, queries: tuple[Query, ...], with_odometry: bool
) -> list[TrackedImage]:
    """Track images one after another, continuing from the present state of the tracker."""
    images = []
    for query in queries:
        odometry = query.T_odom_base if with_odometry else None
        result = localizer.track(query.image, scene.mounted, query.stamp_ns, odometry)
        best = result.best
        found = np.array([np.inf, np.inf, 0.0]) if best is None else se2_of(best.T_map_base)
        position_error, heading_error = errors(found, query.truth)
        images.append(
            TrackedImage(
                query.distance - queries[0].distance,
                float(position_error),
                float(heading_error),
                result.state,
                None if best is None else best.covariance,
                found,
                query.truth,
            )
        )
    return images


def from_every_start(localizer: Localizer, scene: DriveScene, with_odometry: bool) -> dict[str, object]:
    """Return how tracking does 15 m after each start; a start with less than 15 m ahead is left out."""
    queries = scene.queries
    images: list[TrackedImage] = []
    first: list[TrackedImage] = []
    localized_after: list[float] = []
    for start in range(len(queries)):
        ahead = queries[start:]
        if ahead[-1].distance - ahead[0].distance < WARM_UP:
            break
        localizer.tracker.reset()
        followed = follow(localizer, scene, ahead, with_odometry)
        later = [image for image in followed if image.distance >= WARM_UP]
        images += later
        first.append(later[0])
        localized_after.append(next((image.distance for image in followed if image.is_localized), np.inf))
    localized = [image for image in images if image.is_localized]
    correct = [image for image in images if image.is_correct and image.heading_error < MAX_HEADING_ERROR]
    covered = [image for image in localized if image.covariance is not None]
    return {
        "starts": len(first),
        "frames after 15 m": len(images),
        "within 2 m after 15 m [%]": share(np.array([i.is_correct for i in images]), len(images)),
        "within 2 m at 15 m [%]": share(np.array([i.is_correct for i in first]), len(first)),
        "lateral within 0.5 m [%]": share(np.array([abs(i.lateral_error) < LANE_ERROR for i in images]), len(images)),
        "median position error [m]": round(float(np.median([i.position_error for i in correct])), 3),
        "median heading error [deg]": round(float(np.rad2deg(np.median([i.heading_error for i in correct]))), 3),
        "localized [%]": share(np.array([i.is_localized for i in images]), len(images)),
        "lost [%]": share(np.array([i.state is TrackingState.LOST for i in images]), len(images)),
        "localized and wrong": sum(not i.is_correct for i in localized),
        "localized and more than 1 m beside": sum(abs(i.lateral_error) > OTHER_LANE for i in localized),
        "localized after, median [m]": round(float(np.median(localized_after)), 1),
        "coverage": coverage(
            [i.covariance for i in covered if i.covariance is not None],
            np.array([i.found for i in covered]).reshape(-1, 3),
            np.array([i.truth for i in covered]).reshape(-1, 3),
        ),
    }


@dataclass(frozen=True)
class Kidnapping:
    """The outcome of a kidnapping, in metres driven since then; infinite if it does not happen.

    Attributes:
        was_localized: whether the vehicle was LOCALIZED before; otherwise there is nothing to notice.
        noticed: until the vehicle is no longer LOCALIZED at the old place.
        solved: until the best hypothesis is correct for the rest of the drive.
    """

    was_localized: bool
    noticed: float
    solved: float


def kidnap(localizer: Localizer, before: DriveScene, after: DriveScene, warm_up: float, every: int) -> list[Kidnapping]:
    """Move the vehicle from the end of one drive to every start of another.

    Odometry does not measure the move: it continues as if the vehicle had stood still.

    Args:
        localizer: whose map contains both drives.
        before: the first drive; its last ``warm_up`` metres are tracked.
        after: the second drive.
        warm_up: distance [m].
        every: step between starts.
    """
    end = before.queries[-1].distance
    driven = tuple(q for q in before.queries if q.distance >= end - warm_up)
    localizer.tracker.reset()
    was_localized = follow(localizer, before, driven, with_odometry=True)[-1].is_localized
    snapshot = localizer.tracker.snapshot()
    results = []
    for start in range(0, len(after.queries), every):
        ahead = [q for q in after.queries[start:] if q.distance - after.queries[start].distance <= 2 * WARM_UP]
        if ahead[-1].distance - ahead[0].distance < WARM_UP:
            break
        localizer.tracker.restore(snapshot)
        images = follow(localizer, after, _continued(driven[-1], ahead), with_odometry=True)
        results.append(_kidnapping(images, was_localized))
    return results


def _continued(last: Query, ahead: list[Query]) -> tuple[Query, ...]:
    """Return queries whose stamps and odometry continue from the last image of another drive."""
    T_odom_odom = last.T_odom_base @ inverse(ahead[0].T_odom_base)
    later = last.stamp_ns + 100_000_000 - ahead[0].stamp_ns
    return tuple(Query(q.image, q.stamp_ns + later, q.truth, T_odom_odom @ q.T_odom_base, q.distance) for q in ahead)


def _kidnapping(images: list[TrackedImage], was_localized: bool) -> Kidnapping:
    wrong = [image.distance for image in images if image.is_localized and not image.is_correct]
    noticed = next((i.distance for i in images if not wrong or i.distance > wrong[-1]), np.inf)
    incorrect = [row for row, image in enumerate(images) if not image.is_correct]
    if not incorrect:
        return Kidnapping(was_localized, noticed, 0.0)
    solved = images[incorrect[-1] + 1].distance if incorrect[-1] + 1 < len(images) else np.inf
    return Kidnapping(was_localized, noticed, solved)
