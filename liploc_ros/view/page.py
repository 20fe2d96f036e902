# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The page: it shows updates in scene and panel."""

import threading
from collections.abc import Sequence

import numpy as np
import viser

from liploc_ros.localization import Hypothesis, Localization, TrackingResult, TrackingState
from liploc_ros.mapping import LidarMap
from liploc_ros.view.panel import Panel
from liploc_ros.view.playback import Playback
from liploc_ros.view.scene import Scene
from liploc_ros.view.updates import (
    BeliefResult,
    CameraImage,
    HealthReport,
    ImageResult,
    MapInUse,
    MatchedImage,
    PoseResult,
    Restarted,
    Silence,
    Update,
)

MAX_POSE_AGE = 1.0  # s between the newest image and a pose above which the pose is hidden
MAX_JUMP = 1.0  # s back in time: a bag starts again
FIELD_OF_VIEW = 0.9  # rad, vertical
FOLLOW_HEIGHT = 45.0  # m
MARGIN = 1.35  # around the whole map
TILT = 0.45  # horizontal distance of the camera per height
NANOSECONDS = 1e9


class ViewPage:
    """Shows the updates of one source. May be called from any thread."""

    def __init__(
        self, server: viser.ViserServer, lidar_map: LidarMap, source: str, playback: Playback | None = None
    ) -> None:
        """Show a map.

        Args:
            server: that serves the page.
            lidar_map: the map, or the part of it that is in memory.
            source: where results come from, in words; empty if there are none.
            playback: controls of a recording.
        """
        self._server, self._lock = server, threading.Lock()
        self._scene = Scene(server.scene)
        self._panel = Panel(server.gui, source, playback)
        self._localization: Localization | None = None
        self._tracking: TrackingResult | None = None
        self._pose: Hypothesis | None = None
        self._pose_ns = 0
        self._map: LidarMap | None = None
        self._is_following = self._panel.add_view_controls(
            self._scene.layer.set_visible, self.show_whole_map, has_results=bool(source)
        )
        self._show_map(lidar_map)
        server.initial_camera.fov = FIELD_OF_VIEW
        server.initial_camera.position, server.initial_camera.look_at = self._whole_map_camera(1.6)

        @server.on_client_connect
        def _(client: viser.ClientHandle) -> None:
            self._look(client, *self._whole_map_camera(client.camera.aspect))

    def show(self, updates: Sequence[Update]) -> None:
        """Show updates, all at once."""
        with self._lock, self._server.atomic():
            for update in updates:
                self._take(update)
            if any(isinstance(update, (ImageResult, BeliefResult, PoseResult)) for update in updates):
                self._show_results(is_new_image=any(isinstance(update, ImageResult) for update in updates))

    def show_whole_map(self) -> None:
        """Move the view of all browsers above the whole map."""
        for client in self._server.get_clients().values():
            self._look(client, *self._whole_map_camera(client.camera.aspect))

    def _take(self, update: Update) -> None:
        if isinstance(update, ImageResult):
            last, self._localization = self._localization, update.localization
            if last is not None and last.stamp_ns - update.localization.stamp_ns > MAX_JUMP * NANOSECONDS:
                self._scene.clear_results()
                self._panel.clear_results()
        elif isinstance(update, BeliefResult):
            self._tracking = update.tracking
        elif isinstance(update, PoseResult):
            self._pose, self._pose_ns = update.hypothesis, update.stamp_ns
        else:
            self._take_other(update)

    def _take_other(self, update: Update) -> None:
        if isinstance(update, CameraImage):
            height, width = update.pixels.shape[:2]
            self._panel.show_image(update.pixels, f"{update.frame_id}, {width} x {height}")
        elif isinstance(update, MatchedImage):
            self._panel.show_matched(update.pixels)
        elif isinstance(update, HealthReport):
            self._panel.show_health(update.lines)
        elif isinstance(update, MapInUse):
            self._show_map(update.lidar_map)
        elif isinstance(update, Silence):
            self._scene.show_pose(None)
            self._panel.show_state("NO RESULTS", update.message, None)
        elif isinstance(update, Restarted):
            self._clear()

    def _clear(self) -> None:
        self._localization = self._tracking = self._pose = None
        self._scene.clear_results()
        self._panel.clear_results()

    def _show_map(self, lidar_map: LidarMap) -> None:
        if lidar_map is self._map:
            return
        is_other_map = self._map is None or self._map.manifest is not lidar_map.manifest
        self._map = lidar_map
        self._scene.show_map(lidar_map, keep_origin=not is_other_map)

    def _show_results(self, *, is_new_image: bool) -> None:
        localization, tracking = self._localization, self._tracking
        if localization is not None and abs(localization.stamp_ns - self._pose_ns) > MAX_POSE_AGE * NANOSECONDS:
            self._pose = None
        if is_new_image and localization is not None:
            self._scene.show_image_result(localization)
            self._panel.add_sample(localization, tracking)
        if tracking is not None:
            self._scene.show_belief(tracking)
        self._scene.show_pose(self._pose)
        self._panel.show_results(localization, tracking)
        if tracking is not None:
            is_tracked = tracking.state is TrackingState.LOCALIZED
            source = "tracking" if is_tracked else "this image alone, which was accepted"
            self._panel.show_state(tracking.state.name, tracking.message, self._pose, source)
        elif localization is not None:
            self._panel.show_state(localization.status.name, localization.message, self._pose)
        if self._is_following() and self._pose is not None:
            self._follow(self._pose)

    def _follow(self, pose: Hypothesis) -> None:
        position = self._scene.layer.local(pose.T_map_base[:3, 3])
        behind = -TILT * FOLLOW_HEIGHT * pose.T_map_base[:2, 0]
        for client in self._server.get_clients().values():
            self._look(client, position + np.array([*behind, FOLLOW_HEIGHT]), position)

    def _look(self, client: viser.ClientHandle, position: np.ndarray, target: np.ndarray) -> None:
        with client.atomic():
            client.camera.fov = FIELD_OF_VIEW
            client.camera.position, client.camera.look_at = position, target

    def _whole_map_camera(self, aspect: float) -> tuple[np.ndarray, np.ndarray]:
        """Return position and target of a view from above in which the longer side of the map is horizontal."""
        if self._map is None:
            return np.array([0.0, -50.0, 100.0]), np.zeros(3)
        places = self._scene.layer.local(self._map.T_map_base[:, :3, 3]).astype(np.float64)
        centred = places[:, :2] - places[:, :2].mean(axis=0)
        axes = np.linalg.svd(centred - centred.mean(axis=0), full_matrices=False)[2] if len(places) > 2 else np.eye(2)
        right = axes[0] if axes[0, 0] >= 0 else -axes[0]
        ahead = np.array([-right[1], right[0]])
        across, along = places[:, :2] @ right, places[:, :2] @ ahead
        middle = right * (across.min() + across.max()) / 2 + ahead * (along.min() + along.max()) / 2
        half = np.tan(FIELD_OF_VIEW / 2)
        needed = max(np.ptp(across) / (2 * half * aspect), np.ptp(along) / (2 * half), 20.0)
        height = MARGIN * needed
        target = np.array([*middle, float(np.median(places[:, 2]))])
        return target + np.array([*(-TILT * height * ahead), height]), target
