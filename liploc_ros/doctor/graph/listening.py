# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Listening to the ROS graph for some seconds."""

from __future__ import annotations

import time
from collections.abc import Iterable
from operator import sub
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock

from liploc_ros.client import Connection
from liploc_ros.datasets.pose_message import frame_name, pose_of_stamped_transform
from liploc_ros.datasets.transforms import StaticTransforms
from liploc_ros.doctor.graph.discovery import FoundNode, find_nodes, has_nodes, input_topics
from liploc_ros.doctor.graph.snapshot import (
    ClockRecord,
    DiagnosticRecord,
    GraphSnapshot,
    NodeRecord,
    TopicRecord,
    TransformRecord,
)
from liploc_ros.doctor.graph.topic_listener import TopicListener
from liploc_ros.geometry import PoseError
from liploc_ros.msg import MapInfo
from liploc_ros.nodes.common import ros_libraries
from liploc_ros.nodes.common.qos import LATCHED
from liploc_ros.nodes.common.subscription import TransformTopics

MIN_DISCOVERY, MAX_DISCOVERY = 1.5, 5.0  # s until it is believed that all nodes are known, and that there is none
FIND_PERIOD = 0.5  # s between two looks for topics
SETTLING = 0.5  # s from the first node of this package to the others
NAME = "liploc_doctor"


class Graph:
    """Subscriptions to everything that is checked."""

    def __init__(self, connection: Connection) -> None:
        """Find nodes and topics, and subscribe."""
        self._connection, self._node = connection, connection.node
        self._clock_ns: list[int] = []
        self._diagnostics: dict[str, DiagnosticRecord] = {}
        self._maps: dict[str, Any] = {}
        self._transforms = StaticTransforms()
        self._parents: dict[str, set[str]] = {}
        self._nodes = find_nodes(connection)
        best_effort = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
        connection.subscribe(Clock, "/clock", self._on_clock, best_effort)
        connection.subscribe(DiagnosticArray, "/diagnostics", self._on_diagnostics)
        for found in self._nodes:
            if found.kind == "localizer":
                connection.subscribe(MapInfo, f"{found.name}/map_info", self._map_adder(found.name), LATCHED)
        message = ros_libraries.tf_message_type()
        self._can_receive = message is not None
        if message is not None:
            group = MutuallyExclusiveCallbackGroup()
            TransformTopics(self._node, message, self._on_tf, self._on_tf, lambda kind, line: None, group)
        is_simulated = any(found.parameters.get("use_sim_time") for found in self._nodes)
        is_simulated |= not self._nodes and self._node.count_publishers("/clock") > 0
        self._clock = self._now_ns if is_simulated else time.time_ns
        self._listeners: dict[str, TopicListener] = {}
        self.find_topics()

    def find_topics(self) -> None:
        """Subscribe to inputs that are known by now, and were not before."""
        for listener in self._listeners.values():
            listener.subscribe()
        for topic in input_topics(self._node, self._nodes):
            if topic.name not in self._listeners:
                self._listeners[topic.name] = TopicListener(self._node, topic, self._nodes, self._clock)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to listen to."""
        return not self._nodes and not self._listeners

    def snapshot(self, duration: float) -> GraphSnapshot:
        """Return what was seen in this time [s]."""
        clock = list(self._clock_ns)
        return GraphSnapshot(
            duration,
            tuple(self._record(found) for found in self._nodes),
            {record.name: record for record in self._topics()},
            TransformRecord(
                self._can_receive,
                self._transforms,
                {child: frozenset(parents) for child, parents in self._parents.items()},
            ),
            ClockRecord(
                tuple(info.node_name for info in self._node.get_publishers_info_by_topic("/clock")),
                len(clock),
                1e-9 * sum(max(0, step) for step in map(sub, clock[1:], clock)),  # a bag in a loop jumps back
            ),
            tuple(self._diagnostics.values()),
        )

    def _topics(self) -> Iterable[TopicRecord]:
        return (listener.record() for listener in self._listeners.values())

    def _record(self, found: FoundNode) -> NodeRecord:
        info = self._maps.get(found.name)
        base_frame = str(info.base_frame if info is not None else found.parameters.get("base_frame", ""))
        path = str(info.path) if info is not None else ""
        return NodeRecord(found.name, found.kind, found.is_configured, found.parameters, base_frame, path)

    def _now_ns(self) -> int:
        return self._clock_ns[-1] if self._clock_ns else 0

    def _on_clock(self, msg: Any) -> None:
        self._clock_ns.append(int(msg.clock.sec) * 1_000_000_000 + int(msg.clock.nanosec))

    def _on_diagnostics(self, msg: Any) -> None:
        for status in msg.status:
            if any(status.name.startswith(f"{found.name.lstrip('/')}: ") for found in self._nodes):
                values = {value.key: value.value for value in status.values}
                self._diagnostics[status.name] = DiagnosticRecord(status.name, status.level[0], status.message, values)

    def _on_tf(self, msg: Any) -> None:
        for item in msg.transforms:
            try:
                T_parent_child = pose_of_stamped_transform(item)
            except PoseError:  # nodes ignore it, too
                continue
            parent, child = frame_name(item.header.frame_id), frame_name(item.child_frame_id)
            self._transforms.add(parent, child, T_parent_child)
            self._parents.setdefault(child, set()).add(parent)

    def _map_adder(self, name: str) -> Any:
        return lambda msg: self._maps.__setitem__(name, msg)


def listen(duration: float, domain_id: int | None = None) -> GraphSnapshot:
    """Listen to the graph, and return what was seen.

    Args:
        duration: [s], after the nodes are found; it ends at once if there is nothing to listen to.
        domain_id: of DDS; None takes ROS_DOMAIN_ID.
    """
    with Connection(NAME, domain_id=domain_id) as connection:
        time.sleep(MIN_DISCOVERY)
        if connection.wait_until(lambda: has_nodes(connection.node), MAX_DISCOVERY - MIN_DISCOVERY):
            time.sleep(SETTLING)
        graph = Graph(connection)
        end = time.monotonic() + (0.0 if graph.is_empty else duration)
        while time.monotonic() < end:
            time.sleep(min(FIND_PERIOD, max(0.0, end - time.monotonic())))
            graph.find_topics()
        return graph.snapshot(duration)
