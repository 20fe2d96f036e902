"""The demo's own node: it publishes what is in a bag, in a namespace of its own, and waits for the nodes under test."""

from __future__ import annotations

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

from liploc_ros.demo.node_process import NodeProcess, Parameters
from liploc_ros.errors import LiplocError
from liploc_ros.nodes.bag_player.messages import BagMessages
from liploc_ros.nodes.common.optional_messages import message_type

NAMESPACE = "/liploc_demo"
START_TIMEOUT = 60.0
QUEUE = 100  # scans on their way at once; the excerpt has fewer
RELIABLE = QoSProfile(depth=10 * QUEUE, reliability=ReliabilityPolicy.RELIABLE)
POINTS, ODOMETRY = "sensor_msgs/msg/PointCloud2", "nav_msgs/msg/Odometry"
IMAGE, CAMERA_INFO = "sensor_msgs/msg/CompressedImage", "sensor_msgs/msg/CameraInfo"

Peer = TypeVar("Peer", bound="DemoPeer")
Recorded = Sequence[tuple[str, bytes]]
"""Topics and messages, in order."""


class DemoError(LiplocError):
    """A node of the demo did not do its part."""


class DemoPeer:
    """A node on the graph, to be used as a context."""

    def __init__(self, bag: Path) -> None:
        """Open the bag and join the graph.

        Raises:
            LiplocError: the bag cannot be read.
        """
        self.bag = BagMessages(bag)
        self.mounts = self.bag.sensor_mounts()
        rclpy.init(args=[])
        self._node = rclpy.create_node("demo", namespace=NAMESPACE)
        self._publishers = {
            topic.name: self._node.create_publisher(message_type(topic.type_name), NAMESPACE + topic.name, RELIABLE)
            for topic in self.bag.topics.values()
            if topic.type_name in (POINTS, ODOMETRY, IMAGE, CAMERA_INFO)
        }
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def __enter__(self: Peer) -> Peer:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the graph."""
        self._executor.shutdown(timeout_sec=2)
        self._thread.join(timeout=2)
        self._node.destroy_node()
        rclpy.try_shutdown()

    def process(self, name: str, parameters: Parameters) -> NodeProcess:
        """Return a node of the package that hears what is published here."""
        return NodeProcess(name, NAMESPACE, parameters)

    def topic_of(self, type_name: str) -> str:
        """Return the bag's first topic of a type.

        Raises:
            DemoError: it has none.
        """
        for topic in self.bag.topics.values():
            if topic.type_name == type_name:
                return topic.name
        raise DemoError(f"{self.bag.path}: has no {type_name}: use the excerpt that comes with the package")

    def recorded(self, *topics: str) -> Recorded:
        """Return what the bag has of these topics."""
        return [(topic, data) for topic, _, data in self.bag.messages(self.bag.choose(topics))]

    def publish(self, messages: Recorded) -> None:
        """Publish messages of the bag."""
        for topic, data in messages:
            self._publishers[topic].publish(data)

    def is_heard(self, *topics: str) -> bool:
        """Say whether each of the bag's topics has a subscriber."""
        return all(self._publishers[topic].get_subscription_count() > 0 for topic in topics)

    def listen(self, kind: Any, topic: str, heard: Callable[[Any], None], profile: QoSProfile = RELIABLE) -> None:
        """Have a function called with each message of a topic of the nodes under test."""
        self._node.create_subscription(kind, f"{NAMESPACE}/{topic}", heard, profile)

    def call(self, process: NodeProcess, kind: Any, service: str, request: Any, timeout: float) -> Any:
        """Return the response of a service, or None.

        Raises:
            DemoError: the process ended, or time was over.
        """
        client = self._node.create_client(kind, f"{NAMESPACE}/{service}")
        self.wait_until(process, client.service_is_ready)
        reply = client.call_async(request)
        self.wait_until(process, reply.done, timeout)
        return reply.result()

    def wait_until(self, process: NodeProcess, condition: Callable[[], bool], timeout: float = START_TIMEOUT) -> None:
        """Wait for a condition.

        Raises:
            DemoError: the process ended, or time was over.
        """
        deadline = time.monotonic() + timeout
        while not condition():
            if process.ended():
                raise DemoError(f"{process.name} ended by itself: {process.last_line()}")
            if time.monotonic() > deadline:
                raise DemoError(f"{process.name} was not ready in {timeout:.0f} s: {process.last_line()}")
            time.sleep(0.01)

    def _spin(self) -> None:
        with suppress(ExternalShutdownException):
            self._executor.spin()
