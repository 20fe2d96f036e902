# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Messages of a bag in serialized form, as they were recorded."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rosbags.highlevel import AnyReader
from rosbags.interfaces import ConnectionExtRosbag2, QosDurability, QosReliability
from rosbags.typesys import Stores, get_typestore

from liploc_ros.datasets.bag.file import convert_read_errors
from liploc_ros.datasets.drive import DatasetError
from liploc_ros.datasets.mounts import format_mount
from liploc_ros.datasets.pose_message import pose_of_transform
from liploc_ros.datasets.transforms import StaticTransforms

TF_STATIC = "/tf_static"
PUBLISHER_DEPTH = 100
"""Messages that a publisher keeps for slow subscribers: a bag that is played fast arrives in bursts."""


@dataclass(frozen=True)
class RecordedTopic:
    """Name, type and offered quality of service of a topic, and the number of its messages."""

    name: str
    type_name: str
    profile: QoSProfile
    count: int


class BagMessages:
    """Topics and messages of a bag."""

    def __init__(self, path: Path) -> None:
        """Open the bag.

        Raises:
            DatasetError: it is missing or damaged, or it is not a bag.
        """
        if not path.exists():
            raise DatasetError(f"{path}: no such bag: check the path")
        self.path = path
        with convert_read_errors(path):
            self._reader = AnyReader([path], default_typestore=get_typestore(Stores.ROS2_HUMBLE))
            self._reader.open()
        self.topics: Mapping[str, RecordedTopic] = {
            name: RecordedTopic(
                name,
                info.msgtype or "several types",
                _profile([q for c in info.connections for q in _offered(c)]),
                info.msgcount,
            )
            for name, info in sorted(self._reader.topics.items())
        }

    def choose(self, names: Collection[str]) -> list[RecordedTopic]:
        """Return the topics with these names; without names, all topics.

        Raises:
            DatasetError: the bag lacks one of them.
        """
        missing = [name for name in names if name not in self.topics]
        if missing:
            available = ", ".join(self.topics) or "none"
            raise DatasetError(f"{self.path}: has no topic {missing[0]}: choose from its topics: {available}")
        return [topic for name, topic in self.topics.items() if not names or name in names]

    def messages(self, topics: Collection[RecordedTopic]) -> Iterator[tuple[str, int, bytes]]:
        """Yield topic, time of recording [ns] and serialized message, in the order of recording.

        Raises:
            DatasetError: the bag is damaged.
        """
        names = {topic.name for topic in topics}
        with convert_read_errors(self.path):
            connections = [c for c in self._reader.connections if c.topic in names]
            if connections:
                for connection, logged_ns, data in self._reader.messages(connections):
                    yield connection.topic, logged_ns, bytes(data)

    def sensor_mounts(self) -> list[str]:
        """Return the frames on /tf_static as entries of the parameter ``sensor_mounts``.

        The pose of each frame is that in the frame at the root of its tree, normally the base of the vehicle.
        """
        if TF_STATIC not in self.topics:
            return []
        transforms, parents = StaticTransforms(), dict[str, str]()
        for _, _, data in self.messages([self.topics[TF_STATIC]]):
            message: Any = self._reader.deserialize(data, self.topics[TF_STATIC].type_name)
            for item in message.transforms:
                transforms.add(item.header.frame_id, item.child_frame_id, pose_of_transform(item.transform))
                parents[item.child_frame_id] = item.header.frame_id
        mounts = []
        for frame in parents:
            root, passed = frame, {frame}
            while root in parents and parents[root] not in passed:  # a circle is a mistake, but must not hang
                root = parents[root]
                passed.add(root)
            mounts.append(format_mount(frame, transforms.lookup(root, frame)))
        return mounts


def _offered(connection: Any) -> list[Any]:
    return list(connection.ext.offered_qos_profiles) if isinstance(connection.ext, ConnectionExtRosbag2) else []


def _profile(offered: Collection[Any]) -> QoSProfile:
    """Return a profile that matches all subscribers of the recorded publishers; reliable if none was recorded."""
    is_best_effort = any(q.reliability is QosReliability.BEST_EFFORT for q in offered)
    is_latched = bool(offered) and all(q.durability is QosDurability.TRANSIENT_LOCAL for q in offered)
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=max([PUBLISHER_DEPTH, *(q.depth for q in offered)]),
        reliability=ReliabilityPolicy.BEST_EFFORT if is_best_effort else ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if is_latched else DurabilityPolicy.VOLATILE,
    )
