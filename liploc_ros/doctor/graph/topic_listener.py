# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""One topic: what is published, what arrives, and with which stamps."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from statistics import median

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node

from liploc_ros.doctor.graph.discovery import FoundNode, WantedTopic, full_name
from liploc_ros.doctor.graph.shared_memory import own_gid, segment_of_publisher
from liploc_ros.doctor.graph.snapshot import KINDS, InputKind, PublisherRecord, TopicRecord
from liploc_ros.errors import LiplocError
from liploc_ros.nodes.common import ros_libraries
from liploc_ros.nodes.common.diagnostics import Health
from liploc_ros.nodes.common.qos import qos_mismatch
from liploc_ros.nodes.inputs.silence import why_silent
from liploc_ros.nodes.subscriptions.following_subscription import FollowingSubscription
from liploc_ros.nodes.subscriptions.lost_messages import IMAGE_REMEDY, SCAN_REMEDY, LostMessages
from liploc_ros.nodes.subscriptions.serialized_message import SerializedMessage, SerializedMessageError
from liploc_ros.nodes.subscriptions.stamps import (
    IMAGES,
    ODOMETRY,
    SCANS,
    ClockStampCheck,
    MessageName,
    StampCheck,
    StampFault,
)

QUEUE = 10
UNKNOWN_NODE = "_NODE_NAMESPACE_UNKNOWN_/_NODE_NAME_UNKNOWN_"
"""What rmw says in place of the name of a node that it does not know."""
DEFAULT_MAX_AGE = 2.0  # s, of the localizer
NAMES = {"images": IMAGES, "odometry": ODOMETRY, "scans": SCANS, "CameraInfo": MessageName("CameraInfo", "CameraInfo")}
REMEDIES = {"images": IMAGE_REMEDY, "scans": SCAN_REMEDY}


class TopicListener:
    """Subscribes to a topic, and counts."""

    def __init__(self, node: Node, topic: WantedTopic, nodes: Sequence[FoundNode], now_ns: Callable[[], int]) -> None:
        """Subscribe.

        Args:
            node: of the doctor.
            topic: which.
            nodes: all nodes of this package.
            now_ns: returns the time by the clock of the nodes [ns], 0 if it is not known yet.
        """
        self._node, self._topic, self._nodes, self._now_ns = node, topic, nodes, now_ns
        self._lock = threading.Lock()
        self._times: list[float] = []
        self._ages: deque[float] = deque(maxlen=1000)
        self._frames: dict[str, None] = {}
        self._faults: dict[StampFault, tuple[str, bool]] = {}
        self._max_bytes = self._last_stamp_ns = 0
        self._last: SerializedMessage | None = None
        self._fault = ""
        users = [found for found in nodes if found.name in topic.wanted_by]
        name = NAMES[topic.kind]
        # The map builder compares scans with odometry, whatever the clock.
        is_relative = bool(users) and all(found.kind == "map_builder" for found in users)
        max_age = next((found.parameters.get("max_image_age") for found in users), None)
        max_age = DEFAULT_MAX_AGE if max_age is None else max_age
        self._check = StampCheck(topic.name, name) if is_relative else ClockStampCheck(topic.name, name, max_age)
        self._lost = LostMessages(name.all, REMEDIES.get(topic.kind, "use reliable quality of service"))
        self._subscription: FollowingSubscription | None = None
        self.subscribe()

    def subscribe(self) -> None:
        """Subscribe, once a type of this kind of input is published."""
        usable = next((name for name in self._types() if KINDS.get(name) == self._topic.kind), None)
        message = ros_libraries.message_type(usable) if usable is not None else None
        if self._subscription is None and message is not None:
            group = MutuallyExclusiveCallbackGroup()
            self._subscription = FollowingSubscription(
                self._node, message, self._topic.name, self._on_message, "auto", QUEUE, group
            )

    def record(self) -> TopicRecord:
        """Return what was seen."""
        node, topic, now = self._node, self._topic, time.monotonic()
        mismatches = self._mismatches()
        publishers = node.get_publishers_info_by_topic(topic.name)
        with self._lock:
            silence = "" if self._times else self._why_silent(mismatches)
            span = self._times[-1] - self._times[0] if self._times else 0.0
            last, fault = None, self._fault
            if self._last is not None:
                try:
                    last = self._last.read()
                except LiplocError as failure:
                    fault = f"{topic.name}: {failure}"
            gid = own_gid(node)
            return TopicRecord(
                topic.name,
                topic.kind,
                self._types(),
                topic.wanted_by,
                tuple(
                    PublisherRecord(info.node_name, segment_of_publisher(info.endpoint_gid, gid)) for info in publishers
                ),
                mismatches,
                silence,
                len(self._times),
                (len(self._times) - 1) / span if span > 0 else 0.0,
                median(self._ages) if self._ages else None,
                tuple(self._faults.values()),
                self._lost.report(Health(), topic.name, now) if topic.kind != "CameraInfo" else "",
                tuple(self._frames),
                self._max_bytes,
                self._last_stamp_ns,
                last,
                fault,
            )

    def _types(self) -> tuple[str, ...]:
        """Return the types that are published."""
        infos = self._node.get_publishers_info_by_topic(self._topic.name)
        return tuple(sorted({info.topic_type for info in infos}))

    def _why_silent(self, mismatches: Sequence[str]) -> str:
        # Publishers are known by their topics earlier than by their nodes, so those of a node are told by their names.
        prefixes = tuple(f"{found.name}/" for found in self._nodes)
        results = [name for name, _ in self._node.get_topic_names_and_types() if name.startswith(prefixes)]
        types = types_of(self._topic.kind)
        return why_silent(self._node, self._topic.name, types, "".join(mismatches[:1]), results)

    def _mismatches(self) -> tuple[str, ...]:
        """Return one line for each subscription of a node of this package that does not match a publisher."""
        if not self._topic.wanted_by:
            return ()
        lines: dict[str, None] = {}
        # The middleware sometimes knows a subscription but not its node.
        names = {UNKNOWN_NODE, *self._topic.wanted_by}
        for info in self._node.get_subscriptions_info_by_topic(self._topic.name):
            if full_name(info.node_name, info.node_namespace) in names:
                lines[qos_mismatch(self._node, self._topic.name, info.qos_profile, "reliability")] = None
        return tuple(line for line in lines if line)

    def _on_message(self, message: SerializedMessage) -> None:
        now = time.monotonic()
        with self._lock:
            self._times.append(now)
            self._max_bytes = max(self._max_bytes, len(message.data))
            try:
                stamp_ns, frame_id = message.stamp_ns, message.frame_id
            except SerializedMessageError as failure:
                self._fault = f"{self._topic.name}: {failure}"
                return
            self._last, self._last_stamp_ns = message, stamp_ns
            self._frames[frame_id] = None
            reference_ns = self._now_ns()
            if stamp_ns and reference_ns:
                self._ages.append(1e-9 * (reference_ns - stamp_ns))
            fault = self._check.check(stamp_ns, reference_ns, now)
            if fault is None:
                self._lost.add(message, now)
            else:
                self._faults[fault.fault] = str(fault), fault.is_refused


def types_of(kind: InputKind) -> list[str]:
    """Return the types of an input, preferred ones first."""
    return [name for name, of_kind in KINDS.items() if of_kind == kind]
