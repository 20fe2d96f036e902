"""The map builder node: scans and odometry in, a map on disk out. Its interface is in docs/nodes.md."""

import threading
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nav_msgs.msg import Odometry
from nav_msgs.msg import Path as PathMsg
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from sensor_msgs.msg import PointCloud2

from liploc_ros.datasets.point_cloud import points_from_cloud2
from liploc_ros.encoders import ModelBundle
from liploc_ros.errors import LiplocError
from liploc_ros.files import check_replaceable
from liploc_ros.mapping import LidarMap, MapError, build_map_from_keyframes
from liploc_ros.mapping.manifest import MANIFEST, Source
from liploc_ros.msg import MapProgress
from liploc_ros.nodes.common.conversions import header_at, path_to_message, pose_of, stamp_ns_of
from liploc_ros.nodes.common.diagnostics import STEADY_CLOCK, Diagnostics, Health
from liploc_ros.nodes.common.logging import ThrottledLog
from liploc_ros.nodes.common.mounts import Mounts
from liploc_ros.nodes.common.optional_messages import tf_message_type
from liploc_ros.nodes.common.parameters import check_topic, declare, guard
from liploc_ros.nodes.common.process import run_node
from liploc_ros.nodes.common.qos import LATCHED, LATCHED_INPUT, sensor_profile
from liploc_ros.nodes.map_builder.health import BuilderFaults, InputWatch, building_health
from liploc_ros.nodes.map_builder.parameters import MapBuilderParameters
from liploc_ros.nodes.map_builder.scan_collector import ScanCollector
from liploc_ros.srv import SaveMap

PATIENCE_AT_END, QUIET_AT_END = 2.0, 0.3  # s
ODOMETRY_QUEUE = 1000  # small messages, of which none may be missed while a scan is read


class MapBuilderNode(Node):
    """Collects keyframes while the vehicle drives; builds and writes the map on request and at shutdown."""

    def __init__(self, **arguments: Any) -> None:
        """Subscribe; ``arguments`` are those of rclpy's Node.

        Raises:
            LiplocError: a parameter or the model cannot be used.
        """
        super().__init__("map_builder", **arguments)
        self.settings = declare(self, MapBuilderParameters)
        guard(self, MapBuilderParameters, lambda: "the map builder's parameters are fixed at its start: start it anew")
        if self.settings.map_path:
            check_replaceable(Path(self.settings.map_path), MANIFEST)
        self._bundle = ModelBundle.load(Path(self.settings.model) if self.settings.model else None)
        log = ThrottledLog(self.get_logger())
        self._mounts = Mounts(self.settings.sensor_mounts, log)
        self._faults = BuilderFaults(log)
        self.collector = ScanCollector(self.settings.keyframe_spacing, self.settings.odometry_timeout, self._on_drop)
        self._saving = threading.Lock()
        self._saved_keyframes = self._shown_keyframes = 0
        self._places = 0
        self._message = "waiting for scans"
        self._odometry_frame = self._base_frame = ""
        self._subscribe()
        self._path_publisher = self.create_publisher(PathMsg, "~/path", LATCHED)
        self._progress_publisher = self.create_publisher(MapProgress, "~/progress", 10)
        self._save_service = self.create_service(
            SaveMap, "~/save_map", self._on_save_map, callback_group=MutuallyExclusiveCallbackGroup()
        )
        group = MutuallyExclusiveCallbackGroup()
        self._diagnostics = Diagnostics(self, self._health, group)
        self._timer = self.create_timer(1.0, self._on_timer, callback_group=group, clock=STEADY_CLOCK)

    # Life -------------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Say what is waited for."""
        where = f"map goes to {self.settings.map_path}" if self.settings.map_path else "no map_path is set yet"
        self.get_logger().info(f"waiting for {self._points_topic} and {self._odometry_topic}; {where}")

    def close(self) -> None:
        """Write what is not saved yet.

        Raises:
            MapError: it cannot be written.
        """
        self._let_messages_come_in()
        self.collector.settle()
        unsaved = self.collector.keyframes > self._saved_keyframes
        if unsaved and self.settings.save_at_shutdown:
            self.get_logger().info("saving the map before the end")
            self.save()

    def save(self, path: str = "") -> LidarMap:
        """Build the map from what was collected so far and write it; what was there stays until it is whole.

        Raises:
            LiplocError: nothing to write, nowhere to write it, or it cannot be written.
        """
        path = path or self.settings.map_path
        if not path:
            raise MapError("nowhere to write the map: set the parameter map_path, or give a path to ~/save_map")
        check_replaceable(Path(path), MANIFEST)
        with self._saving:
            self.collector.settle()
            collected = self.collector.collected()
            if not collected.keyframes:
                raise MapError(
                    f"no scan with a pose to build a map from: {self.collector.received} scans received on "
                    f"{self._points_topic}, {self.collector.dropped} dropped; {self._reason_in_words()}"
                )
            lidar_map = build_map_from_keyframes(
                collected.keyframes,
                self._bundle,
                self.settings.config(),
                path=collected.path,
                map_frame=self.settings.map_frame,
                base_frame=self._base_frame,
                datum=self.settings.datum or f"origin of the frame {self._odometry_frame!r} of {self._odometry_topic}",
                sources=(Source(name=self._points_topic, scans=collected.scans),),
                on_place=self._on_places,
            ).save(Path(path))
            self._saved_keyframes = len(collected.keyframes)
        self._places = lidar_map.manifest.places
        self._tell(
            f"wrote {path}: {self._places} places, {lidar_map.size_bytes / 1e6:.1f} MB, from "
            f"{len(collected.keyframes)} of {collected.scans} scans, {self.collector.dropped} dropped"
        )
        self.get_logger().info(self._message)
        return lidar_map

    def _let_messages_come_in(self) -> None:
        """Wait a moment for what was delivered and not looked at yet: a bag ends sooner than the work on it."""
        deadline = time.monotonic() + PATIENCE_AT_END
        watches = (self._points_watch, self._odometry_watch)
        while time.monotonic() < deadline and any(watch.age() < QUIET_AT_END for watch in watches):
            time.sleep(0.05)

    # Inputs -----------------------------------------------------------------------------------------------------------

    def _subscribe(self) -> None:
        settings = self.settings
        check_topic(self, "points_topic", settings.points_topic)
        check_topic(self, "odometry_topic", settings.odometry_topic)
        self._points_topic = self.resolve_topic_name(settings.points_topic)
        self._odometry_topic = self.resolve_topic_name(settings.odometry_topic)
        profile = sensor_profile(settings.reliability, settings.queue)
        odometry_profile = sensor_profile(settings.reliability, ODOMETRY_QUEUE)
        self._points_watch = InputWatch(self, self._points_topic, profile)
        self._odometry_watch = InputWatch(self, self._odometry_topic, odometry_profile)
        group = MutuallyExclusiveCallbackGroup()
        for message, topic, callback, qos in (
            (PointCloud2, self._points_topic, self._on_points, profile),
            (Odometry, self._odometry_topic, self._on_odometry, odometry_profile),
        ):
            self.create_subscription(message, topic, callback, qos, callback_group=group)
        tf_message = tf_message_type()
        if tf_message is not None:
            self.create_subscription(
                tf_message, "/tf_static", self._mounts.add_transforms, LATCHED_INPUT, callback_group=group
            )

    def _on_odometry(self, msg: Any) -> None:
        self._odometry_watch.heard()
        self._odometry_frame = self._odometry_frame or str(msg.header.frame_id).lstrip("/")
        self._base_frame = self._base_frame or str(msg.child_frame_id).lstrip("/") or "base_link"
        try:
            self._kept(self.collector.add_odometry(stamp_ns_of(msg), pose_of(msg.pose.pose)))
        except LiplocError as error:
            self._on_drop(type(error).__name__, str(error))

    def _on_points(self, msg: Any) -> None:
        self._points_watch.heard()
        try:
            points = points_from_cloud2(msg, self._points_topic)
        except LiplocError as error:
            self.collector.received += 1
            self.collector.drop(type(error).__name__, str(error))
            return
        # The base frame is known, and /tf_static has been heard, when there is odometry for the scan.
        frame_id = str(msg.header.frame_id).lstrip("/")
        self._kept(
            self.collector.add_scan(
                stamp_ns_of(msg), lambda: self._mounts.lookup(self._base_frame, frame_id), lambda: points
            )
        )

    def _kept(self, new_keyframes: int) -> None:
        if new_keyframes:
            self._faults.clear()
            self._tell(f"{self.collector.keyframes} keyframes")

    def _on_drop(self, key: str, reason: str) -> None:
        self._faults.add(key, reason if reason.startswith("/") else f"{self._points_topic}: {reason}")

    # Outputs ----------------------------------------------------------------------------------------------------------

    def _on_save_map(self, request: SaveMap.Request, response: SaveMap.Response) -> SaveMap.Response:
        response.path = request.path or self.settings.map_path
        try:
            lidar_map = self.save(request.path)
        except LiplocError as error:
            response.message = str(error)
            self.get_logger().error(response.message)
        except Exception:
            response.message = f"internal error: {traceback.format_exc().strip().splitlines()[-1]}"
            self.get_logger().error(f"~/save_map: internal error\n{traceback.format_exc()}")
        else:
            response.success, response.message = True, self._message
            response.places, response.size_bytes = lidar_map.manifest.places, lidar_map.size_bytes
        return response

    def _on_timer(self) -> None:
        self._kept(self.collector.take_scans())
        self._tell(self._message)
        if self.collector.keyframes > self._shown_keyframes:
            self._publish_path()

    def _publish_path(self) -> None:
        poses = [(k.stamp_ns, k.T_map_base) for k in self.collector.collected().keyframes]
        self._shown_keyframes = len(poses)
        self._path_publisher.publish(path_to_message(poses, header_at(poses[-1][0], self.settings.map_frame)))

    def _on_places(self, done: int, total: int) -> None:
        if done == total or done % max(1, total // 10) == 0:
            self._tell(f"drawing places: {done} of {total}")
            self.get_logger().info(self._message)

    def _tell(self, message: str) -> None:
        """Publish how far the work has come."""
        self._message = message
        self._progress_publisher.publish(
            MapProgress(
                header=header_at(self.get_clock().now().nanoseconds, self.settings.map_frame),
                scans_received=self.collector.received,
                scans_dropped=self.collector.dropped,
                keyframes=self.collector.keyframes,
                places=self._places,
                path_length=self.collector.path_length,
                message=message,
            )
        )

    def _health(self) -> dict[str, Health]:
        health = building_health(self._message, self._points_watch, self._odometry_watch, self._faults)
        health.values |= {
            "scans received": str(self.collector.received),
            "scans dropped": str(self.collector.dropped),
            "keyframes": str(self.collector.keyframes),
            "keyframes saved": str(self._saved_keyframes),
            "map_path": self.settings.map_path,
        }
        return {"map building": health}

    def _reason_in_words(self) -> str:
        faults = self._faults.lines()
        return faults[-1] if faults else f"check that {self._points_topic} and {self._odometry_topic} are published"


def main(args: Sequence[str] | None = None) -> int:
    """Run the node."""
    return run_node(lambda stop: MapBuilderNode(), "map_builder", args)
