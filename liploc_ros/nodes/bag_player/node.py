"""Plays a rosbag2 recording with /clock, for who has no ``ros2 bag``."""

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from builtin_interfaces.msg import Time
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock

from liploc_ros.datasets.drive import DatasetError
from liploc_ros.errors import LiplocError
from liploc_ros.nodes.bag_player.messages import TF_STATIC, BagMessages, RecordedTopic
from liploc_ros.nodes.bag_player.parameters import BagPlayerParameters
from liploc_ros.nodes.common.conversions import NANOSECONDS
from liploc_ros.nodes.common.optional_messages import message_type
from liploc_ros.nodes.common.parameters import check_topic, declare
from liploc_ros.nodes.common.process import run_node

Progress = Callable[[int, int], None]
"""Called with messages played and messages in all."""

CLOCK_PROFILE = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
DELIVERY = Duration(seconds=10)  # what was lost on the way is sent again after 3 s
DISCOVERY = 0.5  # s between the last publisher and the first message, for subscribers that are already there


class BagPlayerNode(Node):
    """Publishes the messages of a bag as they were recorded, byte for byte, and the clock that they keep time with."""

    def __init__(
        self,
        settings: BagPlayerParameters | None = None,
        progress: Progress | None = None,
        when_done: Callable[[], None] = lambda: None,
        **arguments: Any,
    ) -> None:
        """Open the bag and create the publishers.

        Args:
            settings: how to play; when left out they come from the node's parameters.
            progress: told of messages played.
            when_done: called in another thread after the last message.
            arguments: those of rclpy's Node.

        Raises:
            LiplocError: a parameter or the bag cannot be used.
        """
        super().__init__("bag_player", **arguments)
        self._settings = settings or declare(self, BagPlayerParameters)
        self._progress = progress or (lambda done, total: None)
        if not self._settings.bag:
            raise DatasetError("no bag given: set the parameter bag to a rosbag2 folder, an .mcap or a .db3 file")
        self._bag = BagMessages(Path(self._settings.bag))
        self._stop = threading.Event()
        self._when_done = when_done
        self.failure: LiplocError | None = None
        self._topics = [t for t in self._bag.choose(self._settings.topics) if self._can_publish(t)]
        if not self._topics:
            raise DatasetError(f"{self._bag.path}: none of its topics has a type that is installed: nothing to play")
        self._publishers_by_topic: dict[str, Publisher[Any]] = {
            topic.name: self.create_publisher(message_type(topic.type_name), topic.name, topic.profile)
            for topic in self._topics
        }
        self._awaited = [played for topic in self._settings.wait_for_topics if (played := self._played(topic))]
        self._clock_publisher = self.create_publisher(Clock, "/clock", CLOCK_PROFILE) if self._settings.clock else None
        self._thread = threading.Thread(target=self._run, name="player", daemon=True)

    def start(self) -> None:
        """Begin to play."""
        self._thread.start()

    def close(self) -> None:
        """Stop.

        Raises:
            LiplocError: playing ended with an error.
        """
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5.0)
        if self.failure is not None:
            raise self.failure

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
            if not self._keep_time(begin, first_ns, logged_ns):
                return
            self._publish_clock(logged_ns)
            if with_latched or topic not in latched:  # latched messages need no second time
                self._publishers_by_topic[topic].publish(data)
            self._progress(done, total)

    def _keep_time(self, begin: float, first_ns: int, logged_ns: int) -> bool:
        """Wait until it is the message's turn, with the clock running; returns False when told to stop."""
        due = begin + 1e-9 * (logged_ns - first_ns) / self._settings.rate
        period = 1 / self._settings.clock if self._settings.clock else 0.1
        while (left := due - time.monotonic()) > 0:
            if self._stop.wait(min(left, period)):
                return False
            elapsed = (time.monotonic() - begin) * self._settings.rate
            self._publish_clock(min(logged_ns, first_ns + int(1e9 * elapsed)))
        return not self._stop.is_set()

    def _publish_clock(self, now_ns: int) -> None:
        if self._clock_publisher is not None:
            self._clock_publisher.publish(Clock(clock=Time(sec=now_ns // NANOSECONDS, nanosec=now_ns % NANOSECONDS)))

    def _wait_for_subscribers(self) -> None:
        deadline = time.monotonic() + self._settings.wait_for_subscribers
        # Reliable messages reach a subscriber that was discovered in time, and that takes a moment.
        self._stop.wait(DISCOVERY)
        while not self._is_heard() and time.monotonic() < deadline and not self._stop.is_set():
            self._stop.wait(0.05)
        if self._settings.wait_for_subscribers and not self._is_heard() and not self._stop.is_set():
            self.get_logger().warning("played although topics have no subscriber: start the nodes that listen first")

    def _is_heard(self) -> bool:
        heard = {name for name, publisher in self._publishers_by_topic.items() if publisher.get_subscription_count()}
        if self._awaited:
            return all(heard & names for names in self._awaited)
        return len(heard) == len(self._publishers_by_topic) if self._settings.topics else bool(heard)

    def _played(self, topic: str) -> set[str]:
        """Return under which names a topic is played: its own, and that of its compressed images."""
        check_topic(self, "wait_for_topics", topic)
        name = self.resolve_topic_name(topic)
        return {name, f"{name}/compressed"} & self._publishers_by_topic.keys()

    def _wait_for_delivery(self) -> None:
        """Give reliable subscribers the last messages before the publishers go."""
        for topic in self._topics:
            if topic.profile.reliability == ReliabilityPolicy.RELIABLE and not self._stop.is_set():
                self._publishers_by_topic[topic.name].wait_for_all_acked(DELIVERY)

    def _can_publish(self, topic: RecordedTopic) -> bool:
        if message_type(topic.type_name) is not None:
            return True
        package = topic.type_name.partition("/")[0]
        hint = f"install {package}"
        if topic.name == TF_STATIC:
            hint += f", or give the nodes what it says: sensor_mounts:={self._bag.sensor_mounts()}"
        self.get_logger().warning(f"{topic.name} is left out: {topic.type_name} is not installed; {hint}")
        return False


def play(settings: BagPlayerParameters, progress: Progress | None = None) -> int:
    """Play a bag to its end and return the exit code of the process."""
    return run_node(lambda stop: BagPlayerNode(settings, progress, stop), "bag_player", [])


def main(args: Sequence[str] | None = None) -> int:
    """Run the node."""
    return run_node(lambda stop: BagPlayerNode(when_done=stop), "bag_player", args)
