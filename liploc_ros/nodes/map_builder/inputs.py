# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The inputs of the map builder: scans and odometry."""

import time
from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from sensor_msgs.msg import PointCloud2

from liploc_ros.datasets.bag.topics import POINT_TYPES
from liploc_ros.datasets.base_frame import BaseFrame
from liploc_ros.datasets.pose_message import DEFAULT_BASE_FRAME, check_same_frame, frame_name, odometry_pose
from liploc_ros.errors import LiplocError
from liploc_ros.geometry import PoseError
from liploc_ros.nodes.common import ros_libraries
from liploc_ros.nodes.common.conversions import stamp_ns_of
from liploc_ros.nodes.common.logging import ThrottledLog
from liploc_ros.nodes.common.mounts import Mounts
from liploc_ros.nodes.common.parameters import check_topic
from liploc_ros.nodes.common.subscription import deliver
from liploc_ros.nodes.inputs.odometry_source import OdometrySource
from liploc_ros.nodes.map_builder.monitor import BuilderFaults, InputMonitor
from liploc_ros.nodes.map_builder.parameters import MapBuilderParameters
from liploc_ros.nodes.map_builder.scan_collector import ScanCollector
from liploc_ros.nodes.subscriptions.following_subscription import FollowingSubscription
from liploc_ros.nodes.subscriptions.lost_messages import SCAN_REMEDY, LostMessages
from liploc_ros.nodes.subscriptions.serialized_message import SerializedMessage, SerializedMessageError
from liploc_ros.nodes.subscriptions.stamps import ODOMETRY, SCANS, RelativeStampCheck
from liploc_ros.views import check_points

ODOMETRY_QUEUE = 1000  # small messages, none of which may be lost while a scan is read
SAME_CLOCK = "give scans and odometry stamps of the same clock"
STEADY = "check the clock of its publisher, or restart the map builder if another bag is played"


class BuilderInputs:
    """Subscribes to scans and odometry, and gives those that can be used to the collector.

    Their stamps are compared with each other and not with the clock of the node: a bag may be played without /clock.
    """

    def __init__(
        self,
        node: Node,
        settings: MapBuilderParameters,
        mounts: Mounts,
        on_keyframes: Callable[[], None],
        log: ThrottledLog,
        group: CallbackGroup,
    ) -> None:
        """Subscribe.

        Args:
            node: the map builder.
            settings: its parameters.
            mounts: pose of the LiDAR in the base frame.
            on_keyframes: called when there are new keyframes.
            log: gets faults.
            group: runs one callback at a time.

        Raises:
            ParameterError: ROS does not allow the name of a topic.
            TransformError: odometry is wanted from /tf, and tf2_msgs is not installed.
        """
        for name, topic in (("points_topic", settings.points_topic), ("odometry_topic", settings.odometry_topic)):
            check_topic(node, name, topic)
        self.points_topic = node.resolve_topic_name(settings.points_topic)
        self.odometry_topic = node.resolve_topic_name(settings.odometry_topic)
        self.odometry_frame = self.lidar_frame = ""
        self.refused_odometry = 0
        """Messages of odometry that could not be used, not counting their stamps."""
        self.lost_scans = LostMessages("scans", SCAN_REMEDY)
        self.base = BaseFrame(settings.base_frame, mounts.lookup, node.get_logger().warning)
        self.faults = BuilderFaults(log, self.points_topic)
        self.collector = ScanCollector(settings.keyframe_spacing, settings.odometry_timeout, self.faults.add)
        self._mounts, self._on_keyframes = mounts, on_keyframes
        self._read_points = ros_libraries.points_reader(node.get_logger())
        self._last_odometry_ns = 0
        source = OdometrySource(settings.odometry_frame, settings.base_frame or DEFAULT_BASE_FRAME)
        self.points = InputMonitor(
            node,
            self.points_topic,
            "scan",
            POINT_TYPES,
            RelativeStampCheck(self.points_topic, SCANS, f"the newest odometry on {self.odometry_topic}", SAME_CLOCK),
            log,
        )
        self.odometry = InputMonitor(
            node,
            self.odometry_topic,
            "odometry",
            source.types_of(self.odometry_topic),
            RelativeStampCheck(self.odometry_topic, ODOMETRY, "the one before it", STEADY),
            log,
        )

        def on_points(message: SerializedMessage) -> None:
            self._count_lost(message)
            if self.collector.is_paused:
                self.points.tick()
                self.collector.skip()
                return
            deliver(message.read, self._on_points, self.points_topic, self._on_bad_scan, node.get_logger())

        self.points.subscription = FollowingSubscription(
            node, PointCloud2, self.points_topic, on_points, settings.reliability, settings.queue, group
        )
        self.odometry.subscription = source.subscribe(
            node, self.odometry_topic, self._on_odometry, settings.reliability, ODOMETRY_QUEUE, self.faults.add, group
        )

    @property
    def monitors(self) -> tuple[InputMonitor, InputMonitor]:
        """Those of the scans and of the odometry."""
        return self.points, self.odometry

    def process_waiting(self) -> None:
        """Use the scans that waited for odometry, and drop those that waited too long."""
        self._use(self.collector.process_waiting())

    def _on_odometry(self, msg: Any) -> None:
        stamp_ns = stamp_ns_of(msg)
        # A clock that jumps and stays there is followed: only the first message after the jump is refused.
        error = self.odometry.check(stamp_ns, self._last_odometry_ns)
        self._last_odometry_ns = stamp_ns or self._last_odometry_ns
        if error is not None:
            self.faults.add_stamp(self.odometry_topic, error)
            return
        try:
            odometry = odometry_pose(msg)
            check_same_frame(odometry.frame_id, self.odometry_frame)
            T_map_base = self.base.pose(odometry, self.odometry_topic)
            self.odometry_frame = self.odometry_frame or odometry.frame_id
            self._use(self.collector.add_odometry(stamp_ns, T_map_base))
        except LiplocError as error:
            self.refused_odometry += 1
            self.faults.add("odometry", f"{self.odometry_topic}: {error}")

    def _on_points(self, msg: Any) -> None:
        stamp_ns = stamp_ns_of(msg)
        error = self.points.check(stamp_ns, self.collector.newest_odometry_ns)
        if error is not None:
            self.collector.refuse()
            self.faults.add_stamp(self.points_topic, error)
            return
        try:
            frame_id = self._checked_frame(msg)
            points = self._read_points(msg, self.points_topic)
            check_points(points)
        except LiplocError as error:
            self._on_bad_scan(type(error).__name__, str(error))
            return
        # Once there is odometry for the scan, the base frame is known, and /tf_static has been received.
        self._use(
            self.collector.add_scan(stamp_ns, lambda: self._mounts.lookup(self.base.name, frame_id), lambda: points)
        )

    def origin(self) -> str:
        """Return what the origin of the map is, in words."""
        return f"origin of the frame {self.odometry_frame!r} of {self.odometry_topic}"

    def _count_lost(self, message: SerializedMessage) -> None:
        try:
            self.lost_scans.add(message, time.monotonic())
        except SerializedMessageError:  # reported when it is read
            return

    def _checked_frame(self, msg: Any) -> str:
        """Return the frame of a scan, which must be that of the first one: a keyframe has the mount of one LiDAR."""
        frame_id = frame_name(msg.header.frame_id)
        self.lidar_frame = self.lidar_frame or frame_id
        if frame_id != self.lidar_frame:
            raise PoseError(
                f"a scan in the frame {frame_id!r}, earlier they were in {self.lidar_frame!r}: give each LiDAR a topic "
                "of its own, and map one of them"
            )
        return frame_id

    def _use(self, new_keyframes: int) -> None:
        if new_keyframes:
            self.faults.clear()
            self._on_keyframes()

    def _on_bad_scan(self, kind: str, reason: str) -> None:
        self.collector.received += 1
        self.collector.drop(kind, reason)
