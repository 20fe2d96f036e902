# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Publishers of the localizer."""

from collections import deque
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseWithCovarianceStamped
from numpy.typing import NDArray
from rclpy.lifecycle import LifecycleNode

from liploc_ros.geometry import MountedCamera
from liploc_ros.localization import Localization, Status
from liploc_ros.localization.tracking.known_pose import PoseSource
from liploc_ros.mapping import LidarMap
from liploc_ros.msg import Belief, MapInfo, PoseHypothesisArray
from liploc_ros.nodes.common.conversions import (
    belief_to_message,
    header_at,
    hypotheses_to_message,
    hypothesis_to_pose_message,
    map_to_message,
)
from liploc_ros.nodes.common.qos import NO_PUBLISHER_EVENTS, QOS_OVERRIDES, latched_profile
from liploc_ros.nodes.localizer.displays import LocalizerDisplays
from liploc_ros.nodes.localizer.outcome import ImageOutcome

MAX_OWN_INITIAL_POSES = 20
"""Published initial poses that are remembered. They arrive here too, and must not become priors."""


class LocalizerOutputs:
    """Lifecycle publishers: they publish only while the node is active."""

    def __init__(self, node: LifecycleNode, *, with_belief: bool, with_initialpose: bool) -> None:
        """Create the publishers."""
        self._node = node
        self._publishers: list[Any] = []
        self._hypotheses = self._create(PoseHypothesisArray, "~/hypotheses")
        self._belief = self._create(Belief, "~/belief") if with_belief else None
        self._pose = self._create(PoseWithCovarianceStamped, "~/pose")
        self._map_info = self._create(MapInfo, "~/map_info", latched_profile())
        self._displays = LocalizerDisplays(node, self._create)
        self._initialpose = self._create(PoseWithCovarianceStamped, "initialpose") if with_initialpose else None
        self._own_initial_poses: deque[PoseWithCovarianceStamped] = deque(maxlen=MAX_OWN_INITIAL_POSES)
        self._last_source = PoseSource.NONE

    def is_own_initial_pose(self, msg: PoseWithCovarianceStamped) -> bool:
        """Return whether a message on initialpose was published here."""
        return msg in list(self._own_initial_poses)

    def publish(self, outcome: ImageOutcome) -> None:
        """Publish the outcome of an image."""
        lidar_map = outcome.engine.lidar_map
        localization, belief, best = outcome.localization, outcome.belief, outcome.pose
        header = header_at(localization.stamp_ns, lidar_map.manifest.map_frame)
        is_initial = self._is_initial_pose(outcome)
        if best is not None:
            pose = hypothesis_to_pose_message(best, header)
            self._pose.publish(pose)
            if self._initialpose is not None and is_initial:
                self._own_initial_poses.append(pose)
                self._initialpose.publish(pose)
        # Messages are built only for topics that somebody receives: a vehicle has no RViz.
        if self._belief is not None and belief is not None and self._belief.get_subscription_count():
            self._belief.publish(belief_to_message(belief, lidar_map, outcome.camera))
        if self._hypotheses.get_subscription_count():
            self._hypotheses.publish(hypotheses_to_message(localization, lidar_map, outcome.camera))
        self._displays.publish(outcome, header)

    def publish_matched_view(self, outcome: ImageOutcome, image: NDArray[np.uint8], camera: MountedCamera) -> None:
        """Publish an image next to what the map shows from its pose, if somebody receives that."""
        self._displays.publish_matched_view(outcome, image, camera)

    def publish_failure(self, stamp_ns: int, reason: str, lidar_map: LidarMap, camera: str) -> None:
        """Publish an image that could not be used: no hypotheses, and the reason."""
        failure = Localization(Status.INTERNAL_ERROR, reason, (), stamp_ns, 0.0)
        self._hypotheses.publish(hypotheses_to_message(failure, lidar_map, camera))

    def publish_map(self, lidar_map: LidarMap) -> None:
        """Publish the description and the markers of the map, also for late subscribers."""
        self._map_info.publish(map_to_message(lidar_map, self._node.get_clock().now().nanoseconds))
        self._displays.publish_map(lidar_map)

    def reset(self) -> None:
        """Treat the pose as unknown: the next one is an initial pose."""
        self._last_source = PoseSource.NONE
        self._displays.reset()

    def close(self) -> None:
        """Destroy the publishers."""
        for publisher in self._publishers:
            self._node.destroy_lifecycle_publisher(publisher)

    def _create(self, message_type: Any, topic: str, profile: Any = 10) -> Any:
        publisher = self._node.create_lifecycle_publisher(
            message_type,
            topic,
            profile,
            event_callbacks=NO_PUBLISHER_EVENTS,
            qos_overriding_options=QOS_OVERRIDES,
        )
        self._publishers.append(publisher)
        return publisher

    def _is_initial_pose(self, outcome: ImageOutcome) -> bool:
        """Return whether the pose is known better than after the previous image, or is not tracked at all.

        A particle filter restarts with each initial pose: one per image would keep AMCL from converging.
        """
        if outcome.tracking is None:
            return True
        if outcome.belief is None:
            return False
        last, self._last_source = self._last_source, outcome.pose_source
        return outcome.pose_source > last
