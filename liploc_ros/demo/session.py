# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The demo: a bag is played over DDS to map builder and localizer, and their results are collected."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from liploc_ros.datasets.pose_message import pose_of
from liploc_ros.demo.client import (
    CAMERA_INFO,
    IMAGE,
    NAMESPACE,
    ODOMETRY,
    POINTS,
    QUEUE,
    START_TIMEOUT,
    DemoClient,
    DemoError,
    RecordedMessages,
    raw_topic,
)
from liploc_ros.demo.node_process import NodeProcess, ParameterValues
from liploc_ros.geometry import Pose
from liploc_ros.localization import Status, TrackingState
from liploc_ros.msg import Belief, MapInfo, MapProgress, PoseHypothesisArray
from liploc_ros.nodes.common.conversions import stamp_ns_of
from liploc_ros.nodes.common.qos import LATCHED
from liploc_ros.nodes.subscriptions.serialized_message import SerializedMessage
from liploc_ros.srv import SaveMap

RESULT_TIMEOUT = 10.0
REPEAT_PERIOD = 0.5
SAVE_TIMEOUT = 300.0

Progress = Callable[[int, int], None]
"""Called with the number of messages or images done, and of all."""


@dataclass(frozen=True)
class LocalizedImage:
    """First hypothesis of an image alone; ``latency_ms`` from publishing the image to receiving its hypotheses."""

    stamp_ns: int
    status: Status
    T_map_base: Pose | None
    score: float
    latency_ms: float


@dataclass(frozen=True)
class TrackedImage:
    """State and first hypothesis of tracking after an image."""

    stamp_ns: int
    state: TrackingState
    T_map_base: Pose | None


class DemoSession(DemoClient):
    """Builds a map, localizes images one by one, and tracks them."""

    def build_map(self, out: Path, progress: Progress) -> None:
        """Play scans and odometry to a map_builder process, and save the map.

        Raises:
            DemoError: the node did not start, or could not save the map.
        """
        points, odometry = self.topic_of(POINTS), self.topic_of(ODOMETRY)
        parameters: ParameterValues = {
            "map_path": str(out),
            "points_topic": NAMESPACE + points,
            "odometry_topic": NAMESPACE + odometry,
            "reliability": "reliable",
            "queue": QUEUE,
            "sensor_mounts": self.mounts,
        }
        received = [0]
        self.subscribe(MapProgress, "map_builder/progress", lambda message: received.append(message.scans_received))
        with self.process("map_builder", parameters) as builder:
            self.wait_until(builder, lambda: self.has_subscribers(points, odometry))
            chosen = self.bag.choose([points, odometry])
            for done, (topic, _, data) in enumerate(self.bag.messages(chosen), start=1):
                self.publish([(topic, data)])
                progress(done, sum(topic.count for topic in chosen))
            scans = self.bag.topics[points].count
            self.wait_until(builder, lambda: received[-1] >= scans)
            response = self.call(builder, SaveMap, "map_builder/save_map", SaveMap.Request(), SAVE_TIMEOUT)
            if response is None or not response.success:
                raise DemoError(f"map_builder: {response.message if response else 'no response to save_map'}")

    def localize(self, lidar_map: Path, progress: Progress) -> Iterator[LocalizedImage]:
        """Play the images one by one to a localizer without tracking; yield the result of each.

        Raises:
            DemoError: the node did not start, or an image has no result.
        """
        parts = [[message] for message in self.recorded(self.topic_of(IMAGE))]
        results = _ReceivedMessages()
        self.subscribe(PoseHypothesisArray, "localizer/hypotheses", results.add)
        parameters: ParameterValues = {"tracking.enabled": False}
        for message, ms in self._play(lidar_map, parameters, parts, results, progress, repeat_first=True):
            best = message.hypotheses[0] if message.hypotheses else None
            pose, score = (None, 0.0) if best is None else (pose_of(best.pose.pose), float(best.score))
            yield LocalizedImage(stamp_ns_of(message), Status(message.status), pose, score, ms)

    def track(self, lidar_map: Path, progress: Progress) -> Iterator[TrackedImage]:
        """Play raw images and odometry to a localizer; yield the state of tracking after each image.

        Raises:
            DemoError: the node did not start, or an image has no result.
        """
        compressed, odometry = self.topic_of(IMAGE), self.topic_of(ODOMETRY)
        image, played = raw_topic(compressed), self.decoded(self.recorded(compressed, odometry))
        # A part reaches to the next image: the localizer may wait for the odometry after an image.
        starts = [row for row, (topic, _) in enumerate(played) if topic == image][1:]
        parts = [played[begin:end] for begin, end in zip([0, *starts], [*starts, None], strict=True)]
        results = _ReceivedMessages()
        self.subscribe(Belief, "localizer/belief", results.add)
        for message, _ in self._play(lidar_map, {"odometry_topic": NAMESPACE + odometry}, parts, results, progress):
            best = message.hypotheses[0] if message.hypotheses else None
            yield TrackedImage(
                stamp_ns_of(message), TrackingState(message.state), None if best is None else pose_of(best.pose.pose)
            )

    def _play(
        self,
        lidar_map: Path,
        extra_parameters: ParameterValues,
        parts: Sequence[RecordedMessages],
        results: _ReceivedMessages,
        progress: Progress,
        *,
        repeat_first: bool = False,
    ) -> Iterator[tuple[Any, float]]:
        """Play parts with one image each to a localizer process; yield results and latencies [ms].

        The first part is repeated until it has a result, because the localizer may not have discovered all publishers.
        With ``repeat_first`` it is then played once more, to measure its latency like that of the others.
        """
        image, _ = self._image_of(parts[0])
        info = self.topic_of(CAMERA_INFO)
        calibration = self.recorded(info)[:1]  # there is one camera, and its calibration does not change
        parameters: ParameterValues = {
            "map": str(lidar_map),
            "image_topics": [NAMESPACE + image],
            "camera_info_topics": [NAMESPACE + info],
            "reliability": "reliable",
            "sensor_mounts": self.mounts,
            **extra_parameters,
        }
        ready = threading.Event()
        self.subscribe(MapInfo, "localizer/map_info", lambda _: ready.set(), LATCHED)
        with self.process("localizer", parameters) as localizer:
            topics = {topic for part in parts for topic, _ in part} | {info}
            self.wait_until(localizer, lambda: ready.is_set() and self.has_subscribers(*topics))
            first = self._result_of(localizer, [*calibration, *parts[0]], results, START_TIMEOUT, REPEAT_PERIOD)
            time.sleep(REPEAT_PERIOD)  # a repeated image may have a second result
            for done, part in enumerate(parts, start=1):
                yield first if done == 1 and not repeat_first else self._result_of(localizer, part, results)
                progress(done, len(parts))

    def _result_of(
        self,
        localizer: NodeProcess,
        part: RecordedMessages,
        results: _ReceivedMessages,
        timeout: float = RESULT_TIMEOUT,
        repeat_period: float = RESULT_TIMEOUT,
    ) -> tuple[Any, float]:
        """Publish a part, and wait for the result of its image. Returns it with the latency [ms]."""
        _, data = self._image_of(part)
        stamp_ns = SerializedMessage(None, data).stamp_ns
        deadline = time.monotonic() + timeout
        results.clear()
        while not localizer.has_ended() and time.monotonic() < deadline:
            sent = time.perf_counter()
            self.publish(part)
            result = results.wait_for(stamp_ns, repeat_period)
            if result is not None:
                received, message = result
                return message, 1e3 * (received - sent)
        raise DemoError(f"localizer: no result of the image at {stamp_ns / 1e9:.3f} s: {localizer.last_line()}")

    def _image_of(self, part: RecordedMessages) -> tuple[str, bytes]:
        """Return the topic and the message of the image, raw or compressed, in a part."""
        compressed = self.topic_of(IMAGE)
        return next(item for item in part if item[0] in (compressed, raw_topic(compressed)))


class _ReceivedMessages:
    """Messages by stamp, with the times at which they were received."""

    def __init__(self) -> None:
        self._messages: dict[int, tuple[float, Any]] = {}
        self._arrived = threading.Condition()

    def add(self, message: Any) -> None:
        received = time.perf_counter()
        with self._arrived:
            self._messages[stamp_ns_of(message)] = received, message
            self._arrived.notify_all()

    def clear(self) -> None:
        with self._arrived:
            self._messages.clear()

    def wait_for(self, stamp_ns: int, timeout: float) -> tuple[float, Any] | None:
        """Return the message with this stamp and its time, or None if it does not arrive in time."""
        with self._arrived:
            self._arrived.wait_for(lambda: stamp_ns in self._messages, timeout)
            return self._messages.get(stamp_ns)
