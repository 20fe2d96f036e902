"""All that the localizer hears while it is active, except odometry."""

from collections.abc import Callable, Sequence
from typing import Any

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node

from liploc_ros.nodes.common.diagnostics import STEADY_CLOCK
from liploc_ros.nodes.common.logging import ThrottledLog
from liploc_ros.nodes.common.mounts import MountError, Mounts
from liploc_ros.nodes.common.optional_messages import tf_message_type
from liploc_ros.nodes.common.parameters import ParameterError, check_topic
from liploc_ros.nodes.common.qos import LATCHED_INPUT, QUIET_SUBSCRIPTION
from liploc_ros.nodes.localizer.camera import CameraInput
from liploc_ros.nodes.localizer.parameters import LocalizerParameters


class CameraInputs:
    """The cameras, and /tf_static that says where they sit."""

    def __init__(
        self,
        node: Node,
        settings: LocalizerParameters,
        on_image: Callable[[CameraInput, Any], None],
        log: ThrottledLog,
    ) -> None:
        """Subscribe.

        Raises:
            MountError: an entry of ``sensor_mounts`` cannot be read.
        """
        self._node = node
        mounts = Mounts(settings.sensor_mounts, log)
        inputs, timers = MutuallyExclusiveCallbackGroup(), MutuallyExclusiveCallbackGroup()
        tf_message = tf_message_type()
        self._tf_static = tf_message and node.create_subscription(
            tf_message,
            "/tf_static",
            mounts.add_transforms,
            LATCHED_INPUT,
            callback_group=inputs,
            event_callbacks=QUIET_SUBSCRIPTION,
        )
        info_topics: Sequence[str | None] = settings.camera_info_topics or [None] * len(settings.image_topics)
        self.cameras = [
            CameraInput(node, topic, info_topic, settings, mounts, on_image, log, inputs)
            for topic, info_topic in zip(settings.image_topics, info_topics, strict=True)
        ]
        self._timer = node.create_timer(0.2, self._find_topics, callback_group=timers, clock=STEADY_CLOCK)

    def close(self) -> None:
        """Unsubscribe."""
        self._node.destroy_timer(self._timer)
        for camera in self.cameras:
            camera.close()
        if self._tf_static is not None:
            self._node.destroy_subscription(self._tf_static)

    def _find_topics(self) -> None:
        for camera in self.cameras:
            camera.subscribe_when_known()


def check_cameras(node: Node, settings: LocalizerParameters) -> None:
    """Raise ParameterError or MountError for settings with which no image could ever be used."""
    images, infos = settings.image_topics, settings.camera_info_topics
    for topic in images:
        check_topic(node, "image_topics", topic)
    for topic in filter(None, infos):  # an empty one is looked for beside the images
        check_topic(node, "camera_info_topics", topic)
    if infos and len(infos) != len(images):
        raise ParameterError(f"{len(infos)} camera_info_topics for {len(images)} image_topics: give one for each")
    if tf_message_type() is None and not settings.sensor_mounts:
        raise MountError(
            "where the cameras sit is not known: tf2_msgs is not installed, so /tf_static cannot be heard; "
            "set the parameter sensor_mounts to ['FRAME x y z qx qy qz qw'], one for each camera"
        )
    Mounts(settings.sensor_mounts)
