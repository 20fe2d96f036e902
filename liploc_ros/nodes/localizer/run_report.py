# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""What the localizer says about a run: changes of the state of tracking, and a summary at the end."""

import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from liploc_ros.geometry import Pose
from liploc_ros.localization import Status, TrackingState
from liploc_ros.localization.tracking.known_pose import PoseSource
from liploc_ros.nodes.inputs.silence import MAX_SILENCE
from liploc_ros.nodes.localizer.camera import CameraInput
from liploc_ros.nodes.localizer.outcome import ImageOutcome

MIN_PERIOD = 2.0
"""Minimum time between two lines about the state of tracking [s]."""


class StateLog:
    """Logs changes between LOST, CONVERGING and LOCALIZED, at most one line in two seconds."""

    def __init__(self, logger: Any) -> None:
        """Start in the state LOST."""
        self._logger = logger
        self._logged = TrackingState.LOST
        self._last = TrackingState.LOST
        self._logged_at = -MIN_PERIOD
        self._changes = 0

    @property
    def last(self) -> str:
        """Name of the last state."""
        return str(self._last.name)

    def update(self, state: TrackingState, message: str, now: float) -> None:
        """Log the state if it differs from the logged one; ``now`` is a monotonic time [s]."""
        self._changes += state is not self._last
        self._last = state
        if state is self._logged or now - self._logged_at < MIN_PERIOD:
            return
        often = f" ({self._changes} changes since the last line)" if self._changes > 1 else ""
        self._logger.info(f"tracking: {self._logged.name} -> {state.name}{often}: {message}")
        self._logged, self._logged_at, self._changes = state, now, 0


class RunReport:
    """Counts the images of a run, from activation to deactivation. Thread-safe."""

    def __init__(self, logger: Any) -> None:
        """Start without images."""
        self._logger = logger
        self._lock = threading.Lock()
        self.failure = ""
        """Why the run that ended has no result; empty if it has one, or was too short to have one."""
        self.start()

    def start(self) -> None:
        """Begin a run."""
        with self._lock:
            self._states = StateLog(self._logger)
            self._started_at = time.monotonic()
            self._localized = self._accepted = self._tracked = self._lost = self._unusable = 0
            self._distance = 0.0
            self._last_pose: Pose | None = None
            self._last_message: dict[str, Any] = {}

    def add(self, outcome: ImageOutcome, camera: str, msg: Any) -> None:
        """Add an image of a camera that was localized; its second time, on request, does not count."""
        with self._lock:
            if self._last_message.get(camera) is msg:
                return
            self._last_message[camera] = msg
            self._localized += 1
            self._accepted += outcome.localization.status is Status.SUCCESS
            if outcome.belief is not None:
                self._tracked += 1
                self._lost += outcome.belief.state is TrackingState.LOST
                self._states.update(outcome.belief.state, outcome.belief.message, time.monotonic())
            self._add_distance(outcome)

    def add_unusable(self) -> None:
        """Add an image that could not be used."""
        with self._lock:
            self._unusable += 1

    def finish(self, cameras: Sequence[CameraInput], *, is_expected: bool) -> None:
        """Log the summary of a run.

        Args:
            cameras: at the end.
            is_expected: whether images should have been localized without a request.
        """
        received = sum(camera.received for camera in cameras)
        replaced, lost = sum(camera.replaced for camera in cameras), sum(camera.lost for camera in cameras)
        with self._lock:
            self.failure = ""
            self._last_message.clear()
            is_long = time.monotonic() - self._started_at > MAX_SILENCE
            if not self._localized and (received or (is_expected and is_long)):
                reasons = [reason for camera in cameras if (reason := camera.why_unused())]
                self.failure = f"no image was localized: {reasons[0] if reasons else 'none was processed in time'}"
            if received:
                self._logger.info(self._summary(received, replaced, lost))

    def _summary(self, received: int, replaced: int, lost: int) -> str:
        tracking = f"{self._lost} lost, {self._states.last} at the end, " if self._tracked else ""
        return (
            f"summary: {received} images, {self._accepted} accepted, {self._distance:.0f} m localized, "
            f"{tracking}{replaced + self._unusable} dropped "
            f"({replaced} replaced by newer ones, {self._unusable} unusable), {lost} never arrived"
        )

    def _add_distance(self, outcome: ImageOutcome) -> None:
        """Add the distance between two images in a row for which tracking, or without it the image, gives a pose."""
        if outcome.tracking is not None and outcome.belief is None:
            return  # an image that tracking skipped
        is_certain = outcome.pose_source is PoseSource.TRACKING or (
            outcome.tracking is None and outcome.pose_source is PoseSource.IMAGE
        )
        pose = outcome.pose.T_map_base if is_certain and outcome.pose is not None else None
        if pose is not None and self._last_pose is not None:
            self._distance += float(np.linalg.norm(pose[:2, 3] - self._last_pose[:2, 3]))
        self._last_pose = pose
