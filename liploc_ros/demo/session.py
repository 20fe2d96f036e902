# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The demo: a bag is played over DDS to map builder and localizer, and their results are collected."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Generic, TypeVar

from liploc_ros.client import BeliefResult, Connection, ImageResult, LocalizerClient, MapBuilderClient
from liploc_ros.demo.bag_source import (
    CAMERA_INFO,
    IMAGE,
    ODOMETRY,
    POINTS,
    QUEUE,
    BagSource,
    DemoError,
    RecordedMessages,
    raw_topic,
)
from liploc_ros.demo.node_process import NodeProcess, ParameterValues
from liploc_ros.errors import LiplocError
from liploc_ros.geometry import Pose
from liploc_ros.localization import Status, TrackingState
from liploc_ros.nodes.common.dds_profile import use_profile
from liploc_ros.nodes.subscriptions.serialized_message import SerializedMessage

NAMESPACE = "/liploc_demo"
START_TIMEOUT = 60.0
RESULT_TIMEOUT = 10.0
REPEAT_PERIOD = 0.5
SAVE_TIMEOUT = 300.0

Result = TypeVar("Result", ImageResult, BeliefResult)
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


class DemoSession:
    """Builds a map, localizes images one by one, and tracks them; a context."""

    def __init__(self, bag: Path) -> None:
        """Open the bag.

        Raises:
            LiplocError: it cannot be read.
        """
        logging.getLogger(__name__).info(use_profile())
        self._connection = Connection("demo", NAMESPACE)
        self._localizer = LocalizerClient("localizer", self._connection)
        try:
            self._source = BagSource(bag, self._connection)
        except LiplocError:
            self._connection.close()
            raise

    def __enter__(self) -> DemoSession:
        """Return the session."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        self._connection.close()

    def build_map(self, out: Path, progress: Progress) -> None:
        """Play scans and odometry to a map_builder process, and save the map.

        Raises:
            LiplocError: the node did not start, or could not save the map.
        """
        source = self._source
        points, odometry = source.topic_of(POINTS), source.topic_of(ODOMETRY)
        parameters: ParameterValues = {
            "map_path": str(out),
            "points_topic": NAMESPACE + points,
            "odometry_topic": NAMESPACE + odometry,
            "reliability": "reliable",
            "queue": QUEUE,
            "sensor_mounts": source.mounts,
        }
        received = [0]
        client = MapBuilderClient("map_builder", self._connection)
        unsubscribe = client.on_progress(lambda state: received.append(state.scans_received))
        with self._running("map_builder", parameters) as builder:
            self._wait_until(builder, lambda: source.has_subscribers(points, odometry))
            chosen = source.bag.choose([points, odometry])
            for done, (topic, _, data) in enumerate(source.bag.messages(chosen), start=1):
                source.publish([(topic, data)])
                progress(done, sum(topic.count for topic in chosen))
            scans = source.bag.topics[points].count
            self._wait_until(builder, lambda: received[-1] >= scans)
            client.save_map(timeout=SAVE_TIMEOUT)
        unsubscribe()

    def localize(self, lidar_map: Path, progress: Progress) -> Iterator[LocalizedImage]:
        """Play the images one by one to a localizer without tracking; yield the result of each.

        Raises:
            LiplocError: the node did not start, or an image has no result.
        """
        source = self._source
        parts = [[message] for message in source.recorded(source.topic_of(IMAGE))]
        results: _ReceivedResults[ImageResult] = _ReceivedResults()
        unsubscribe = self._localizer.on_image(results.add)
        parameters: ParameterValues = {"tracking.enabled": False}
        for result, ms in self._play(lidar_map, parameters, parts, results, progress, repeat_first=True):
            pose, score = (None, 0.0) if result.best is None else (result.best.T_map_base, result.best.score)
            yield LocalizedImage(result.stamp_ns, result.status, pose, score, ms)
        unsubscribe()

    def track(self, lidar_map: Path, progress: Progress) -> Iterator[TrackedImage]:
        """Play raw images and odometry to a localizer; yield the state of tracking after each image.

        Raises:
            LiplocError: the node did not start, or an image has no result.
        """
        source = self._source
        compressed, odometry = source.topic_of(IMAGE), source.topic_of(ODOMETRY)
        image, played = raw_topic(compressed), source.decoded(source.recorded(compressed, odometry))
        # A part reaches to the next image: the localizer may wait for the odometry after an image.
        starts = [row for row, (topic, _) in enumerate(played) if topic == image][1:]
        parts = [played[begin:end] for begin, end in zip([0, *starts], [*starts, None], strict=True)]
        results: _ReceivedResults[BeliefResult] = _ReceivedResults()
        unsubscribe = self._localizer.on_belief(results.add)
        for belief, _ in self._play(lidar_map, {"odometry_topic": NAMESPACE + odometry}, parts, results, progress):
            best = belief.best
            yield TrackedImage(belief.stamp_ns, belief.state, None if best is None else best.T_map_base)
        unsubscribe()

    def _play(
        self,
        lidar_map: Path,
        extra_parameters: ParameterValues,
        parts: Sequence[RecordedMessages],
        results: _ReceivedResults[Result],
        progress: Progress,
        *,
        repeat_first: bool = False,
    ) -> Iterator[tuple[Result, float]]:
        """Play parts with one image each to a localizer process; yield results and latencies [ms].

        The first part is repeated until it has a result, because the localizer may not have discovered all publishers.
        With ``repeat_first`` it is then played once more, to measure its latency like that of the others.
        """
        source = self._source
        image, _ = self._image_of(parts[0])
        info = source.topic_of(CAMERA_INFO)
        calibration: RecordedMessages = source.recorded(info)[
            :1
        ]  # there is one camera, and its calibration does not change
        parameters: ParameterValues = {
            "map": str(lidar_map),
            "image_topics": [NAMESPACE + image],
            "camera_info_topics": [NAMESPACE + info],
            "reliability": "reliable",
            "sensor_mounts": source.mounts,
            **extra_parameters,
        }
        with self._running("localizer", parameters) as localizer:
            self._localizer.wait(START_TIMEOUT)
            topics = {topic for part in parts for topic, _ in part} | {info}
            self._wait_until(localizer, lambda: source.has_subscribers(*topics))
            first = self._result_of(localizer, [*calibration, *parts[0]], results, START_TIMEOUT, REPEAT_PERIOD)
            time.sleep(REPEAT_PERIOD)  # a repeated image may have a second result
            for done, part in enumerate(parts, start=1):
                yield first if done == 1 and not repeat_first else self._result_of(localizer, part, results)
                progress(done, len(parts))

    def _result_of(
        self,
        localizer: NodeProcess,
        part: RecordedMessages,
        results: _ReceivedResults[Result],
        timeout: float = RESULT_TIMEOUT,
        repeat_period: float = RESULT_TIMEOUT,
    ) -> tuple[Result, float]:
        """Publish a part, and wait for the result of its image. Returns it with the latency [ms]."""
        _, data = self._image_of(part)
        stamp_ns = SerializedMessage(None, data).stamp_ns
        deadline = time.monotonic() + timeout
        results.clear()
        while not localizer.has_ended() and time.monotonic() < deadline:
            sent = time.perf_counter()
            self._source.publish(part)
            result = results.wait_for(stamp_ns, repeat_period)
            if result is not None:
                received, message = result
                return message, 1e3 * (received - sent)
        raise DemoError(f"localizer: no result of the image at {stamp_ns / 1e9:.3f} s: {localizer.last_line()}")

    def _image_of(self, part: RecordedMessages) -> tuple[str, bytes]:
        """Return the topic and the message of the image, raw or compressed, in a part."""
        compressed = self._source.topic_of(IMAGE)
        return next(item for item in part if item[0] in (compressed, raw_topic(compressed)))

    @contextmanager
    def _running(self, name: str, parameters: ParameterValues) -> Iterator[NodeProcess]:
        """Run a node of this package in the namespace of the demo; a call of a client ends if its process does."""

        def check() -> None:
            if process.has_ended():
                raise DemoError(f"{name} ended: {process.last_line()}")

        with NodeProcess(name, NAMESPACE, parameters) as process:
            self._connection.while_waiting = check
            try:
                yield process
            finally:
                self._connection.while_waiting = lambda: None

    def _wait_until(self, process: NodeProcess, condition: Callable[[], bool]) -> None:
        if not self._connection.wait_until(condition, START_TIMEOUT):
            raise DemoError(f"{process.name} was not ready in {START_TIMEOUT:.0f} s: {process.last_line()}")


class _ReceivedResults(Generic[Result]):
    """Results by stamp, with the times at which they were received."""

    def __init__(self) -> None:
        self._results: dict[int, tuple[float, Result]] = {}
        self._arrived = threading.Condition()

    def add(self, result: Result) -> None:
        received = time.perf_counter()
        with self._arrived:
            self._results[result.stamp_ns] = received, result
            self._arrived.notify_all()

    def clear(self) -> None:
        with self._arrived:
            self._results.clear()

    def wait_for(self, stamp_ns: int, timeout: float) -> tuple[float, Result] | None:
        """Return the result with this stamp and its time, or None if it does not arrive in time."""
        with self._arrived:
            self._arrived.wait_for(lambda: stamp_ns in self._results, timeout)
            return self._results.get(stamp_ns)
