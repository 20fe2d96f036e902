# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The map builder node: scans and odometry in, a map on disk out. Its interface is in docs/nodes.md."""

import time
import traceback
from collections.abc import Sequence
from typing import Any

from nav_msgs.msg import Path as PathMsg
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from std_srvs.srv import Trigger

from liploc_ros.encoders import ModelBundle
from liploc_ros.errors import LiplocError
from liploc_ros.files import expand_path
from liploc_ros.msg import MapProgress
from liploc_ros.nodes.common import ros_libraries
from liploc_ros.nodes.common.conversions import header_at, path_to_message
from liploc_ros.nodes.common.diagnostics import STEADY_CLOCK, Diagnostics, Health
from liploc_ros.nodes.common.logging import ThrottledLog
from liploc_ros.nodes.common.mounts import Mounts
from liploc_ros.nodes.common.parameters import declare, guard_changes
from liploc_ros.nodes.common.process import run_node
from liploc_ros.nodes.common.qos import QOS_OVERRIDES, latched_profile
from liploc_ros.nodes.map_builder.inputs import BuilderInputs
from liploc_ros.nodes.map_builder.parameters import MapBuilderParameters
from liploc_ros.nodes.map_builder.saver import MapSaver, SavedMap
from liploc_ros.nodes.map_builder.scan_collector import ScanCollector
from liploc_ros.nodes.map_builder.statuses import building_health, saving_health
from liploc_ros.srv import SaveMap

MAX_DRAIN_TIME = 2.0  # s that shutdown waits for messages
DRAIN_SILENCE = 0.3  # s without messages after which none are expected any more
WAITING, PAUSED = "waiting for scans", "paused: scans are not used until ~/resume"


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
        bundle = ModelBundle.load(expand_path(self.settings.model) if self.settings.model else None)
        log = ThrottledLog(self.get_logger())
        group = MutuallyExclusiveCallbackGroup()
        self._shown_keyframes = 0
        self._is_closing = False
        self._message = WAITING
        self._failure = ""
        self.mounts = Mounts(self.settings.sensor_mounts, ros_libraries.transform_source(self, log, group))
        self.inputs = BuilderInputs(self, self.settings, self.mounts, self._on_keyframes, log, group)
        self.saver = MapSaver(self.settings, self.inputs, bundle, self.get_logger(), self._publish_progress)
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
        self._pause_service = self.create_service(Trigger, "~/pause", self._on_pause, callback_group=group)
        self._resume_service = self.create_service(Trigger, "~/resume", self._on_resume, callback_group=group)
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
        self.saver.close()
        if self.saver.unsaved_keyframes and self.settings.save_at_shutdown:
            self.get_logger().info("saving the map before shutdown")
            try:
                self.save()
            except LiplocError as error:
                saved = self.saver.saved
                kept = f"; the map of {len(saved.collected.keyframes)} keyframes stays" if saved is not None else ""
                self._failure = f"no map written: {error}{kept}"
        elif not self.collector.keyframes:
            self._failure = f"no map written: {self.saver.why_empty()}"

    def why_no_result(self) -> str:
        """Return why no map was written at the end; empty if it was, or if the user does not want it."""
        return self._failure

    def save(self, path: str = "") -> SavedMap:
        """Build the map from the scans collected so far, and write it; see :meth:`MapSaver.save`.

        Raises:
            LiplocError: there is no scan or no path, or the map cannot be written.
        """
        return self.saver.save(path)

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
            saved = self.save(request.path)
        except LiplocError as error:
            response.message = str(error)
            self.get_logger().error(response.message)
        except Exception:
            response.message = f"internal error: {traceback.format_exc().strip().splitlines()[-1]}"
            self.get_logger().error(f"~/save_map: internal error\n{traceback.format_exc()}")
        else:
            response.success, response.message = True, saved.message
            response.places, response.size_bytes = saved.places, saved.size_bytes
        return response

    def _on_pause(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        return self._answer(response, PAUSED if self.collector.pause() else "already paused")

    def _on_resume(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        if not self.collector.resume():
            return self._answer(response, "not paused: scans are used")
        return self._answer(response, f"resumed: {self.collector.paused} scans were not used during pauses")

    def _answer(self, response: Trigger.Response, message: str) -> Trigger.Response:
        response.success, response.message = True, message
        self.get_logger().info(message)
        self._publish_progress(message)
        return response

    def _on_timer(self) -> None:
        self.inputs.process_waiting()
        self.saver.autosave()
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

    def _publish_progress(self, message: str) -> None:
        """Publish the progress."""
        self._message = message
        self._progress_publisher.publish(
            MapProgress(
                header=header_at(self.get_clock().now().nanoseconds, self.settings.map_frame),
                scans_received=self.collector.received,
                scans_dropped=self.collector.dropped,
                scans_paused=self.collector.paused,
                scans_lost=self.inputs.lost_scans.total,
                keyframes=self.collector.keyframes,
                places=self.saver.saved.places if self.saver.saved is not None else 0,
                path_length=self.collector.path_length,
                paused=self.collector.is_paused,
                saving=self.saver.saving_since > 0,
                message=message,
            )
        )

    def _health(self) -> dict[str, Health]:
        building = building_health(self._message, self.inputs, self.settings.map_path)
        return {"map building": building, "map saving": saving_health(self.saver, self.settings.autosave_keyframes)}


def main(args: Sequence[str] | None = None) -> int:
    """Run the node."""
    return run_node(lambda stop: MapBuilderNode(), "map_builder", args)
