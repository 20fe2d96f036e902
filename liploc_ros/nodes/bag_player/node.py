# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The bag player node: plays a rosbag2 recording with /clock where ``ros2 bag`` is not installed."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from builtin_interfaces.msg import Time
from rclpy.duration import Duration
from rclpy.logging import get_logger
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock

from liploc_ros.datasets.drive import DatasetError
from liploc_ros.errors import LiplocError
from liploc_ros.files import expand_path
from liploc_ros.nodes.bag_player.messages import TF_STATIC, BagMessages, RecordedTopic
from liploc_ros.nodes.bag_player.parameters import BagPlayerParameters
from liploc_ros.nodes.common.conversions import NANOSECONDS
from liploc_ros.nodes.common.dds_profile import use_profile
from liploc_ros.nodes.common.parameters import check_topic, declare, guard_changes
from liploc_ros.nodes.common.process import run_node
from liploc_ros.nodes.common.qos import QOS_OVERRIDES
from liploc_ros.nodes.common.ros_libraries import message_type
from liploc_ros.nodes.inputs.silence import similar_topics

Progress = Callable[[int, int], None]
"""Called with the number of messages played, and of all messages."""

CLOCK_PROFILE = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
MAX_DELIVERY_TIME = Duration(seconds=10)  # a lost message is repeated after up to 3 s
DISCOVERY_TIME = 0.5  # s before the first message, until existing subscribers are discovered
POLL_PERIOD = 0.05  # s


class BagPlayerNode(Node):
    """Publishes the messages of a bag byte for byte, at the times at which they were recorded, and /clock."""

    def __init__(
        self,
        settings: BagPlayerParameters | None = None,
        progress: Progress | None = None,
        when_done: Callable[[], None] = lambda: None,
        **arguments: Any,
    ) -> None:
        """Open the bag and create the publishers.

        Args:
            settings: how to play; None: the parameters of the node.
            progress: called after each message.
            when_done: called in another thread after the last message.
            arguments: those of rclpy's Node.

        Raises:
            LiplocError: a parameter or the bag cannot be used.
        """
        super().__init__("bag_player", **arguments)
        if settings is None:
            settings = declare(self, BagPlayerParameters)
            guard_changes(
                self, BagPlayerParameters, lambda *change: "the parameters of the bag player are fixed: restart it"
            )
        self._settings = settings
        self._progress = progress or (lambda done, total: None)
        if not self._settings.bag:
            raise DatasetError("no bag given: set the parameter bag to a rosbag2 folder, an .mcap or a .db3 file")
        self._bag = BagMessages(expand_path(self._settings.bag))
        self._stop = threading.Event()
        self._when_done = when_done
        self.failure: LiplocError | None = None
        self._topics = [t for t in self._bag.choose(self._settings.topics) if self._can_publish(t)]
        if not self._topics:
            raise DatasetError(
                f"{self._bag.path}: no message type of its topics is installed: install the packages of the types"
            )
        self._publishers_by_topic: dict[str, Publisher[Any]] = {
            topic.name: self.create_publisher(
                message_type(topic.type_name), topic.name, topic.profile, qos_overriding_options=QOS_OVERRIDES
            )
            for topic in self._topics
        }
        self._awaited = [names for topic in self._settings.wait_for_topics if (names := self._played_names(topic))]
        self._clock_publisher = self.create_publisher(Clock, "/clock", CLOCK_PROFILE) if self._settings.clock else None
        self._thread = threading.Thread(target=self._run, name="player", daemon=True)

    def start(self) -> None:
        """Start playing."""
        self._thread.start()

    def close(self) -> None:
        """Stop playing.

        Raises:
            LiplocError: playing ended with an error.
        """
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5.0)
        if self.failure is not None:
            raise self.failure

    def why_no_result(self) -> str:
        """Return an empty string: errors are raised by :meth:`close`."""
        return ""

    def _run(self) -> None:
        try:
            self._wait_for_subscribers()
            is_first = True
            while is_first or (self._settings.loop and not self._stop.is_set()):
                self._play_once(with_latched=is_first)
                is_first = False
            self._wait_for_delivery()
        except LiplocError as error:
            self.failure = error
        finally:
            self._when_done()

    def _play_once(self, *, with_latched: bool) -> None:
        total = sum(topic.count for topic in self._topics)
        latched = {t.name for t in self._topics if t.profile.durability == DurabilityPolicy.TRANSIENT_LOCAL}
        begin, first_ns = time.monotonic(), None
        for done, (topic, logged_ns, data) in enumerate(self._bag.messages(self._topics), start=1):
            first_ns = logged_ns if first_ns is None else first_ns
            if not self._wait_until_due(begin, first_ns, logged_ns):
                return
            self._publish_clock(logged_ns)
            if with_latched or topic not in latched:  # repeating latched messages in a loop has no effect
                self._publishers_by_topic[topic].publish(data)
            self._progress(done, total)

    def _wait_until_due(self, begin: float, first_ns: int, logged_ns: int) -> bool:
        """Wait until a message is due, and publish /clock meanwhile. Returns False if playing was stopped."""
        due = begin + 1e-9 * (logged_ns - first_ns) / self._settings.rate
        period = 1 / self._settings.clock if self._settings.clock else 0.1
        while (remaining := due - time.monotonic()) > 0:
            if self._stop.wait(min(remaining, period)):
                return False
            elapsed = (time.monotonic() - begin) * self._settings.rate
            self._publish_clock(min(logged_ns, first_ns + int(1e9 * elapsed)))
        return not self._stop.is_set()

    def _publish_clock(self, now_ns: int) -> None:
        if self._clock_publisher is not None:
            self._clock_publisher.publish(Clock(clock=Time(sec=now_ns // NANOSECONDS, nanosec=now_ns % NANOSECONDS)))

    def _wait_for_subscribers(self) -> None:
        deadline = time.monotonic() + self._settings.wait_for_subscribers
        # A message reaches only the subscribers that are discovered before it is published.
        self._stop.wait(DISCOVERY_TIME)
        is_early = not self._has_subscribers()
        while not self._has_subscribers() and time.monotonic() < deadline and not self._stop.is_set():
            self._stop.wait(POLL_PERIOD)
        if self._settings.wait_for_subscribers and not self._has_subscribers() and not self._stop.is_set():
            self.get_logger().warning(
                "playing although some topics have no subscriber: start the nodes first, or raise wait_for_subscribers"
            )
        if is_early and self._settings.wait_for_subscribers:
            self._stop.wait(DISCOVERY_TIME)  # nodes that have just found the topics choose their quality of service

    def _has_subscribers(self) -> bool:
        subscribed = {
            name for name, publisher in self._publishers_by_topic.items() if publisher.get_subscription_count()
        }
        if self._awaited:
            return all(subscribed & names for names in self._awaited)
        return len(subscribed) == len(self._publishers_by_topic) if self._settings.topics else bool(subscribed)

    def _played_names(self, topic: str) -> set[str]:
        """Return the names under which a topic is played: its own, and that of its compressed images."""
        check_topic(self, "wait_for_topics", topic)
        name = self.resolve_topic_name(topic)
        played = {name, f"{name}/compressed"} & self._publishers_by_topic.keys()
        if not played:
            similar = ", ".join(similar_topics(name, self._bag.topics))
            self.get_logger().warning(f"{self._bag.path}: has no topic {name}; similar ones: {similar or 'none'}")
        return played

    def _wait_for_delivery(self) -> None:
        """Wait until reliable subscribers have the last messages, before the publishers are destroyed."""
        for topic in self._topics:
            if topic.profile.reliability == ReliabilityPolicy.RELIABLE and not self._stop.is_set():
                self._publishers_by_topic[topic.name].wait_for_all_acked(MAX_DELIVERY_TIME)

    def _can_publish(self, topic: RecordedTopic) -> bool:
        if message_type(topic.type_name) is not None:
            return True
        package = topic.type_name.partition("/")[0]
        hint = f"install {package}"
        if topic.name == TF_STATIC:
            hint += f", or give the nodes its transforms: sensor_mounts:={self._bag.sensor_mounts()}"
        self.get_logger().warning(f"{topic.name} is not played: {topic.type_name} is not installed; {hint}")
        return False


def play(settings: BagPlayerParameters, progress: Progress | None = None) -> int:
    """Play a bag to its end, with the DDS profile for large messages, and return the exit code of the process."""
    get_logger("bag_player").info(use_profile())
    return run_node(lambda stop: BagPlayerNode(settings, progress, stop), "bag_player", [])


def main(args: Sequence[str] | None = None) -> int:
    """Run the node."""
    return run_node(lambda stop: BagPlayerNode(when_done=stop), "bag_player", args)
