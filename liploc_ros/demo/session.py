"""Plays a bag to the real nodes over DDS, and listens to what they say: for the demo."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rclpy.serialization import deserialize_message

from liploc_ros.demo.node_process import NodeProcess, Parameters
from liploc_ros.demo.peer import (
    CAMERA_INFO,
    IMAGE,
    NAMESPACE,
    ODOMETRY,
    POINTS,
    QUEUE,
    START_TIMEOUT,
    DemoError,
    DemoPeer,
    Recorded,
)
from liploc_ros.geometry import Pose
from liploc_ros.localization import Status, TrackingState
from liploc_ros.msg import Belief, MapInfo, MapProgress, PoseHypothesisArray
from liploc_ros.nodes.common.conversions import pose_of, stamp_ns_of
from liploc_ros.nodes.common.optional_messages import message_type
from liploc_ros.nodes.common.qos import LATCHED
from liploc_ros.srv import SaveMap

ANSWER_TIMEOUT = 10.0
SAVE_TIMEOUT = 300.0

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Answer:
    """What the localizer node said of an image; ``latency_ms`` from publishing the image to hearing the hypotheses."""

    stamp_ns: int
    status: Status
    T_map_base: Pose | None
    score: float
    latency_ms: float


@dataclass(frozen=True)
class Tracked:
    """What it held true after an image and all before."""

    stamp_ns: int
    state: TrackingState
    T_map_base: Pose | None


class DemoSession(DemoPeer):
    """Has a map built, then images localized, each by itself and all in a row."""

    def build_map(self, out: Path, progress: Progress) -> None:
        """Play scans and odometry to a map_builder process, and have it save the map.

        Raises:
            DemoError: the node did not start, or could not save.
        """
        points, odometry = self.topic_of(POINTS), self.topic_of(ODOMETRY)
        parameters: Parameters = {
            "map_path": str(out),
            "points_topic": NAMESPACE + points,
            "odometry_topic": NAMESPACE + odometry,
            "reliability": "reliable",
            "queue": QUEUE,
            "sensor_mounts": self.mounts,
        }
        received = [0]
        self.listen(MapProgress, "map_builder/progress", lambda message: received.append(message.scans_received))
        with self.process("map_builder", parameters) as builder:
            self.wait_until(builder, lambda: self.is_heard(points, odometry))
            chosen = self.bag.choose([points, odometry])
            for done, (topic, _, data) in enumerate(self.bag.messages(chosen), start=1):
                self.publish([(topic, data)])
                progress(done, sum(topic.count for topic in chosen))
            scans = self.bag.topics[points].count
            self.wait_until(builder, lambda: received[-1] >= scans)
            result = self.call(builder, SaveMap, "map_builder/save_map", SaveMap.Request(), SAVE_TIMEOUT)
            if result is None or not result.success:
                raise DemoError(f"map_builder: {result.message if result else 'gave no answer'}")

    def localize(self, lidar_map: Path, progress: Progress) -> Iterator[Answer]:
        """Play the images, one after the other, to a localizer without tracking; yield what it answers.

        Raises:
            DemoError: the node did not start, or an image got no answer.
        """
        parts = [[message] for message in self.recorded(self.topic_of(IMAGE))]
        answers = _Heard()
        self.listen(PoseHypothesisArray, "localizer/hypotheses", answers.hear)
        for message, ms in self._play(lidar_map, {"tracking": False}, parts, answers, progress, with_first_again=True):
            best = message.hypotheses[0] if message.hypotheses else None
            pose, score = (None, 0.0) if best is None else (pose_of(best.pose.pose), float(best.score))
            yield Answer(stamp_ns_of(message), Status(message.status), pose, score, ms)

    def track(self, lidar_map: Path, progress: Progress) -> Iterator[Tracked]:
        """Play images and odometry to a localizer; yield what it holds true after each image.

        Raises:
            DemoError: the node did not start, or an image got no answer.
        """
        image, odometry = self.topic_of(IMAGE), self.topic_of(ODOMETRY)
        played = self.recorded(image, odometry)
        # From image to image: the odometry that follows one may be waited for.
        starts = [row for row, (topic, _) in enumerate(played) if topic == image][1:]
        parts = [played[begin:end] for begin, end in zip([0, *starts], [*starts, None], strict=True)]
        beliefs = _Heard()
        self.listen(Belief, "localizer/belief", beliefs.hear)
        for message, _ in self._play(lidar_map, {"odometry_topic": NAMESPACE + odometry}, parts, beliefs, progress):
            best = message.hypotheses[0] if message.hypotheses else None
            yield Tracked(
                stamp_ns_of(message), TrackingState(message.state), None if best is None else pose_of(best.pose.pose)
            )

    def _play(
        self,
        lidar_map: Path,
        more: Parameters,
        parts: Sequence[Recorded],
        answers: _Heard,
        progress: Progress,
        *,
        with_first_again: bool = False,
    ) -> Iterator[tuple[Any, float]]:
        """Play parts with an image each to a localizer process; yield answers, and milliseconds until they were heard.

        The first part is played until there is an answer: it can be too early. ``with_first_again``: and then again.
        """
        image, info = self.topic_of(IMAGE), self.topic_of(CAMERA_INFO)
        calibration = self.recorded(info)[:1]  # one camera: all are alike
        parameters: Parameters = {
            "map": str(lidar_map),
            "image_topics": [NAMESPACE + image],
            "camera_info_topics": [NAMESPACE + info],
            "reliability": "reliable",
            "sensor_mounts": self.mounts,
            **more,
        }
        ready = threading.Event()
        self.listen(MapInfo, "localizer/map_info", lambda _: ready.set(), LATCHED)
        with self.process("localizer", parameters) as localizer:
            topics = {topic for part in parts for topic, _ in part} | {info}
            self.wait_until(localizer, lambda: ready.is_set() and self.is_heard(*topics))
            first = self._ask(localizer, [*calibration, *parts[0]], answers, START_TIMEOUT, again_after=0.5)
            time.sleep(0.5)  # a second answer to a repeated image
            for done, part in enumerate(parts, start=1):
                yield first if done == 1 and not with_first_again else self._ask(localizer, part, answers)
                progress(done, len(parts))

    def _ask(
        self,
        localizer: NodeProcess,
        part: Recorded,
        answers: _Heard,
        timeout: float = ANSWER_TIMEOUT,
        again_after: float = ANSWER_TIMEOUT,
    ) -> tuple[Any, float]:
        """Publish an image, and what goes with it, and wait for what the localizer says of it."""
        image = self.topic_of(IMAGE)
        stamp_ns = next(_stamp_of(data) for topic, data in part if topic == image)
        deadline = time.monotonic() + timeout
        answers.forget()
        while not localizer.ended() and time.monotonic() < deadline:
            sent = time.perf_counter()
            self.publish(part)
            found = answers.of(stamp_ns, again_after)
            if found is not None:
                heard, message = found
                return message, 1e3 * (heard - sent)
        raise DemoError(f"localizer: no answer to the image of {stamp_ns / 1e9:.3f} s: {localizer.last_line()}")


class _Heard:
    """What was heard, and when."""

    def __init__(self) -> None:
        self._messages: dict[int, tuple[float, Any]] = {}
        self._came = threading.Condition()

    def hear(self, message: Any) -> None:
        heard = time.perf_counter()
        with self._came:
            self._messages[stamp_ns_of(message)] = heard, message
            self._came.notify_all()

    def forget(self) -> None:
        with self._came:
            self._messages.clear()

    def of(self, stamp_ns: int, timeout: float) -> tuple[float, Any] | None:
        """Return what is said of an image, or None if nothing is in time."""
        with self._came:
            self._came.wait_for(lambda: stamp_ns in self._messages, timeout)
            return self._messages.get(stamp_ns)


def _stamp_of(image: bytes) -> int:
    return stamp_ns_of(deserialize_message(image, message_type(IMAGE)))
