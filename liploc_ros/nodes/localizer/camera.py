"""One camera of the localizer: its images, its calibration and its place in the vehicle."""

import time
from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from liploc_ros.datasets.bag.topics import camera_info_topic
from liploc_ros.datasets.camera_info import mounted_camera_from_info
from liploc_ros.errors import LiplocError
from liploc_ros.geometry import MountedCamera
from liploc_ros.nodes.common.diagnostics import Health, Level, RateMeter
from liploc_ros.nodes.common.logging import ThrottledLog
from liploc_ros.nodes.common.mounts import Mounts
from liploc_ros.nodes.common.qos import QUIET_SUBSCRIPTION, mismatch, sensor_profile
from liploc_ros.nodes.localizer.parameters import LocalizerParameters

RAW, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
MESSAGES = {RAW: Image, COMPRESSED: CompressedImage}


class NotReadyError(LiplocError):
    """An image came before what is needed to use it."""


class CameraInput:
    """Subscribes to an image topic and its CameraInfo, and remembers the newest image and what is wrong."""

    def __init__(
        self,
        node: Node,
        topic: str,
        info_topic: str | None,
        parameters: LocalizerParameters,
        mounts: Mounts,
        on_image: Callable[["CameraInput", Any], None],
        log: ThrottledLog,
        group: CallbackGroup,
    ) -> None:
        """Subscribe, to the images as soon as it is known whether they are compressed."""
        self.topic = node.resolve_topic_name(topic)
        self.info_topic = node.resolve_topic_name(info_topic) if info_topic else camera_info_topic(self.topic)
        self.newest: Any | None = None
        self.received = 0
        self.replaced = 0
        self.last_fault = ""
        self._node, self._parameters, self._mounts = node, parameters, mounts
        self._on_image, self._log, self._group = on_image, log, group
        self._profile = sensor_profile(parameters.reliability)
        self._rate = RateMeter()
        self._received_at = 0.0
        self._waiting_since = 0.0
        self._info: Any | None = None
        self._mounted: MountedCamera | None = None
        self._mounted_for = ("", "")
        self._subscriptions = [
            node.create_subscription(
                CameraInfo,
                self.info_topic,
                self._on_info,
                self._profile,
                callback_group=group,
                event_callbacks=QUIET_SUBSCRIPTION,
            )
        ]
        self.is_subscribed = False
        self.subscribe_when_known()

    def subscribe_when_known(self) -> None:
        """Subscribe to the images if it is known by now whether they are compressed."""
        found = choose_transport(self.topic, self._parameters.transport, dict(self._node.get_topic_names_and_types()))
        if self.is_subscribed or found is None:
            return
        self.topic, kind = found
        self._subscriptions.append(
            self._node.create_subscription(
                MESSAGES[kind],
                self.topic,
                self._on_message,
                self._profile,
                callback_group=self._group,
                event_callbacks=QUIET_SUBSCRIPTION,
            )
        )
        self.is_subscribed = True

    def close(self) -> None:
        """Unsubscribe."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions.clear()

    def forget(self) -> None:
        """Drop the newest image, after time jumped back. The calibration stays."""
        self.newest = None

    @property
    def is_rectified(self) -> bool:
        """Say whether the images are, by the naming rule of image_proc."""
        return "rect" in self.topic.removesuffix("/compressed").rpartition("/")[2]

    def mounted(self, frame_id: str, base_frame: str) -> MountedCamera:
        """Return the camera of an image with this frame, at its place in the base frame.

        Raises:
            NotReadyError: no CameraInfo yet, or no frame.
            MountError: it is not known where the camera sits.
            CameraError: the CameraInfo is no calibration.
        """
        frame_id = frame_id.lstrip("/")
        if self._info is None:
            raise NotReadyError(
                f"{self.topic}: no CameraInfo on {self.info_topic}: start its publisher, or set the parameter "
                "camera_info_topics"
            )
        if not frame_id:
            raise NotReadyError(f"{self.topic}: images have no frame_id: set it in the driver, REP-103 asks for one")
        if self._mounted is None or self._mounted_for != (frame_id, base_frame):
            T_base_camera = self._mounts.lookup(base_frame, frame_id)
            self._mounted = mounted_camera_from_info(
                self._info, frame_id, T_base_camera, self.info_topic, rectified=self.is_rectified
            )
            self._mounted_for = (frame_id, base_frame)
        return self._mounted

    def is_overdue(self) -> bool:
        """Say whether images have waited longer than allowed for a CameraInfo or a mount."""
        limit = self._parameters.camera_info_timeout
        return bool(self._waiting_since) and time.monotonic() - self._waiting_since > limit

    def fault(self, error: LiplocError) -> None:
        """Note that an image could not be used: warn, not too often."""
        self.last_fault = str(error)
        self._log.warn(f"{self.topic} {type(error).__name__}", str(error))

    def wait_for(self, error: LiplocError) -> None:
        """Note that what is needed to use images is not there; an error only after a while."""
        self._waiting_since = self._waiting_since or time.monotonic()
        if self.is_overdue():
            self.fault(error)

    def succeeded(self) -> None:
        """Note that an image could be used."""
        self._waiting_since = 0.0
        self.last_fault = ""

    def health(self) -> Health:
        """Return the state for /diagnostics; the conditions are in docs/nodes.md."""
        now = time.monotonic()
        health = Health("images arrive")
        age = now - self._received_at
        mismatched = self._mismatch()
        health.values = {
            "topic": self.topic,
            "camera_info topic": self.info_topic,
            "images/s": f"{self._rate.rate(now):.1f}",
            "age of last image [s]": f"{age:.2f}" if self.received else "none yet",
            "images received": str(self.received),
            "images replaced by newer ones": str(self.replaced),
            "CameraInfo": "received" if self._info else "missing",
            "mount": "known" if self._mounted else "not known yet",
            "quality of service": mismatched or "matches",
            "last fault": self.last_fault or "none",
        }
        if mismatched:
            health.find(Level.ERROR, mismatched)
        if self.last_fault:
            health.find(Level.ERROR if self.is_overdue() else Level.WARN, self.last_fault)
        if not self.received:
            health.find(Level.WARN, f"no image on {self.topic} yet: start the camera, or set image_topics")
        elif age > max(self._parameters.max_image_age, 1.0):
            health.find(Level.WARN, f"no image on {self.topic} for {age:.1f} s")
        return health

    def _on_message(self, msg: Any) -> None:
        now = time.monotonic()
        self.received += 1
        self._received_at = now
        self._rate.tick(now)
        self.newest = msg
        self._on_image(self, msg)

    def _on_info(self, msg: Any) -> None:
        # The camera is made anew only when its numbers change: the localizer keeps look-up tables for it.
        if self._info is None or not _same_calibration(msg, self._info):
            self._info, self._mounted = msg, None

    def _mismatch(self) -> str:
        for topic in (self.topic, self.info_topic):
            if found := mismatch(self._node, topic, self._profile):
                self._log.warn(f"{topic} qos", found)
                return found
        return ""


def choose_transport(topic: str, transport: str, graph: dict[str, list[str]]) -> tuple[str, str] | None:
    """Return which topic to hear and its type, or None while neither the parameter nor the graph tells it."""
    if transport == "compressed" or topic.endswith("/compressed"):
        return topic if topic.endswith("/compressed") else f"{topic}/compressed", COMPRESSED
    if transport == "raw" or RAW in graph.get(topic, ()):
        return topic, RAW
    if COMPRESSED in graph.get(topic, ()):
        return topic, COMPRESSED
    if COMPRESSED in graph.get(f"{topic}/compressed", ()):
        return f"{topic}/compressed", COMPRESSED
    return None


def _same_calibration(a: Any, b: Any) -> bool:
    names = ("width", "height", "distortion_model", "d", "k", "r", "p", "binning_x", "binning_y", "roi")
    return all(_equal(getattr(a, name), getattr(b, name)) for name in names)


def _equal(a: Any, b: Any) -> bool:
    return list(a) == list(b) if hasattr(a, "__len__") and not isinstance(a, str) else bool(a == b)
