# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The map builder node: scans and odometry in, a map on disk out. Its interface is in docs/nodes.md."""

import threading
import time
import traceback
from collections.abc import Sequence
from typing import Any

from nav_msgs.msg import Path as PathMsg
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node

from liploc_ros.encoders import ModelBundle
from liploc_ros.errors import LiplocError
from liploc_ros.files import check_replaceable, expand_path
from liploc_ros.mapping import LidarMap, MapError, build_map_from_keyframes
from liploc_ros.mapping.manifest import MANIFEST, Source
from liploc_ros.msg import MapProgress
from liploc_ros.nodes.common import ros_libraries
from liploc_ros.nodes.common.conversions import header_at, path_to_message
from liploc_ros.nodes.common.diagnostics import STEADY_CLOCK, Diagnostics, Health
from liploc_ros.nodes.common.logging import ThrottledLog
from liploc_ros.nodes.common.mounts import Mounts
from liploc_ros.nodes.common.parameters import declare, guard_changes
from liploc_ros.nodes.common.process import run_node
from liploc_ros.nodes.common.qos import QOS_OVERRIDES, latched_profile
from liploc_ros.nodes.map_builder.health import building_health
from liploc_ros.nodes.map_builder.inputs import BuilderInputs
from liploc_ros.nodes.map_builder.parameters import MapBuilderParameters
from liploc_ros.nodes.map_builder.scan_collector import ScanCollector
from liploc_ros.nodes.map_builder.summary import report_scans, why_empty
from liploc_ros.srv import SaveMap

MAX_DRAIN_TIME = 2.0  # s that shutdown waits for messages
DRAIN_SILENCE = 0.3  # s without messages after which none are expected any more
ODOMETRY_QUEUE = 1000  # small messages, none of which may be lost while a scan is read
PROGRESS_STEPS = 10


class MapBuilderNode(Node):
    """Collects keyframes while the vehicle drives; builds and writes the map on request and at shutdown."""

    def __init__(self, **arguments: Any) -> None:
        """Subscribe; ``arguments`` are those of rclpy's Node.

        Raises:
            LiplocError: a parameter or the model cannot be used.
        """
        super().__init__("map_builder", **arguments)
        self.settings = declare(self, MapBuilderParameters)
        guard_changes(
            self, MapBuilderParameters, lambda *change: "the parameters of the map builder are fixed: restart it"
        )
        if self.settings.map_path:
            check_replaceable(expand_path(self.settings.map_path), MANIFEST)
        self._bundle = ModelBundle.load(expand_path(self.settings.model) if self.settings.model else None)
        log = ThrottledLog(self.get_logger())
        group = MutuallyExclusiveCallbackGroup()
        self._save_lock = threading.Lock()
        self._saved_keyframes = self._shown_keyframes = 0
        self._places = 0
        self._is_closing = False
        self._message = "waiting for scans"
        self._failure = ""
        self.mounts = Mounts(self.settings.sensor_mounts, ros_libraries.transform_source(self, log, group))
        self.inputs = BuilderInputs(self, self.settings, self.mounts, self._on_keyframes, log, group)
        self._path_publisher = self.create_publisher(
            PathMsg, "~/path", latched_profile(), qos_overriding_options=QOS_OVERRIDES
        )
        self._progress_publisher = self.create_publisher(
            MapProgress, "~/progress", 10, qos_overriding_options=QOS_OVERRIDES
        )
        self._save_service = self.create_service(
            SaveMap, "~/save_map", self._on_save_map, callback_group=MutuallyExclusiveCallbackGroup()
        )
        group = MutuallyExclusiveCallbackGroup()
        self._diagnostics = Diagnostics(self, self._health, group)
        self._timer = self.create_timer(1.0, self._on_timer, callback_group=group, clock=STEADY_CLOCK)

    # Start and end ----------------------------------------------------------------------------------------------------

    @property
    def collector(self) -> ScanCollector:
        """The scans so far."""
        return self.inputs.collector

    def start(self) -> None:
        """Log the topics and the folder of the map."""
        path = self.settings.map_path
        target = f"the map is written to {path}" if path else "the parameter map_path is not set"
        self.get_logger().info(f"waiting for {self.inputs.points_topic} and {self.inputs.odometry_topic}; {target}")

    def close(self) -> None:
        """Save the map if it has scans that are not saved yet; see :meth:`why_no_result`."""
        self._is_closing = True
        self._drain_messages()
        self.collector.flush()
        has_unsaved = self.collector.keyframes > self._saved_keyframes
        if has_unsaved and self.settings.save_at_shutdown:
            self.get_logger().info("saving the map before shutdown")
            try:
                self.save()
            except LiplocError as error:
                self._failure = f"no map written: {error}"
        elif not self.collector.keyframes:
            self._failure = f"no map written: {self._why_empty()}"

    def why_no_result(self) -> str:
        """Return why no map was written at the end; empty if it was, or if the user does not want it."""
        return self._failure

    def save(self, path: str = "") -> LidarMap:
        """Build the map from the scans collected so far, and write it. The previous map stays until it is complete.

        Raises:
            LiplocError: there is no scan or no path, or the map cannot be written.
        """
        path = path or self.settings.map_path
        if not path:
            raise MapError("no path to write the map to: set the parameter map_path, or give a path to ~/save_map")
        target = expand_path(path)
        check_replaceable(target, MANIFEST)
        with self._save_lock:
            self.collector.flush()
            collected = self.collector.snapshot()
            if not collected.keyframes:
                raise MapError(self._why_empty())
            report_scans(self.get_logger(), self.collector, self.settings.keyframe_spacing, self.inputs.faults)
            lidar_map = build_map_from_keyframes(
                collected.keyframes,
                self._bundle,
                self.settings.map_config(),
                path=collected.path,
                map_frame=self.settings.map_frame,
                base_frame=self.inputs.base.name,
                datum=self.settings.datum or self._origin(),
                sources=(Source(name=self.inputs.points_topic, scans=collected.scans),),
                on_place=self._on_place,
            ).save(target)
            self._saved_keyframes = len(collected.keyframes)
        self._places = lidar_map.manifest.places
        self._publish_progress(
            f"wrote {target}: {self._places} places, {lidar_map.size_bytes / 1e6:.1f} MB, from "
            f"{len(collected.keyframes)} of {collected.scans} scans, {self.collector.dropped} dropped"
        )
        self.get_logger().info(self._message)
        return lidar_map

    def _drain_messages(self) -> None:
        """Wait until all delivered messages are handled: a bag ends before its last messages are."""
        deadline = time.monotonic() + MAX_DRAIN_TIME
        monitors = self.inputs.monitors
        while time.monotonic() < deadline and any(monitor.age() < DRAIN_SILENCE for monitor in monitors):
            time.sleep(0.05)

    # Outputs and services ---------------------------------------------------------------------------------------------

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
        self.inputs.process_waiting()
        self._publish_progress(self._message)
        for monitor in self.inputs.monitors if not self._is_closing else ():
            monitor.log_silence()
        if self.collector.keyframes > self._shown_keyframes:
            self._publish_path()

    def _publish_path(self) -> None:
        poses = [(k.stamp_ns, k.T_map_base) for k in self.collector.snapshot().keyframes]
        self._shown_keyframes = len(poses)
        self._path_publisher.publish(path_to_message(poses, header_at(poses[-1][0], self.settings.map_frame)))

    def _on_keyframes(self) -> None:
        self._publish_progress(f"{self.collector.keyframes} keyframes")

    def _on_place(self, done: int, total: int) -> None:
        if done == total or done % max(1, total // PROGRESS_STEPS) == 0:
            self._publish_progress(f"drawing places: {done} of {total}")
            self.get_logger().info(self._message)

    def _publish_progress(self, message: str) -> None:
        """Publish the progress."""
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
        health = building_health(self._message, self.inputs.points, self.inputs.odometry, self.inputs.faults)
        health.values |= {
            "scans received": str(self.collector.received),
            "scans dropped": str(self.collector.dropped),
            "keyframes": str(self.collector.keyframes),
            "keyframes saved": str(self._saved_keyframes),
            "map_path": self.settings.map_path,
        }
        return {"map building": health}

    def _origin(self) -> str:
        return f"origin of the frame {self.inputs.odometry_frame!r} of {self.inputs.odometry_topic}"

    def _why_empty(self) -> str:
        return why_empty(self.collector, self.inputs.points, self.inputs.odometry, self.inputs.faults)


def main(args: Sequence[str] | None = None) -> int:
    """Run the node."""
    return run_node(lambda stop: MapBuilderNode(), "map_builder", args)
