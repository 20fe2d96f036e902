"""Plays a bag to the real nodes over DDS, and listens to what they say: for the demo."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message

from liploc_ros.errors import LiplocError
from liploc_ros.geometry import Pose
from liploc_ros.localization import Status
from liploc_ros.msg import MapInfo, MapProgress, PoseHypothesisArray
from liploc_ros.nodes.bag_messages import BagMessages
from liploc_ros.nodes.conversions import pose_of, stamp_ns_of
from liploc_ros.nodes.optional import message_type
from liploc_ros.nodes.quality import LATCHED
from liploc_ros.srv import SaveMap

NAMESPACE = "/liploc_demo"
START_TIMEOUT = 60.0
ANSWER_TIMEOUT = 10.0
SAVE_TIMEOUT = 300.0
QUEUE = 100  # scans on their way at once; the excerpt has fewer
RELIABLE = QoSProfile(depth=10 * QUEUE, reliability=ReliabilityPolicy.RELIABLE)
POINTS, ODOMETRY = "sensor_msgs/msg/PointCloud2", "nav_msgs/msg/Odometry"
IMAGE, CAMERA_INFO = "sensor_msgs/msg/CompressedImage", "sensor_msgs/msg/CameraInfo"

Progress = Callable[[int, int], None]
Parameters = Mapping[str, str | int | list[str]]


class DemoError(LiplocError):
    """A node of the demo did not do its part."""


@dataclass(frozen=True)
class Answer:
    """What the localizer node said of an image; ``latency_ms`` from publishing the image to hearing the hypotheses."""

    stamp_ns: int
    status: Status
    T_map_base: Pose | None
    score: float
    latency_ms: float


class DemoSession:
    """A node of its own, in a namespace of its own, that plays the bag to the nodes under test."""

    def __init__(self, bag: Path) -> None:
        """Open the bag and join the graph.

        Raises:
            LiplocError: the bag cannot be read.
        """
        self._bag = BagMessages(bag)
        self._mounts = self._bag.sensor_mounts()
        rclpy.init(args=[])
        self._node = rclpy.create_node("demo", namespace=NAMESPACE)
        self._publishers = {
            topic.name: self._node.create_publisher(message_type(topic.type_name), NAMESPACE + topic.name, RELIABLE)
            for topic in self._bag.topics.values()
            if topic.type_name in (POINTS, ODOMETRY, IMAGE, CAMERA_INFO)
        }
        self._answers: dict[int, tuple[float, Any]] = {}
        self._answered = threading.Condition()
        self._scans_received = 0
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def __enter__(self) -> DemoSession:
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

    def build_map(self, out: Path, progress: Progress) -> None:
        """Play scans and odometry to a map_builder process, and have it save the map.

        Raises:
            DemoError: the node did not start, or could not save.
        """
        points, odometry = self._topic_of(POINTS), self._topic_of(ODOMETRY)
        parameters: Parameters = {
            "map_path": str(out),
            "points_topic": NAMESPACE + points,
            "odometry_topic": NAMESPACE + odometry,
            "reliability": "reliable",
            "queue": QUEUE,
            "sensor_mounts": self._mounts,
        }
        self._node.create_subscription(MapProgress, f"{NAMESPACE}/map_builder/progress", self._on_progress, RELIABLE)
        with _NodeProcess("map_builder", parameters) as builder:
            self._wait_until(builder, lambda: all(self._is_heard(topic) for topic in (points, odometry)))
            self._play(builder, (points, odometry), progress)
            request = SaveMap.Request()
            client = self._node.create_client(SaveMap, f"{NAMESPACE}/map_builder/save_map")
            self._wait_until(builder, client.service_is_ready)
            reply = client.call_async(request)
            self._wait_until(builder, reply.done, SAVE_TIMEOUT)
            result = reply.result()
            if result is None or not result.success:
                raise DemoError(f"map_builder: {result.message if result else 'gave no answer'}")

    def localize(self, lidar_map: Path, progress: Progress) -> Iterator[Answer]:
        """Play the images, one after the other, to a localizer process; yield what it answers.

        Raises:
            DemoError: the node did not start, or an image got no answer.
        """
        image, info = self._topic_of(IMAGE), self._topic_of(CAMERA_INFO)
        parameters: Parameters = {
            "map": str(lidar_map),
            "image_topics": [NAMESPACE + image],
            "camera_info_topics": [NAMESPACE + info],
            "reliability": "reliable",
            "sensor_mounts": self._mounts,
        }
        ready = threading.Event()
        self._node.create_subscription(MapInfo, f"{NAMESPACE}/localizer/map_info", lambda _: ready.set(), LATCHED)
        self._node.create_subscription(
            PoseHypothesisArray, f"{NAMESPACE}/localizer/hypotheses", self._on_hypotheses, RELIABLE
        )
        recorded = [(topic, data) for topic, _, data in self._bag.messages(self._bag.choose([image, info]))]
        images = [data for topic, data in recorded if topic == image]
        calibration = next(data for topic, data in recorded if topic == info)  # one camera: all are alike
        with _NodeProcess("localizer", parameters) as localizer:
            self._wait_until(localizer, lambda: ready.is_set() and self._is_heard(image) and self._is_heard(info))
            self._introduce(localizer, info, calibration, image, images[0])
            for done, data in enumerate(images, start=1):
                yield self._ask(localizer, image, data)
                progress(done, len(images))

    def _introduce(self, localizer: _NodeProcess, info: str, calibration: bytes, image: str, data: bytes) -> None:
        """Repeat the calibration and an image until there is an answer: the first messages can be too early."""
        stamp_ns = _stamp_of(data)
        begin = time.monotonic()
        with self._answered:
            while stamp_ns not in self._answers:
                if localizer.ended() or time.monotonic() - begin > START_TIMEOUT:
                    raise DemoError(f"localizer: answers no image: {localizer.last_line()}")
                self._publishers[info].publish(calibration)
                self._publishers[image].publish(data)
                self._answered.wait(0.5)
            self._answered.wait(0.5)  # a second answer to a repeated image

    def _ask(self, localizer: _NodeProcess, image: str, data: bytes) -> Answer:
        """Publish an image and wait for what the localizer says of it."""
        stamp_ns = _stamp_of(data)
        with self._answered:
            self._answers.pop(stamp_ns, None)
            sent = time.perf_counter()
            self._publishers[image].publish(data)
            if not self._answered.wait_for(lambda: stamp_ns in self._answers, ANSWER_TIMEOUT):
                raise DemoError(f"localizer: no answer to the image of {stamp_ns / 1e9:.3f} s: {localizer.last_line()}")
            heard, message = self._answers[stamp_ns]
        best = message.hypotheses[0] if message.hypotheses else None
        return Answer(
            stamp_ns,
            Status(message.status),
            None if best is None else pose_of(best.pose.pose),
            0.0 if best is None else float(best.score),
            1e3 * (heard - sent),
        )

    def _on_progress(self, message: Any) -> None:
        self._scans_received = message.scans_received

    def _on_hypotheses(self, message: Any) -> None:
        heard = time.perf_counter()
        with self._answered:
            self._answers[stamp_ns_of(message)] = heard, message
            self._answered.notify_all()

    def _play(self, builder: _NodeProcess, topics: Sequence[str], progress: Progress) -> None:
        """Publish all that the builder's queue holds, and wait until it has it."""
        chosen = self._bag.choose(topics)
        total = sum(topic.count for topic in chosen)
        for done, (topic, _, data) in enumerate(self._bag.messages(chosen), start=1):
            self._publishers[topic].publish(data)
            progress(done, total)
        scans = sum(topic.count for topic in chosen if topic.type_name == POINTS)
        self._wait_until(builder, lambda: self._scans_received >= scans)

    def _topic_of(self, type_name: str) -> str:
        for topic in self._bag.topics.values():
            if topic.type_name == type_name:
                return topic.name
        raise DemoError(f"{self._bag.path}: has no {type_name}: use the excerpt that comes with the package")

    def _is_heard(self, topic: str) -> bool:
        return bool(self._publishers[topic].get_subscription_count() > 0)

    def _wait_until(self, process: _NodeProcess, condition: Callable[[], bool], timeout: float = START_TIMEOUT) -> None:
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


class _NodeProcess:
    """A node of the package as a process of its own; ended as Ctrl-C would end it."""

    def __init__(self, name: str, parameters: Parameters) -> None:
        self.name = name
        code = f"import sys; from liploc_ros.nodes.{name} import main; sys.exit(main())"
        self._command = [sys.executable, "-c", code, "--ros-args", "-r", f"__ns:={NAMESPACE}"]
        for key, value in parameters.items():
            self._command += ["-p", f"{key}:={json.dumps(value)}"]

    def __enter__(self) -> _NodeProcess:
        self._log = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(self._command, stdout=self._log, stderr=subprocess.STDOUT)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._log.close()

    def ended(self) -> bool:
        return self._process.poll() is not None

    def last_line(self) -> str:
        """Return the last line that the node logged."""
        self._log.seek(0)
        lines = [line.strip() for line in self._log.read().splitlines() if line.strip()]
        return lines[-1] if lines else "nothing was logged"


def _stamp_of(image: bytes) -> int:
    return stamp_ns_of(deserialize_message(image, message_type(IMAGE)))
