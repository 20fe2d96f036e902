# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The client of the demo: a node that publishes the messages of a bag and receives what the other nodes publish."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CompressedImage, Image

from liploc_ros.datasets.image_message import image_from_message
from liploc_ros.demo.node_process import NodeProcess, ParameterValues
from liploc_ros.errors import LiplocError
from liploc_ros.nodes.bag_player.messages import BagMessages
from liploc_ros.nodes.common.conversions import image_to_message
from liploc_ros.nodes.common.dds_profile import use_profile
from liploc_ros.nodes.common.ros_libraries import message_type

NAMESPACE = "/liploc_demo"
START_TIMEOUT = 60.0
QUEUE = 100  # scans, more than the bag of the demo has: none may be lost
RELIABLE = QoSProfile(depth=10 * QUEUE, reliability=ReliabilityPolicy.RELIABLE)
POINTS, ODOMETRY = "sensor_msgs/msg/PointCloud2", "nav_msgs/msg/Odometry"
IMAGE, CAMERA_INFO = "sensor_msgs/msg/CompressedImage", "sensor_msgs/msg/CameraInfo"

Client = TypeVar("Client", bound="DemoClient")
RecordedMessages = Sequence[tuple[str, bytes]]
"""Topics and serialized messages, in the order of recording."""


class DemoError(LiplocError):
    """A node of the demo failed or did not respond in time."""


class DemoClient:
    """A node in the namespace of the demo, as a context."""

    def __init__(self, bag: Path) -> None:
        """Open the bag and create the node.

        Raises:
            LiplocError: the bag cannot be read.
        """
        self.bag = BagMessages(bag)
        self.mounts = self.bag.sensor_mounts()
        logging.getLogger(__name__).info(use_profile())
        rclpy.init(args=[])
        self._node = rclpy.create_node("demo", namespace=NAMESPACE)
        self._publishers = {
            topic.name: self._node.create_publisher(message_type(topic.type_name), NAMESPACE + topic.name, RELIABLE)
            for topic in self.bag.topics.values()
            if topic.type_name in (POINTS, ODOMETRY, IMAGE, CAMERA_INFO)
        }
        for topic in self.bag.topics.values():
            if topic.type_name == IMAGE:
                raw = raw_topic(topic.name)
                self._publishers[raw] = self._node.create_publisher(Image, NAMESPACE + raw, RELIABLE)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def __enter__(self: Client) -> Client:
        """Return the client."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Destroy the node."""
        self._executor.shutdown(timeout_sec=2)
        self._thread.join(timeout=2)
        self._node.destroy_node()
        rclpy.try_shutdown()

    def process(self, name: str, parameters: ParameterValues) -> NodeProcess:
        """Return a node of this package in the namespace of the demo, to be started."""
        return NodeProcess(name, NAMESPACE, parameters)

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

    def subscribe(
        self, message_type: Any, topic: str, callback: Callable[[Any], None], profile: QoSProfile = RELIABLE
    ) -> None:
        """Subscribe to a topic in the namespace of the demo."""
        self._node.create_subscription(message_type, f"{NAMESPACE}/{topic}", callback, profile)

    def call(self, process: NodeProcess, service_type: Any, service: str, request: Any, timeout: float) -> Any:
        """Call a service of a process and return its response, or None if the call failed.

        Raises:
            DemoError: the process ended, or the time is over.
        """
        client = self._node.create_client(service_type, f"{NAMESPACE}/{service}")
        self.wait_until(process, client.service_is_ready)
        response = client.call_async(request)
        self.wait_until(process, response.done, timeout)
        return response.result()

    def wait_until(self, process: NodeProcess, condition: Callable[[], bool], timeout: float = START_TIMEOUT) -> None:
        """Wait for a condition.

        Raises:
            DemoError: the process ended, or the time is over.
        """
        deadline = time.monotonic() + timeout
        while not condition():
            if process.has_ended():
                raise DemoError(f"{process.name} ended: {process.last_line()}")
            if time.monotonic() > deadline:
                raise DemoError(f"{process.name} was not ready in {timeout:.0f} s: {process.last_line()}")
            time.sleep(0.01)

    def decoded(self, messages: RecordedMessages) -> RecordedMessages:
        """Return messages with raw images instead of the compressed ones, on the raw topic.

        Raises:
            ImageError: an image cannot be decoded.
        """
        images = {topic.name for topic in self.bag.topics.values() if topic.type_name == IMAGE}
        return [
            (raw_topic(topic), _decode(data, topic)) if topic in images else (topic, data) for topic, data in messages
        ]

    def _spin(self) -> None:
        with suppress(ExternalShutdownException):
            self._executor.spin()


def raw_topic(compressed: str) -> str:
    """Return the topic of the raw images, by the naming convention of image_transport."""
    return compressed.removesuffix("/compressed")


def _decode(data: bytes, topic: str) -> bytes:
    """Return a serialized CompressedImage as a serialized Image."""
    compressed = deserialize_message(data, CompressedImage)
    pixels = image_from_message(compressed, topic)
    return bytes(serialize_message(image_to_message(pixels, compressed.header)))
