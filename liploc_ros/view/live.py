# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Results of a running localizer, received over DDS."""

import logging
import time
from types import TracebackType
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseWithCovarianceStamped
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CompressedImage, Image

from liploc_ros.datasets.image_message import image_from_message
from liploc_ros.errors import LiplocError
from liploc_ros.mapping import LidarMap
from liploc_ros.msg import Belief, MapInfo, PoseHypothesisArray
from liploc_ros.nodes.common.conversions import stamp_ns_of
from liploc_ros.nodes.common.dds_profile import use_profile
from liploc_ros.nodes.common.qos import LATCHED
from liploc_ros.nodes.subscriptions.following_subscription import FollowingSubscription
from liploc_ros.nodes.subscriptions.serialized_message import SerializedMessage
from liploc_ros.view.messages import health_line, known_pose_of, localization_of, tracking_of
from liploc_ros.view.updates import (
    BeliefResult,
    CameraImage,
    HealthLine,
    HealthReport,
    ImageResult,
    Level,
    MatchedImage,
    PoseResult,
    Silence,
    Update,
    Viewer,
)

LOG = logging.getLogger(__name__)
HYPOTHESES_TYPE, HYPOTHESES = "liploc_ros/msg/PoseHypothesisArray", "/hypotheses"
POLL_PERIOD = 0.1  # s, of the search for a localizer
SHOW_PERIOD = 0.1  # s between two changes of the page
HEALTH_PERIOD = 1.0  # s
IMAGE_PERIOD = 0.2  # s between two camera images that are decoded
MAX_SILENCE = 3.0  # s without results before the page warns
QUEUE = 10


class LiveError(LiplocError):
    """No localizer can be shown."""


class LiveSource:
    """A node that subscribes to what a localizer publishes, as a context.

    Attributes:
        localizer: full name of the localizer.
    """

    def __init__(self, localizer: str = "", timeout: float = 20.0) -> None:
        """Search the localizer.

        Args:
            localizer: full name of its node; empty: the only one that runs.
            timeout: time until it must be found [s].

        Raises:
            LiveError: there is none, or several and no name is given.
        """
        LOG.info(use_profile())
        rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
        self._node = rclpy.create_node("liploc_view", enable_rosout=False)
        try:
            self.localizer = self._find(f"/{localizer.strip('/')}" if localizer else "", timeout)
        except BaseException:
            self._destroy()
            raise
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._group = MutuallyExclusiveCallbackGroup()
        self._updates: dict[type[Update], Update] = {}  # since the page was changed last
        self._lines: tuple[HealthLine, ...] = ()
        self._result_at = self._shown_at = self._health_at = self._image_at = 0.0
        self._map_line: HealthLine | None = None
        self._images: FollowingSubscription | None = None
        self._map: LidarMap | None = None

    def __enter__(self) -> "LiveSource":
        """Return the source."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Destroy the node."""
        self._executor.shutdown(timeout_sec=1.0)
        self._destroy()

    def run(self, viewer: Viewer, lidar_map: LidarMap) -> None:
        """Show what the localizer publishes, until Ctrl-C."""
        self._map = lidar_map
        self._subscribe()
        try:
            while True:
                self._executor.spin_once(timeout_sec=SHOW_PERIOD)
                self._show(viewer)
        except KeyboardInterrupt:
            return

    def _find(self, localizer: str, timeout: float) -> str:
        deadline = time.monotonic() + timeout
        while True:
            running = self._localizers()
            if localizer in running:
                return localizer
            if len(running) == 1 and not localizer:
                return running[0]
            if time.monotonic() > deadline:
                break
            time.sleep(POLL_PERIOD)
        if running and not localizer:
            raise LiveError(f"several localizers are running: choose one with --localizer: {', '.join(running)}")
        wanted = f" {localizer}" if localizer else ""
        other = f"; running: {', '.join(running)}" if running else ""
        domain = rclpy.get_default_context().get_domain_id()
        raise LiveError(
            f"no localizer{wanted} found after {timeout:g} s in ROS domain {domain}{other}: "
            "start one (ros2 launch liploc_ros localize.launch.py), and check ROS_DOMAIN_ID and "
            "ROS_AUTOMATIC_DISCOVERY_RANGE"
        )

    def _localizers(self) -> list[str]:
        """Return the full names of the localizers that publish hypotheses."""
        topics = self._node.get_topic_names_and_types()
        names = [name for name, types in topics if HYPOTHESES_TYPE in types and name.endswith(HYPOTHESES)]
        return sorted(name.removesuffix(HYPOTHESES) for name in names if self._node.count_publishers(name))

    def _subscribe(self) -> None:
        own: dict[str, tuple[Any, Any]] = {
            "hypotheses": (PoseHypothesisArray, self._on_hypotheses),
            "belief": (Belief, self._on_belief),
            "pose": (PoseWithCovarianceStamped, self._on_pose),
            "matched_view": (Image, self._on_matched_view),
        }
        for name, (message_type, callback) in own.items():
            self._node.create_subscription(message_type, f"{self.localizer}/{name}", callback, QUEUE)
        self._node.create_subscription(MapInfo, f"{self.localizer}/map_info", self._on_map_info, LATCHED)
        self._node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, QUEUE)

    def _show(self, viewer: Viewer) -> None:
        """Show all updates since the last call, but not more often than the page can be read."""
        now = time.monotonic()
        if now - self._health_at > HEALTH_PERIOD:
            self._health_at = now
            self._add(HealthReport(self._health(now)))
        if self._updates and now - self._shown_at >= SHOW_PERIOD:
            self._shown_at = now
            updates, self._updates = list(self._updates.values()), {}
            viewer.show(updates)

    def _add(self, update: Update) -> None:
        self._updates[type(update)] = update

    def _health(self, now: float) -> tuple[HealthLine, ...]:
        view = HealthLine("view", "results arrive")
        if not self._node.count_publishers(self.localizer + HYPOTHESES):
            view = HealthLine("view", f"{self.localizer} has ended", Level.ERROR)
        elif not self._result_at:
            view = HealthLine("view", "no result yet: the localizer waits for images", Level.WARN)
        elif now - self._result_at > MAX_SILENCE:
            view = HealthLine("view", f"last result {now - self._result_at:.0f} s ago", Level.WARN)
        if view.level:
            self._add(Silence(view.message))
        return tuple(line for line in (view, self._map_line, *self._lines) if line is not None)

    def _on_hypotheses(self, msg: Any) -> None:
        self._result_at = time.monotonic()
        self._try(lambda: ImageResult(localization_of(msg)))

    def _on_belief(self, msg: Any) -> None:
        self._try(lambda: BeliefResult(tracking_of(msg)))

    def _on_pose(self, msg: Any) -> None:
        self._try(lambda: PoseResult(known_pose_of(msg), stamp_ns_of(msg)))

    def _on_matched_view(self, msg: Any) -> None:
        self._try(lambda: MatchedImage(image_from_message(msg, f"{self.localizer}/matched_view")))

    def _on_image(self, message: SerializedMessage) -> None:
        now = time.monotonic()
        if now - self._image_at >= IMAGE_PERIOD and self._images is not None:
            self._image_at, topic = now, self._images.topic
            self._try(lambda: CameraImage(image_from_message(message.read(), topic), f"{topic} ({message.frame_id})"))

    def _on_map_info(self, msg: Any) -> None:
        if self._map is not None and msg.map_id != self._map.id:
            problem = f"the localizer uses another map: {msg.path}: give that folder"
            LOG.warning("%s: %s", self._map.path, problem)
            self._map_line = HealthLine("map", problem, Level.WARN)
        else:
            self._map_line = None

    def _on_diagnostics(self, msg: Any) -> None:
        node = self.localizer.lstrip("/")
        own = [status for status in msg.status if status.name.startswith(f"{node}: ")]
        if not own:
            return
        self._lines = tuple(health_line(status, node) for status in own)
        if self._images is None:
            topics = [item.value for status in own for item in status.values if item.key == "topic"]
            self._subscribe_to_images(topics[0] if topics else "")

    def _subscribe_to_images(self, topic: str) -> None:
        """Subscribe to the first camera of the localizer, once it has found the type of its images."""
        types = dict(self._node.get_topic_names_and_types()).get(topic, [])
        for message_type in (Image, CompressedImage):
            if f"sensor_msgs/msg/{message_type.__name__}" in types:
                self._images = FollowingSubscription(
                    self._node, message_type, topic, self._on_image, "auto", 1, self._group
                )
                return

    def _try(self, read: Any) -> None:
        try:
            self._add(read())
        except LiplocError as error:
            LOG.warning("%s", error)

    def _destroy(self) -> None:
        self._node.destroy_node()
        rclpy.try_shutdown()
