# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""One camera of the localizer: its images, calibration and mount."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, Image

from liploc_ros.datasets.bag.topics import IMAGE_TYPES, camera_info_topic
from liploc_ros.datasets.camera_info import mounted_camera_from_info
from liploc_ros.errors import LiplocError
from liploc_ros.geometry import MountedCamera
from liploc_ros.nodes.common.diagnostics import Health, Level, RateMeter
from liploc_ros.nodes.common.logging import ThrottledLog
from liploc_ros.nodes.common.mounts import Mounts
from liploc_ros.nodes.inputs.camera_info import CameraInfoInput
from liploc_ros.nodes.inputs.silence import SilenceLog, why_silent
from liploc_ros.nodes.localizer.parameters import LocalizerParameters
from liploc_ros.nodes.subscriptions.following_subscription import FollowingSubscription
from liploc_ros.nodes.subscriptions.lost_messages import LostMessages
from liploc_ros.nodes.subscriptions.serialized_message import SerializedMessage, SerializedMessageError
from liploc_ros.nodes.subscriptions.stamps import IMAGES, ClockStampCheck, StampError

RAW, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
MESSAGES = {RAW: Image, COMPRESSED: CompressedImage}
INFO_QUEUE = 5


class NotReadyError(LiplocError):
    """An input that is needed to use an image is missing."""


@dataclass(frozen=True)
class ReceivedImage:
    """An image that is deserialized only if it is used, and why its stamp is refused, if it is."""

    message: SerializedMessage
    stamp_ns: int
    frame_id: str
    stamp_error: StampError | None


class CameraInput:
    """Subscribes to an image topic and its CameraInfo. Keeps the latest image and the last fault."""

    def __init__(
        self,
        node: Node,
        topic: str,
        info_topic: str,
        parameters: LocalizerParameters,
        mounts: Mounts,
        on_image: Callable[["CameraInput", ReceivedImage], None],
        log: ThrottledLog,
        group: CallbackGroup,
    ) -> None:
        """Subscribe; to the images as soon as their type is known. ``info_topic`` is empty for the default."""
        self.topic = node.resolve_topic_name(topic)  # with /compressed once that is known
        self.name = self.topic  # in diagnostics, where names must not change
        self.info_topic = node.resolve_topic_name(info_topic) if info_topic else camera_info_topic(self.topic)
        self.latest: ReceivedImage | None = None
        self.received = 0
        self.replaced = 0
        self.last_fault = ""
        self._node, self._parameters, self._mounts = node, parameters, mounts
        self._on_image, self._log, self._group = on_image, log, group
        self._rate = RateMeter()
        self._received_at = 0.0
        self._missing_since = 0.0
        self._info: Any | None = None
        self._mounted: MountedCamera | None = None
        self._mounted_for = ("", "")
        self._lost = LostMessages()
        self._stamps = ClockStampCheck(self.name, IMAGES, parameters.max_image_age)
        self._is_loss_logged = False
        self._silence_reason = ""  # before the first image, while the node was running
        self._silence = SilenceLog(node.get_logger(), "image", time.monotonic())
        self._images: FollowingSubscription | None = None
        self._infos = CameraInfoInput(node, self.info_topic, parameters.reliability, self._on_info, log, group)
        self.subscribe_to_images()

    def subscribe_to_images(self) -> None:
        """Subscribe to the images if their type is known by now, and to a CameraInfo that was published before."""
        self._infos.subscribe_to_latched()
        chosen = choose_transport(self.topic, self._parameters.transport, dict(self._node.get_topic_names_and_types()))
        if self._images is not None or chosen is None:
            return
        self.topic, message_type = chosen
        self._images = FollowingSubscription(
            self._node,
            MESSAGES[message_type],
            self.topic,
            self._on_message,
            self._parameters.reliability,
            1,  # the newest image wins
            self._group,
        )

    def close(self) -> None:
        """Unsubscribe."""
        self._infos.close()
        if self._images is not None:
            self._images.close()

    def apply(self, parameters: LocalizerParameters) -> None:
        """Continue with the parameters that can change while the node is active."""
        self._parameters = parameters
        self._stamps.max_image_age = parameters.max_image_age

    def reset(self) -> None:
        """Drop the latest image, after time jumped back. The calibration stays."""
        self.latest = None
        self._lost.reset()

    @property
    def is_rectified(self) -> bool:
        """Whether the images are rectified, by the naming convention of image_proc."""
        return "rect" in self.topic.removesuffix("/compressed").rpartition("/")[2]

    def mounted(self, frame_id: str, base_frame: str) -> MountedCamera:
        """Return the camera of an image with this frame, with its mount in the base frame.

        Raises:
            NotReadyError: no CameraInfo was received yet, or the image has no frame_id.
            MountError: the mount of the camera is not known.
            CameraError: the CameraInfo is not a valid calibration.
        """
        frame_id = frame_id.lstrip("/")
        if self._info is None:
            raise NotReadyError(
                f"{self.topic}: no CameraInfo on {self.info_topic}: {self._infos.why_silent()}; start its publisher, "
                "or set the parameter camera_info_topics"
            )
        if not frame_id:
            raise NotReadyError(
                f"{self.topic}: images have no frame_id: set it in the driver to the optical frame (REP-103)"
            )
        if self._mounted is None or self._mounted_for != (frame_id, base_frame):
            T_base_camera = self._mounts.lookup(base_frame, frame_id)
            self._mounted = mounted_camera_from_info(
                self._info, frame_id, T_base_camera, self.info_topic, rectified=self.is_rectified
            )
            self._mounted_for = (frame_id, base_frame)
        return self._mounted

    def is_overdue(self) -> bool:
        """Return whether CameraInfo or mount have been missing for longer than ``camera_info_timeout``."""
        limit = self._parameters.camera_info_timeout
        return bool(self._missing_since) and time.monotonic() - self._missing_since > limit

    def report_fault(self, error: LiplocError) -> None:
        """Record that an image could not be used, and log it."""
        self.last_fault = str(error)
        self._log.warn(f"{self.topic} {type(error).__name__}", str(error))

    def log_loss(self, warning: str) -> None:
        """Log that images are lost."""
        self._node.get_logger().warning(warning)

    def report_missing(self, error: LiplocError) -> None:
        """Record that CameraInfo or mount are missing; a fault only after ``camera_info_timeout``."""
        self._missing_since = self._missing_since or time.monotonic()
        if self.is_overdue():
            self.report_fault(error)

    def report_success(self) -> None:
        """Record that an image was used."""
        self._missing_since = 0.0
        self.last_fault = ""

    def health(self) -> Health:
        """Return the diagnostic status; its conditions are in docs/nodes.md."""
        now = time.monotonic()
        health = Health("images arrive")
        age = now - self._received_at
        mismatch = self._logged(self._images.mismatch() if self._images is not None else "")
        info_mismatch = self._logged(self._infos.mismatch())
        health.values = {
            "topic": self.topic,
            "camera_info topic": self.info_topic,
            "images/s": f"{self._rate.rate(now):.1f}",
            "age of last image [s]": f"{age:.2f}" if self.received else "none yet",
            "images received": str(self.received),
            "images replaced by newer ones": str(self.replaced),
            "reliability": self._images.chosen if self._images is not None else "not subscribed yet",
            "CameraInfo": "received" if self._info else "missing",
            "mount": "known" if self._mounted else "not known yet",
            "quality of service": mismatch or "matches",
            "CameraInfo quality of service": info_mismatch or "matches",
            "last fault": self.last_fault or "none",
        }
        for line in filter(None, (mismatch, info_mismatch)):
            health.add(Level.ERROR, line)
        if self.last_fault:
            health.add(Level.ERROR if self.is_overdue() else Level.WARN, self.last_fault)
        self._stamps.report(health, now)
        if (loss := self._lost.report(health, self.topic, now)) and not self._is_loss_logged:
            self._is_loss_logged = True
            self.log_loss(loss)
        self._silence.update(self._received_at, now, self.topic, self._why_silent)
        if not self.received:
            self._silence_reason = self._why_silent()
            health.add(Level.WARN, f"no image on {self.topic} yet: {self._silence_reason}; or set image_topics")
        elif age > max(self._parameters.max_image_age, 1.0):
            health.add(Level.WARN, f"no image on {self.topic} for {age:.1f} s: {self._why_silent()}")
        return health

    @property
    def lost(self) -> int:
        """Images that were published but never arrived."""
        return self._lost.total

    def why_unused(self) -> str:
        """Return why no image was used, as far as it is known; empty otherwise."""
        if self.latest is not None and self.latest.stamp_error is not None:
            return str(self.latest.stamp_error)
        if self.received:
            return self.last_fault
        return f"no image on {self.topic}: {self._silence_reason or self._why_silent()}"

    def _why_silent(self) -> str:
        mismatch = self._images.mismatch() if self._images is not None else ""
        return why_silent(self._node, self.topic, IMAGE_TYPES, mismatch)

    def _on_message(self, message: SerializedMessage) -> None:
        now = time.monotonic()
        self.received += 1
        self._received_at = now
        self._rate.tick(now)
        try:
            stamp_ns, frame_id = message.stamp_ns, message.frame_id
        except SerializedMessageError as error:
            self.report_fault(error)
            return
        fault = self._stamps.check(stamp_ns, self._node.get_clock().now().nanoseconds, now)
        if fault is not None:
            self._log.warn(f"{self.name} {fault.fault.value} stamp", str(fault))
        is_refused = fault is not None and fault.is_refused
        if not is_refused:
            self._lost.add(message, now)
        self.latest = ReceivedImage(message, stamp_ns, frame_id, fault if is_refused else None)
        self._on_image(self, self.latest)

    def _on_info(self, msg: Any) -> None:
        # The camera is replaced only if its numbers change: the localizer keeps lookup tables for it.
        if self._info is None or not _same_calibration(msg, self._info):
            self._info, self._mounted = msg, None

    def _logged(self, mismatch: str) -> str:
        if mismatch:
            self._log.warn(mismatch, mismatch)
        return mismatch


def choose_transport(topic: str, transport: str, graph: dict[str, list[str]]) -> tuple[str, str] | None:
    """Return the topic to subscribe to and its type, or None while neither parameter nor graph determine it."""
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
