# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""What one pass over a bag finds: stamps, poses and calibration."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from liploc_ros.datasets.bag.file import BagFile, MessageKey
from liploc_ros.datasets.bag.options import BagOptions
from liploc_ros.datasets.bag.tf_poses import TfPoses
from liploc_ros.datasets.bag.topics import BagTopics
from liploc_ros.datasets.camera_info import camera_from_info, is_rectified
from liploc_ros.datasets.image_encoding import describe_depth, describe_video
from liploc_ros.datasets.left_out import LeftOut
from liploc_ros.datasets.pose_message import (
    base_frame_of,
    check_same_frame,
    frame_name,
    odometry_pose,
    pose_of_stamped_transform,
)
from liploc_ros.datasets.transforms import StaticTransforms
from liploc_ros.errors import LiplocError
from liploc_ros.geometry import Pose, PoseError

Progress = Callable[[int], None]
"""Called with the number of messages read since the last call."""


@dataclass
class TopicIndex:
    """Messages of one topic of scans or images, with their stamps [ns]."""

    frame_id: str = ""
    messages: list[tuple[int, MessageKey]] = field(default_factory=list)
    refused: str = ""
    """Why the topic is not of a camera."""


@dataclass
class BagIndex:
    """Stamps, poses and calibration of a bag. Messages that cannot be used are left out and counted."""

    bag: BagFile
    topics: BagTopics
    options: BagOptions
    transforms: StaticTransforms = field(default_factory=StaticTransforms)
    poses: list[tuple[int, str, Pose]] = field(default_factory=list)
    """Stamp [ns], child frame and pose of the odometry."""
    odometry_frame: str = ""
    scans: TopicIndex = field(default_factory=TopicIndex)
    more_scans: dict[str, TopicIndex] = field(default_factory=dict)
    """Scans of other LiDARs, by topic."""
    images: dict[str, TopicIndex] = field(default_factory=dict)
    camera_infos: dict[str, Any] = field(default_factory=dict)
    """The first usable CameraInfo, by topic."""
    left_out: LeftOut = field(default_factory=LeftOut)
    unstamped: int = 0
    """Messages without a stamp, whose recording time is used."""

    def read(self, progress: Progress = lambda _: None) -> None:
        """Read all chosen topics but /tf once.

        Raises:
            DatasetError: the bag is damaged.
        """
        self.images = {topic: TopicIndex() for topic in self.topics.images}
        self.more_scans = {topic: TopicIndex() for topic in self.topics.more_points}
        actions: dict[str | None, Callable[[MessageKey, Any], None]] = {
            self.topics.tf_static: self._add_static,
            self.topics.odometry: self._add_pose,
            **dict.fromkeys(self.topics.more_points, self._add_more_scans),
            self.topics.points: self._add_scan,
            **dict.fromkeys(self.topics.camera_infos, self._add_camera_info),
            **dict.fromkeys(self.topics.images, self._add_image),
        }
        for key, msg in self._messages([topic for topic in actions if topic]):
            try:
                actions[key.topic](key, msg)
            except LiplocError as error:
                self.left_out.add(key.topic, key.logged_ns, error)
            progress(1)

    def read_tf(self) -> TfPoses:
        """Return the transforms on /tf.

        Raises:
            DatasetError: the bag is damaged.
        """
        found = TfPoses(self.options.pose_limits)
        for key, msg in self._messages([self.topics.tf] if self.topics.tf else []):
            for stamp_ns, parent, child, T in self._transforms(key, msg):
                found.add(stamp_ns, parent, child, T)
        return found

    def _messages(self, topics: list[str]) -> Iterator[tuple[MessageKey, Any]]:
        def on_damaged(key: MessageKey, reason: str) -> None:
            self.left_out.see(key.topic)
            self.left_out.add(key.topic, key.logged_ns, reason)

        for key, msg in self.bag.messages(topics, on_damaged):
            self.left_out.see(key.topic)
            yield key, msg

    def _add_static(self, key: MessageKey, msg: Any) -> None:
        for _, parent, child, T in self._transforms(key, msg):
            self.transforms.add(parent, child, T)

    def _transforms(self, key: MessageKey, msg: Any) -> Iterator[tuple[int, str, str, Pose]]:
        """Yield stamp, parent, child and transform of each transform that can be used."""
        for item in msg.transforms:
            parent, child = frame_name(item.header.frame_id), frame_name(item.child_frame_id)
            try:
                T = pose_of_stamped_transform(item)
            except PoseError as error:
                self.left_out.see(f"{key.topic} {child}")
                self.left_out.add(f"{key.topic} {child}", key.logged_ns, error)
                continue
            yield self._stamp_ns(item.header, key), parent, child, T

    def _add_pose(self, key: MessageKey, msg: Any) -> None:
        odometry = odometry_pose(msg)
        check_same_frame(odometry.frame_id, self.odometry_frame)
        child = base_frame_of(odometry.child_frame_id, self.options.base_frame)
        self.poses.append((self._stamp_ns(msg.header, key), child, odometry.T))
        self.odometry_frame = self.odometry_frame or odometry.frame_id

    def _add_scan(self, key: MessageKey, msg: Any) -> None:
        self._add_sensor(self.scans, key, msg)

    def _add_more_scans(self, key: MessageKey, msg: Any) -> None:
        self._add_sensor(self.more_scans[key.topic], key, msg)

    def _add_image(self, key: MessageKey, msg: Any) -> None:
        index = self.images[key.topic]
        if not index.messages:
            index.refused = describe_depth(msg) or (not hasattr(msg, "encoding") and describe_video(msg)) or ""
        self._add_sensor(index, key, msg)

    def _add_sensor(self, index: TopicIndex, key: MessageKey, msg: Any) -> None:
        frame_id = frame_name(msg.header.frame_id)
        index.frame_id = index.frame_id or frame_id
        if frame_id and frame_id != index.frame_id:
            raise PoseError(f"its frame is {frame_id!r}, that of earlier messages {index.frame_id!r}")
        index.messages.append((self._stamp_ns(msg.header, key), key))

    def _add_camera_info(self, key: MessageKey, msg: Any) -> None:
        if key.topic not in self.camera_infos:
            images = [t for t in self.topics.images if self.topics.info_of(t) == key.topic]
            camera_from_info(msg, key.topic, rectified=bool(images) and is_rectified(images[0]))
            self.camera_infos[key.topic] = msg

    def _stamp_ns(self, header: Any, key: MessageKey) -> int:
        """Return the stamp of the header, or the recording time if the stamp is not set or not wanted."""
        if self.options.stamps == "recorded":
            return key.logged_ns
        stamp_ns = int(header.stamp.sec) * 1_000_000_000 + int(header.stamp.nanosec)
        self.unstamped += stamp_ns == 0
        return stamp_ns or key.logged_ns
