# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Results of a recording: its images are localized here, one after another."""

import time
from collections.abc import Sequence

from liploc_ros.datasets.drive import RecordedImage
from liploc_ros.errors import LiplocError
from liploc_ros.localization import Localizer, Status
from liploc_ros.localization.tracking.known_pose import known_pose, shown_hypothesis
from liploc_ros.mapping.inspection.map_view import MatchedViewer, with_points
from liploc_ros.view.playback import Playback
from liploc_ros.view.updates import (
    BeliefResult,
    CameraImage,
    HealthLine,
    HealthReport,
    ImageResult,
    Level,
    MapInUse,
    MatchedImage,
    PoseResult,
    Restarted,
    Update,
    Viewer,
)

NANOSECONDS = 1e9


class RecordingSource:
    """Localizes and tracks the images of a recording at the pace of a playback."""

    def __init__(
        self,
        images: Sequence[RecordedImage],
        localizer: Localizer,
        playback: Playback,
        viewer: Viewer,
        why_no_odometry: str = "",
    ) -> None:
        """Take the images.

        Args:
            images: in chronological order.
            localizer: on the map that is shown.
            playback: says when an image is due.
            viewer: gets the results.
            why_no_odometry: why its poses are not used as odometry; empty: they are.
        """
        self._images, self._localizer, self._playback, self._viewer = images, localizer, playback, viewer
        self._why_no_odometry = why_no_odometry
        self._part = localizer.lidar_map
        self._matched = MatchedViewer(with_points(self._part))
        self._reset_counts()

    def run(self) -> None:
        """Play the recording, and again whenever it is restarted, until the playback is stopped."""
        self._viewer.show([self._health("waiting for the first image")])
        while not self._playback.is_stopped:
            self._play()
            if not self._playback.wait_for_restart():
                return
            self._localizer.tracker.reset()
            self._localizer.forget_tilts()
            self._reset_counts()
            self._viewer.show([Restarted(), self._health("starts again")])

    def _play(self) -> None:
        for number, image in enumerate(self._images, start=1):
            if not self._playback.wait_until_due(image.stamp_ns):
                return
            progress = f"image {number} of {len(self._images)}"
            try:
                updates = self._localize(image)
            except LiplocError as error:
                self._unusable += 1
                self._problem = str(error)
                updates = []
            is_last = number == len(self._images)
            self._viewer.show([*updates, self._health(f"{progress}: the end" if is_last else progress)])

    def _localize(self, image: RecordedImage) -> list[Update]:
        """Localize an image as the node does.

        Raises:
            LiplocError: it cannot be used.
        """
        localizer, camera, pixels = self._localizer, image.camera(), image.read()
        odometry = None if self._why_no_odometry else image.T_map_base
        begin = time.perf_counter()
        tracking = localizer.track(pixels, camera, image.stamp_ns, odometry)
        localization = tracking.localization or localizer.localize(pixels, camera, image.stamp_ns)
        self._latency = 1e3 * (time.perf_counter() - begin)
        self._localized += 1
        self._accepted += localization.status is Status.SUCCESS
        pose = known_pose(localization, tracking).hypothesis
        shown = shown_hypothesis(localization, tracking)
        if self._part is not localizer.lidar_map:  # another part of a long map
            self._part = localizer.lidar_map
            self._matched = MatchedViewer(with_points(self._part))
        matched = self._matched.draw(pixels, camera, shown.T_map_base if shown is not None else None)
        return [
            MapInUse(self._matched.lidar_map),
            CameraImage(pixels, image.frame_id),
            MatchedImage(matched),
            BeliefResult(tracking),
            ImageResult(localization),
            PoseResult(pose, image.stamp_ns),
        ]

    def _health(self, progress: str) -> HealthReport:
        manifest = self._localizer.lidar_map.manifest
        unusable = f"{self._unusable} unusable: {self._problem}" if self._unusable else "all could be used"
        points = "" if self._matched.has_points else "; no points, so there is no LiDAR view"
        problem = self._localizer.map_problem
        lines = (
            HealthLine("recording", progress),
            HealthLine("images", unusable, Level.WARN if self._unusable else Level.OK),
            HealthLine("accepted", f"{self._accepted} of {self._localized} images alone"),
            HealthLine("latency", f"{self._latency:.0f} ms from image to pose" if self._localized else "no image yet"),
            HealthLine("odometry", self._why_no_odometry or "poses of the recording"),
            HealthLine("runtime", self._localizer.runtime),
            HealthLine(
                "map",
                problem or f"{manifest.places} places along {manifest.path_length:.0f} m{points}",
                Level.ERROR if problem else Level.OK,
            ),
        )
        return HealthReport(lines)

    def _reset_counts(self) -> None:
        self._localized = self._accepted = self._unusable = 0
        self._problem, self._latency = "", 0.0
