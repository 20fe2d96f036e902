# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The 3D part of the page: map, hypotheses of the image, belief, known pose and the path of known poses."""

from collections.abc import Sequence

import numpy as np
import viser
from numpy.typing import NDArray

from liploc_ros.geometry import yaw_of
from liploc_ros.localization import Hypothesis, Localization, TrackingResult
from liploc_ros.localization.hypotheses import position_ellipse
from liploc_ros.mapping import LidarMap
from liploc_ros.view.map_layer import MapLayer
from liploc_ros.view.meshes import arrow, disc
from liploc_ros.views import colour_probability

Colour = tuple[int, int, int]

BELIEF_COLOUR, POSE_COLOUR = (60, 120, 255), (255, 255, 255)
ELLIPSE_COLOUR, TRACK_COLOUR = (255, 80, 30), (255, 214, 10)
BELIEF_LENGTH, IMAGE_LENGTH, POSE_LENGTH = 4.5, 3.5, 5.5  # m, of arrows
BELIEF_HEIGHT, IMAGE_HEIGHT, POSE_HEIGHT, TRACK_HEIGHT = 0.6, 1.0, 1.6, 0.4  # m above the base of the vehicle
SIGMAS = 2.0  # of ellipses
ABOVE = 0.6  # m of an ellipse above its arrow, which would hide a small one
LABEL_DISTANCE = 2.0  # m
MIN_HALF_AXIS = 0.05  # m
TRACK_STEP, MAX_TRACK = 0.5, 4000  # m between positions of the path, and how many are kept
TRACK_GAP = 25.0  # m; known poses farther apart are not joined by a line
LABELLED = 0.05  # probability from which a hypothesis has a label


class PoseMarker:
    """An arrow, a 2 sigma ellipse and a label, which are moved instead of made again."""

    def __init__(self, scene: viser.SceneApi, layer: MapLayer, name: str, length: float, height: float) -> None:
        """Make the shapes, hidden.

        Args:
            scene: of the page.
            layer: the map.
            name: of the node in the scene.
            length: of the arrow [m].
            height: above the base of the vehicle [m].
        """
        self._layer, self._length, self._height = layer, length, height
        self._arrow = scene.add_mesh_simple(
            f"{name}/arrow", *arrow(), flat_shading=True, cast_shadow=False, visible=False
        )
        self._ellipse = scene.add_mesh_simple(
            f"{name}/ellipse", *disc(), side="double", opacity=0.3, cast_shadow=False, visible=False
        )
        self._label = scene.add_label(f"{name}/label", "", visible=False, anchor="center-center")

    def show(
        self, hypothesis: Hypothesis, colour: Colour, ellipse: Colour | None, opacity: float = 1.0, label: str = ""
    ) -> None:
        """Move the shapes to a hypothesis; there is no ellipse without its colour."""
        position = self._layer.local(hypothesis.T_map_base[:3, 3]) + np.array([0, 0, self._height], np.float32)
        self._arrow.position, self._arrow.wxyz = position, wxyz_of(yaw_of(hypothesis.T_map_base))
        self._arrow.scale = self._length
        self._arrow.color, self._arrow.opacity = colour, opacity if opacity < 1 else None
        self._arrow.visible = True
        self._ellipse.visible = ellipse is not None
        if ellipse is not None:
            longer, shorter, yaw = position_ellipse(hypothesis)
            half_axes = [max(SIGMAS * sigma, MIN_HALF_AXIS) for sigma in (longer, shorter)]
            self._ellipse.scale = (half_axes[0], half_axes[1], 1.0)
            self._ellipse.position, self._ellipse.wxyz = position + np.array([0, 0, ABOVE], np.float32), wxyz_of(yaw)
            self._ellipse.color, self._ellipse.opacity = ellipse, opacity if opacity == 1 else opacity / 2
        self._label.visible = bool(label)
        if label:
            to_the_right = -LABEL_DISTANCE * hypothesis.T_map_base[:3, 1]
            self._label.text, self._label.position = label, position + to_the_right.astype(np.float32)

    def hide(self) -> None:
        """Hide the shapes."""
        self._arrow.visible = self._ellipse.visible = self._label.visible = False


class Scene:
    """The 3D scene of the page. Its frame is parallel to the map frame, with the origin near the map."""

    def __init__(self, scene: viser.SceneApi) -> None:
        """Start empty."""
        self._scene = scene
        self.layer = MapLayer(scene)
        self._image: list[PoseMarker] = []
        self._belief: list[PoseMarker] = []
        self._pose = PoseMarker(scene, self.layer, "/pose", POSE_LENGTH, POSE_HEIGHT)
        self._track: list[NDArray[np.float64]] = []
        self._track_node: viser.SceneNodeHandle | None = None

    def show_map(self, lidar_map: LidarMap, *, keep_origin: bool) -> None:
        """Draw a map, or another part of it with the same origin."""
        self.layer.show(lidar_map, keep_origin=keep_origin)

    def show_image_result(self, localization: Localization) -> None:
        """Show the hypotheses of an image alone, coloured by probability."""
        markers = self._pool(self._image, "/image", len(localization.hypotheses), IMAGE_LENGTH, IMAGE_HEIGHT)
        for marker, hypothesis in zip(markers, localization.hypotheses, strict=True):
            p = hypothesis.probability
            marker.show(hypothesis, colour_probability(p), None, 0.9, f"{p:.0%}" if p >= LABELLED else "")

    def show_belief(self, tracking: TrackingResult) -> None:
        """Show the tracked hypotheses in blue, with opacity by probability."""
        markers = self._pool(self._belief, "/belief", len(tracking.hypotheses), BELIEF_LENGTH, BELIEF_HEIGHT)
        for marker, hypothesis in zip(markers, tracking.hypotheses, strict=True):
            marker.show(hypothesis, BELIEF_COLOUR, BELIEF_COLOUR, 0.2 + 0.8 * hypothesis.probability)

    def show_pose(self, hypothesis: Hypothesis | None) -> None:
        """Show the known pose, or hide it, and add it to the path."""
        if hypothesis is None:
            self._pose.hide()
            return
        self._pose.show(hypothesis, POSE_COLOUR, ELLIPSE_COLOUR)
        position = hypothesis.T_map_base[:3, 3]
        if not self._track or np.linalg.norm(position - self._track[-1]) >= TRACK_STEP:
            self._track = [*self._track[-MAX_TRACK:], position.copy()]
            self._draw_track()

    def clear_results(self) -> None:
        """Hide all results, and forget the path."""
        self._track = []
        if self._track_node is not None:
            self._track_node.remove()
            self._track_node = None
        for marker in [*self._image, *self._belief, self._pose]:
            marker.hide()

    def _draw_track(self) -> None:
        positions = np.array(self._track) + np.array([0, 0, TRACK_HEIGHT])
        segments = np.stack([positions[:-1], positions[1:]], axis=1)
        segments = segments[np.linalg.norm(segments[:, 1] - segments[:, 0], axis=1) < TRACK_GAP]
        if len(segments):
            self._track_node = self._scene.add_line_segments(
                "/track", self.layer.local(segments), TRACK_COLOUR, thickness=0.4
            )

    def _pool(
        self, markers: list[PoseMarker], name: str, count: int, length: float, height: float
    ) -> Sequence[PoseMarker]:
        """Return so many markers; the others are hidden."""
        while len(markers) < count:
            markers.append(PoseMarker(self._scene, self.layer, f"{name}/{len(markers)}", length, height))
        for marker in markers[count:]:
            marker.hide()
        return markers[:count]


def wxyz_of(yaw: float) -> tuple[float, float, float, float]:
    """Return the quaternion w, x, y, z of a heading [rad]."""
    return float(np.cos(yaw / 2)), 0.0, 0.0, float(np.sin(yaw / 2))
