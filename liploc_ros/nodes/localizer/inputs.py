# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Camera inputs of the localizer while it is active."""

from collections.abc import Callable, Sequence

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node

from liploc_ros.nodes.common import ros_libraries
from liploc_ros.nodes.common.diagnostics import STEADY_CLOCK
from liploc_ros.nodes.common.logging import ThrottledLog
from liploc_ros.nodes.common.mounts import MountError, Mounts
from liploc_ros.nodes.common.parameters import ParameterError, check_topic
from liploc_ros.nodes.common.transforms import TransformSource
from liploc_ros.nodes.localizer.camera import CameraInput, ReceivedImage
from liploc_ros.nodes.localizer.parameters import LocalizerParameters


class CameraInputs:
    """The cameras, with their mounts."""

    def __init__(
        self,
        node: Node,
        settings: LocalizerParameters,
        transforms: TransformSource,
        on_image: Callable[[CameraInput, ReceivedImage], None],
        log: ThrottledLog,
    ) -> None:
        """Subscribe to all cameras.

        Raises:
            MountError: an entry of ``sensor_mounts`` cannot be read.
        """
        self._node = node
        mounts = Mounts(settings.sensor_mounts, transforms)
        inputs, timers = MutuallyExclusiveCallbackGroup(), MutuallyExclusiveCallbackGroup()
        self.cameras = [
            CameraInput(node, topic, info_topic, settings, mounts, on_image, log, inputs)
            for topic, info_topic in zip(settings.image_topics, _info_topics(settings), strict=True)
        ]
        self._timer = node.create_timer(0.2, self._discover_topics, callback_group=timers, clock=STEADY_CLOCK)

    def close(self) -> None:
        """Unsubscribe from all cameras."""
        self._node.destroy_timer(self._timer)
        for camera in self.cameras:
            camera.close()

    def _discover_topics(self) -> None:
        for camera in self.cameras:
            camera.subscribe_to_images()


def check_cameras(node: Node, settings: LocalizerParameters) -> None:
    """Raise ParameterError or MountError for settings with which no image can be used."""
    images, infos = settings.image_topics, _info_topics(settings)
    if not images:
        raise ParameterError("parameter image_topics = ['']: name at least one topic")
    for topic in images:
        check_topic(node, "image_topics", topic)
    for topic in filter(None, infos):
        check_topic(node, "camera_info_topics", topic)
    if len(infos) != len(images):
        raise ParameterError(f"{len(infos)} camera_info_topics for {len(images)} image_topics: give one for each")
    if ros_libraries.tf_message_type() is None and not settings.sensor_mounts:
        raise MountError(
            "the mounts of the cameras are not known: tf2_msgs is not installed, so /tf_static cannot be received; "
            "set the parameter sensor_mounts to ['FRAME x y z qx qy qz qw'], with one entry per camera"
        )
    Mounts(settings.sensor_mounts)


def _info_topics(settings: LocalizerParameters) -> Sequence[str]:
    """Return the topics of the calibrations, empty for the default next to the image topic."""
    given = settings.camera_info_topics
    return given if any(given) else [""] * len(settings.image_topics)
