"""What the localizer publishes."""

from functools import partial

from geometry_msgs.msg import PoseArray, PoseWithCovarianceStamped
from rclpy.lifecycle import LifecycleNode
from visualization_msgs.msg import MarkerArray

from liploc_ros.localization import Localization, Status
from liploc_ros.mapping import LidarMap
from liploc_ros.msg import MapInfo, PoseHypothesisArray
from liploc_ros.nodes.conversions import (
    best_to_message,
    header_at,
    hypotheses_to_message,
    map_to_message,
    poses_to_message,
)
from liploc_ros.nodes.markers import hypothesis_markers, map_markers
from liploc_ros.nodes.quality import LATCHED, QUIET_PUBLISHER


class LocalizerOutputs:
    """The publishers of the localizer. They are silent while the node is not active."""

    def __init__(self, node: LifecycleNode, *, with_initialpose: bool) -> None:
        """Create them."""
        self._node = node
        create = partial(node.create_lifecycle_publisher, event_callbacks=QUIET_PUBLISHER)
        self._hypotheses = create(PoseHypothesisArray, "~/hypotheses", 10)
        self._pose = create(PoseWithCovarianceStamped, "~/pose", 10)
        self._poses = create(PoseArray, "~/poses", 10)
        self._markers = create(MarkerArray, "~/markers", 10)
        self._map_info = create(MapInfo, "~/map_info", LATCHED)
        self._map_markers = create(MarkerArray, "~/map_markers", LATCHED)
        self._initialpose = create(PoseWithCovarianceStamped, "initialpose", 10) if with_initialpose else None

    def publish(self, result: Localization, lidar_map: LidarMap) -> None:
        """Publish what came of an image; a pose only if it was accepted."""
        manifest = lidar_map.manifest
        header = header_at(result.stamp_ns, manifest.map_frame)
        if result.status is Status.SUCCESS and result.best is not None:
            pose = best_to_message(result.best, header)
            self._pose.publish(pose)
            if self._initialpose is not None:
                self._initialpose.publish(pose)
        self._hypotheses.publish(hypotheses_to_message(result, manifest.map_frame, manifest.base_frame))
        self._poses.publish(poses_to_message(result, header))
        if self._markers.get_subscription_count():
            self._markers.publish(hypothesis_markers(result, header))

    def publish_failure(self, stamp_ns: int, reason: str, lidar_map: LidarMap) -> None:
        """Publish why nothing came of an image."""
        manifest = lidar_map.manifest
        result = Localization(Status.INTERNAL_ERROR, reason, (), stamp_ns, 0.0)
        self._hypotheses.publish(hypotheses_to_message(result, manifest.map_frame, manifest.base_frame))

    def publish_map(self, lidar_map: LidarMap) -> None:
        """Publish, for late subscribers too, which map is in use and what it looks like."""
        self._map_info.publish(map_to_message(lidar_map, self._node.get_clock().now().nanoseconds))
        self._map_markers.publish(map_markers(lidar_map))

    def close(self) -> None:
        """Free the publishers."""
        for publisher in vars(self).values():
            if publisher is not None and publisher is not self._node:
                self._node.destroy_lifecycle_publisher(publisher)
