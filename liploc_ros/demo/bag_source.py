# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The bag of the demo, whose messages are published in the namespace of the demo."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CompressedImage, Image

from liploc_ros.client import ClientError, Connection
from liploc_ros.datasets.image_message import image_from_message
from liploc_ros.nodes.bag_player.messages import BagMessages
from liploc_ros.nodes.common.conversions import image_to_message
from liploc_ros.nodes.common.ros_libraries import message_type

QUEUE = 100  # scans, more than the bag of the demo has: none may be lost
RELIABLE = QoSProfile(depth=10 * QUEUE, reliability=ReliabilityPolicy.RELIABLE)
POINTS, ODOMETRY = "sensor_msgs/msg/PointCloud2", "nav_msgs/msg/Odometry"
IMAGE, CAMERA_INFO = "sensor_msgs/msg/CompressedImage", "sensor_msgs/msg/CameraInfo"

RecordedMessages = Sequence[tuple[str, bytes]]
"""Topics and serialized messages, in the order of recording."""


class DemoError(ClientError):
    """A node of the demo failed or did not respond in time."""


class BagSource:
    """Publishes the messages of a bag.

    Attributes:
        bag: the bag.
        mounts: its sensor mounts, as values of the parameter ``sensor_mounts``.
    """

    def __init__(self, bag: Path, connection: Connection) -> None:
        """Open the bag and create the publishers.

        Raises:
            LiplocError: the bag cannot be read.
        """
        self.bag = BagMessages(bag)
        self.mounts = self.bag.sensor_mounts()
        self._publishers = {
            topic.name: connection.node.create_publisher(
                message_type(topic.type_name), connection.full_name(topic.name.lstrip("/")), RELIABLE
            )
            for topic in self.bag.topics.values()
            if topic.type_name in (POINTS, ODOMETRY, IMAGE, CAMERA_INFO)
        }
        for topic in self.bag.topics.values():
            if topic.type_name == IMAGE:
                raw = raw_topic(topic.name)
                self._publishers[raw] = connection.node.create_publisher(
                    Image, connection.full_name(raw.lstrip("/")), RELIABLE
                )

    def topic_of(self, type_name: str) -> str:
        """Return the first topic of the bag with this type.

        Raises:
            DemoError: no topic has this type.
        """
        for topic in self.bag.topics.values():
            if topic.type_name == type_name:
                return topic.name
        raise DemoError(f"{self.bag.path}: has no topic of type {type_name}: use the bag that comes with the package")

    def recorded(self, *topics: str) -> RecordedMessages:
        """Return the messages of these topics."""
        return [(topic, data) for topic, _, data in self.bag.messages(self.bag.choose(topics))]

    def publish(self, messages: RecordedMessages) -> None:
        """Publish messages of the bag."""
        for topic, data in messages:
            self._publishers[topic].publish(data)

    def has_subscribers(self, *topics: str) -> bool:
        """Return whether each of these topics has a subscriber."""
        return all(self._publishers[topic].get_subscription_count() > 0 for topic in topics)

    def decoded(self, messages: RecordedMessages) -> RecordedMessages:
        """Return messages with raw images instead of the compressed ones, on the raw topic.

        Raises:
            ImageError: an image cannot be decoded.
        """
        images = {topic.name for topic in self.bag.topics.values() if topic.type_name == IMAGE}
        return [
            (raw_topic(topic), _decode(data, topic)) if topic in images else (topic, data) for topic, data in messages
        ]


def raw_topic(compressed: str) -> str:
    """Return the topic of the raw images, by the naming convention of image_transport."""
    return compressed.removesuffix("/compressed")


def _decode(data: bytes, topic: str) -> bytes:
    """Return a serialized CompressedImage as a serialized Image."""
    compressed = deserialize_message(data, CompressedImage)
    pixels = image_from_message(compressed, topic)
    return bytes(serialize_message(image_to_message(pixels, compressed.header)))
