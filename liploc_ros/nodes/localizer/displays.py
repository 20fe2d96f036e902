# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""What the localizer publishes for people: markers, the path, and the matched view. Nothing else needs it."""

import math
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseArray, PoseStamped
from nav_msgs.msg import Path
from numpy.typing import NDArray
from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from visualization_msgs.msg import MarkerArray

from liploc_ros.errors import LiplocError
from liploc_ros.geometry import MountedCamera
from liploc_ros.mapping import LidarMap
from liploc_ros.mapping.inspection.map_view import MatchedViewer
from liploc_ros.nodes.common.conversions import header_at, image_to_message, pose_to_message, poses_to_message
from liploc_ros.nodes.common.qos import latched_profile
from liploc_ros.nodes.localizer.markers import map_markers, outcome_markers
from liploc_ros.nodes.localizer.outcome import ImageOutcome

MARKER_PERIOD = 0.05
"""Least seconds between two messages of markers: more than 20 per second cannot be seen, and cost RViz its speed."""
VIEW_PERIOD = 0.2
"""Least seconds between two matched views: drawing one takes 6 ms."""
PATH_PERIOD = 0.5
"""Least seconds between two messages of the path, which repeats all its poses."""
PATH_STEP, MAX_PATH = 0.5, 2000
"""Metres between two poses of the path, and how many poses are kept: the last kilometre."""


class LocalizerDisplays:
    """Publishers for displays. A message is made only for topics that somebody receives: a vehicle has no RViz."""

    def __init__(self, node: LifecycleNode, create: Callable[..., Any]) -> None:
        """Create the publishers with ``create``, which gets type, topic and profile."""
        self._node = node
        self._poses = create(PoseArray, "~/poses")
        self._markers = create(MarkerArray, "~/markers")
        self._map_markers = create(MarkerArray, "~/map_markers", latched_profile())
        self._path = create(Path, "~/path")
        self._matched_view = create(Image, "~/matched_view")
        self._known: deque[PoseStamped] = deque(maxlen=MAX_PATH)
        self._last_position = np.full(3, np.inf)
        self._published_at: dict[Any, float] = {}
        self._viewer: MatchedViewer | None = None

    def publish(self, outcome: ImageOutcome, header: Header) -> None:
        """Publish the outcome of an image."""
        if self._poses.get_subscription_count():
            self._poses.publish(poses_to_message(outcome.localization, header))
        if self._is_due(self._markers, MARKER_PERIOD):
            self._markers.publish(outcome_markers(outcome, header))
        if outcome.pose is not None:
            self._extend_path(outcome.pose.T_map_base, header)

    def publish_matched_view(self, outcome: ImageOutcome, image: NDArray[np.uint8], camera: MountedCamera) -> None:
        """Publish the camera view above the map's LiDAR view from the known, or else the most probable pose."""
        if not self._is_due(self._matched_view, VIEW_PERIOD):
            return
        lidar_map = outcome.engine.lidar_map
        if self._viewer is None or self._viewer.lidar_map is not lidar_map:
            self._viewer = MatchedViewer(lidar_map)
        best = outcome.shown
        try:
            view = self._viewer.draw(image, camera, best.T_map_base if best is not None else None)
        except LiplocError as error:  # the image was localized all the same
            self._node.get_logger().warning(f"~/matched_view: {error}", throttle_duration_sec=10.0)
            return
        header = header_at(outcome.localization.stamp_ns, camera.frame_id)
        self._matched_view.publish(image_to_message(view, header))

    def publish_map(self, lidar_map: LidarMap) -> None:
        """Publish the markers of a map, also for late subscribers. The path on another map is forgotten."""
        self._map_markers.publish(map_markers(lidar_map))
        self.reset()

    def reset(self) -> None:
        """Forget the path."""
        self._known.clear()
        self._last_position[:] = np.inf

    def _extend_path(self, T_map_base: NDArray[np.float64], header: Header) -> None:
        position = T_map_base[:3, 3]
        if not np.linalg.norm(position - self._last_position) < PATH_STEP:
            self._last_position = position.copy()
            self._known.append(PoseStamped(header=header, pose=pose_to_message(T_map_base)))
        if self._is_due(self._path, PATH_PERIOD):
            self._path.publish(Path(header=header, poses=list(self._known)))

    def _is_due(self, publisher: Any, period: float) -> bool:
        """Return whether somebody receives a topic, and its last message is older than the period."""
        now = time.monotonic()
        if not publisher.get_subscription_count() or now - self._published_at.get(publisher, -math.inf) < period:
            return False
        self._published_at[publisher] = now
        return True
