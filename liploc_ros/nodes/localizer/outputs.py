"""What the localizer publishes."""

from typing import Any

from geometry_msgs.msg import PoseArray, PoseWithCovarianceStamped
from rclpy.lifecycle import LifecycleNode
from visualization_msgs.msg import MarkerArray

from liploc_ros.localization import Localization, Status
from liploc_ros.mapping import LidarMap
from liploc_ros.msg import Belief, MapInfo, PoseHypothesisArray
from liploc_ros.nodes.common.conversions import (
    belief_to_message,
    best_to_message,
    header_at,
    hypotheses_to_message,
    map_to_message,
    poses_to_message,
)
from liploc_ros.nodes.common.qos import LATCHED, QUIET_PUBLISHER
from liploc_ros.nodes.localizer.markers import attempt_markers, map_markers
from liploc_ros.nodes.localizer.outcome import Attempt, Certainty


class LocalizerOutputs:
    """The publishers of the localizer. They are silent while the node is not active."""

    def __init__(self, node: LifecycleNode, *, with_belief: bool, with_initialpose: bool) -> None:
        """Create them."""
        self._node = node
        self._publishers: list[Any] = []
        self._hypotheses = self._create(PoseHypothesisArray, "~/hypotheses")
        self._belief = self._create(Belief, "~/belief") if with_belief else None
        self._pose = self._create(PoseWithCovarianceStamped, "~/pose")
        self._poses = self._create(PoseArray, "~/poses")
        self._markers = self._create(MarkerArray, "~/markers")
        self._map_info = self._create(MapInfo, "~/map_info", LATCHED)
        self._map_markers = self._create(MarkerArray, "~/map_markers", LATCHED)
        self._initialpose = self._create(PoseWithCovarianceStamped, "initialpose") if with_initialpose else None
        self._certainty = Certainty.NO_POSE

    def publish(self, attempt: Attempt) -> None:
        """Publish what came of an image, and the pose if there is one."""
        manifest = attempt.engine.lidar_map.manifest
        result, belief, best = attempt.localization, attempt.belief, attempt.pose
        header = header_at(result.stamp_ns, manifest.map_frame)
        is_news = self._is_news(attempt)
        if best is not None:
            pose = best_to_message(best, header)
            self._pose.publish(pose)
            if self._initialpose is not None and is_news:
                self._initialpose.publish(pose)
        if self._belief is not None and belief is not None:
            self._belief.publish(belief_to_message(belief, manifest.map_frame, manifest.base_frame))
        self._hypotheses.publish(hypotheses_to_message(result, manifest.map_frame, manifest.base_frame))
        self._poses.publish(poses_to_message(result, header))
        if self._markers.get_subscription_count():
            self._markers.publish(attempt_markers(attempt, header))

    def publish_failure(self, stamp_ns: int, reason: str, lidar_map: LidarMap) -> None:
        """Publish why nothing came of an image."""
        manifest = lidar_map.manifest
        result = Localization(Status.INTERNAL_ERROR, reason, (), stamp_ns, 0.0)
        self._hypotheses.publish(hypotheses_to_message(result, manifest.map_frame, manifest.base_frame))

    def publish_map(self, lidar_map: LidarMap) -> None:
        """Publish, for late subscribers too, which map is in use and what it looks like."""
        self._map_info.publish(map_to_message(lidar_map, self._node.get_clock().now().nanoseconds))
        self._map_markers.publish(map_markers(lidar_map))

    def forget(self) -> None:
        """Take the pose for unknown: the next one is news."""
        self._certainty = Certainty.NO_POSE

    def close(self) -> None:
        """Free the publishers."""
        for publisher in self._publishers:
            self._node.destroy_lifecycle_publisher(publisher)

    def _create(self, kind: Any, topic: str, profile: Any = 10) -> Any:
        publisher = self._node.create_lifecycle_publisher(kind, topic, profile, event_callbacks=QUIET_PUBLISHER)
        self._publishers.append(publisher)
        return publisher

    def _is_news(self, attempt: Attempt) -> bool:
        """Say whether a pose is known better than after the image before; without tracking each accepted one is news.

        Who takes an initial pose starts anew with it: one a second would keep AMCL from converging.
        """
        if attempt.tracking is None:
            return True
        if attempt.belief is None:
            return False
        before, self._certainty = self._certainty, attempt.certainty
        return attempt.certainty > before
