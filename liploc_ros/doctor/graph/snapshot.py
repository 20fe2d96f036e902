# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""What was seen of the ROS graph while listening."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from liploc_ros.datasets.bag.topics import CAMERA_INFO_TYPES, IMAGE_TYPES, ODOMETRY_TYPES, POINT_TYPES, POSE_TYPES
from liploc_ros.datasets.transforms import StaticTransforms

NodeKind = Literal["localizer", "map_builder"]
InputKind = Literal["images", "CameraInfo", "odometry", "scans"]

KINDS: Mapping[str, InputKind] = {
    **dict.fromkeys(IMAGE_TYPES, "images"),
    **dict.fromkeys(CAMERA_INFO_TYPES, "CameraInfo"),
    **dict.fromkeys((*ODOMETRY_TYPES, *POSE_TYPES), "odometry"),
    **dict.fromkeys(POINT_TYPES, "scans"),
}
"""Kind of an input by the type of its messages."""


@dataclass(frozen=True)
class NodeRecord:
    """A node of this package.

    Attributes:
        name: full name.
        kind: of the node.
        is_configured: whether a localizer has loaded its map.
        parameters: those that matter here; empty if the node does not respond.
        base_frame: of the map; empty if not known.
        map_path: folder of the map; empty if not known.
    """

    name: str
    kind: NodeKind
    is_configured: bool
    parameters: Mapping[str, Any]
    base_frame: str = ""
    map_path: str = ""


@dataclass(frozen=True)
class PublisherRecord:
    """A publisher of an input: its node, and the largest shared-memory segment of its process [byte], if known."""

    node: str
    segment: int | None = None


@dataclass(frozen=True)
class TopicRecord:
    """An input, or a topic that could be one.

    Attributes:
        name: full name.
        kind: what its messages are.
        types: that are published.
        wanted_by: nodes of this package that subscribe, or should.
        publishers: all of them.
        mismatches: why quality of service does not match, one line each.
        silence: why nothing arrives; empty if something does.
        messages: number received.
        rate: of the arrivals [Hz]; 0 with less than two messages.
        age: median of arrival minus stamp, by the clock of the nodes [s]; None without messages.
        stamp_faults: why stamps cannot be used, and whether such messages are refused.
        loss: a line if many messages never arrived.
        frames: frame_ids of the messages.
        max_bytes: of a message.
        last_stamp_ns: of the last message.
        last: the last message that can be read; None without one.
        fault: why the last message cannot be read.
    """

    name: str
    kind: InputKind
    types: tuple[str, ...]
    wanted_by: tuple[str, ...] = ()
    publishers: tuple[PublisherRecord, ...] = ()
    mismatches: tuple[str, ...] = ()
    silence: str = ""
    messages: int = 0
    rate: float = 0.0
    age: float | None = None
    stamp_faults: tuple[tuple[str, bool], ...] = ()
    loss: str = ""
    frames: tuple[str, ...] = ()
    max_bytes: int = 0
    last_stamp_ns: int = 0
    last: Any = None
    fault: str = ""


@dataclass(frozen=True)
class TransformRecord:
    """The transforms on /tf and /tf_static.

    Attributes:
        can_receive: whether tf2_msgs is installed.
        transforms: the last ones.
        parents: of each child frame.
    """

    can_receive: bool = False
    transforms: StaticTransforms = field(default_factory=StaticTransforms)
    parents: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class ClockRecord:
    """/clock: its publishers, the number of messages, and by how much time advanced [s]."""

    publishers: tuple[str, ...] = ()
    messages: int = 0
    advanced: float = 0.0


@dataclass(frozen=True)
class DiagnosticRecord:
    """A diagnostic status of a node of this package; ``level`` is that of diagnostic_msgs/DiagnosticStatus."""

    name: str
    level: int
    message: str
    values: Mapping[str, str]


@dataclass(frozen=True)
class GraphSnapshot:
    """Everything; see the classes above."""

    duration: float
    nodes: tuple[NodeRecord, ...] = ()
    topics: Mapping[str, TopicRecord] = field(default_factory=dict)
    transforms: TransformRecord = field(default_factory=TransformRecord)
    clock: ClockRecord = field(default_factory=ClockRecord)
    diagnostics: tuple[DiagnosticRecord, ...] = ()

    def of_kind(self, kind: InputKind) -> list[TopicRecord]:
        """Return the topics of a kind."""
        return [topic for topic in self.topics.values() if topic.kind == kind]
