# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Reader of rosbag2 recordings."""

import logging
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from liploc_ros.datasets.bag.calibration import read_calibration
from liploc_ros.datasets.bag.cameras import mounted_cameras
from liploc_ros.datasets.bag.file import BagFile, MessageKey
from liploc_ros.datasets.bag.index import BagIndex, Progress, TopicIndex
from liploc_ros.datasets.bag.joined_scans import OtherLidar, join_scans
from liploc_ros.datasets.bag.options import BagOptions
from liploc_ros.datasets.bag.point_times import deskewed, point_times
from liploc_ros.datasets.bag.poses import BagPoses, find_poses
from liploc_ros.datasets.bag.topics import BagTopics, DataKind, choose_topics
from liploc_ros.datasets.drive import DatasetError, Drive, Frame
from liploc_ros.datasets.image_message import image_from_message
from liploc_ros.datasets.missing_poses import explain_missing_poses
from liploc_ros.datasets.point_cloud import points_from_cloud2, reflectance_scale
from liploc_ros.datasets.reflectance import ReflectanceScale, describe_saturation
from liploc_ros.datasets.trajectory import Trajectory
from liploc_ros.geometry import MountedCamera, Pose
from liploc_ros.views.panorama import PointsError

SAMPLED_SCANS = 5
"""Scans of a recording from which the range of the reflectance is found."""

REMEDIES = {
    "none": "choose another topic with --odometry-topic",
    "clocks": "give --stamps recorded to use the times of recording instead",
    "ends": "they are not used",
    "gap": "allow more with --max-odometry-gap and --max-odometry-distance",
}
"""What to do about missing poses, by their cause."""

_logger = logging.getLogger(__name__)


def read_bag(
    path: Path,
    topics: BagTopics = BagTopics(),  # noqa: B008  frozen
    *,
    needs: Collection[DataKind] = (),
    options: BagOptions = BagOptions(),  # noqa: B008  frozen
    progress: Progress = lambda _: None,
) -> Drive:
    """Return the drive of a rosbag2 folder, an ``.mcap`` or a ``.db3`` file.

    The bag is read once for stamps, poses and calibration. Images and scans are read and decoded on demand. Every image
    and every scan is a separate frame with the stamp of its header. Its pose is that of the odometry at this stamp, or
    that on /tf if there is no odometry. The map frame is the frame of the odometry, the base frame is the child frame
    of the odometry. The poses of the sensors are those on /tf_static, or the fixed ones on /tf.

    Messages that cannot be used are left out. How many they are, and how many frames have no pose, is logged.

    Args:
        path: the bag.
        topics: topics to read; the others are found by their types.
        needs: the required data: "points", "odometry", "images". If given, only this and the given topics are read.
        options: what the bag does not tell itself.
        progress: called while the bag is read.

    Raises:
        DatasetError: the bag is missing or damaged, or it lacks a topic or the pose of a sensor.
        LiplocError: a CameraInfo is not a valid calibration, or an option cannot be read.
    """
    with BagFile(Path(path).absolute()) as bag:
        calibration = read_calibration(options.calibration, topics)
        chosen = choose_topics(bag, topics, needs, calibration.has_camera)
        if chosen.points is None and not chosen.images:
            raise DatasetError(
                f"{path}: has neither points nor images with a camera_info: give another recording "
                f"(topics: {bag.describe()})"
            )
        index = BagIndex(bag, chosen, options)
        index.read(progress)
        poses = find_poses(index, calibration, needs)
        cameras = mounted_cameras(index, calibration, poses, is_named=bool(topics.images))
        return _drive(index, poses, cameras)


def _drive(index: BagIndex, poses: BagPoses, cameras: Mapping[str, MountedCamera]) -> Drive:
    bag, options = index.bag, index.options
    T_base_lidar = poses.lidar_mount(index) if index.scans.messages else None
    images = [
        Frame(
            stamp_ns,
            poses.trajectory.at(stamp_ns),
            {camera.frame_id: partial(_read_image, bag, key, options.image_bits)},
        )
        for topic, camera in cameras.items()
        for stamp_ns, key in index.images[topic].messages
    ]
    scans: list[Frame] = []
    if T_base_lidar is not None:
        others = [
            OtherLidar(topic, _scans(index, poses, topic, scan, mount), mount)
            for topic, scan in index.more_scans.items()
            for mount in [poses.mount_of(index, topic, scan.frame_id)]
        ]
        scans = _scans(index, poses, index.topics.points or "", index.scans, T_base_lidar)
        scans, lacking = join_scans(scans, T_base_lidar, others)
        for sentence in lacking:
            _logger.warning("%s: %s", bag.path, sentence)
    problems = [p for p in (_pose_problem(poses, scans, "scans"), _pose_problem(poses, images, "images")) if p]
    for problem in problems:
        _logger.warning("%s: %s", bag.path, problem)
    for sentence in index.left_out.report():
        _logger.warning("%s: %s", bag.path, sentence)
    if index.unstamped:
        _logger.warning("%s: %d messages have no stamp: the time of their recording is used", bag.path, index.unstamped)
    return Drive(
        name=bag.path.stem,
        source=bag.path,
        frames=tuple(sorted([*images, *scans], key=lambda frame: frame.stamp_ns)),
        cameras={camera.frame_id: camera for camera in cameras.values()},
        T_base_lidar=T_base_lidar,
        base_frame=poses.base_frame,
        lidar_frame=index.scans.frame_id or "lidar",
        pose_frame=poses.map_frame or "odom",
        datum=f"origin of the frame {poses.map_frame or 'odom'!r} in {bag.path.name}",
        pose_problem="; ".join(problems),
    )


def _scans(index: BagIndex, poses: BagPoses, topic: str, scans: TopicIndex, T_base_lidar: Pose) -> list[Frame]:
    """Return the scans of a LiDAR."""
    scale = _reflectance_scale(index, topic, scans)
    motion = _Motion(poses.trajectory, T_base_lidar) if index.options.deskew else None
    return [
        Frame(
            stamp_ns,
            poses.trajectory.at(stamp_ns),
            {},
            partial(_read_points, index.bag, key, scale)
            if motion is None
            else partial(_read_deskewed, index.bag, key, scale, stamp_ns, motion),
        )
        for stamp_ns, key in sorted(scans.messages)
    ]


def _pose_problem(poses: BagPoses, frames: Sequence[Frame], kind: str) -> str:
    """Return why scans or images have no pose; empty if all have one."""
    without = [frame.stamp_ns for frame in frames if frame.T_map_base is None]
    if not without or not poses.source:
        return ""
    cause, reason = explain_missing_poses(poses.trajectory, without, poses.source)
    return f"{len(without)} of {len(frames)} {kind} have no pose: {reason}: {REMEDIES[cause]}"


def _reflectance_scale(index: BagIndex, topic: str, scans: TopicIndex) -> ReflectanceScale | None:
    """Return the scale of the reflectance of all scans of a LiDAR, found from some of them."""
    source = f"{index.bag.path}: {topic}"
    keys = [key for _, key in scans.messages]
    sampled = keys[:: max(1, len(keys) // SAMPLED_SCANS)][:SAMPLED_SCANS]
    readable = [msg for msg in map(index.bag.message, sampled) if _is_readable(msg, source)]
    if not readable:
        return None
    scale = reflectance_scale(readable, source, index.options.reflectance)
    if warning := describe_saturation([points_from_cloud2(msg, source, scale)[:, 3] for msg in readable], scale):
        _logger.warning("%s: %s (--reflectance-field, --reflectance-max)", source, warning)
    return scale


def _is_readable(msg: Any, source: str) -> bool:
    try:
        points_from_cloud2(msg, source)
    except PointsError:
        return False
    return True


def _read_image(bag: BagFile, key: MessageKey, bits: int) -> NDArray[np.uint8]:
    image = image_from_message(bag.message(key), f"{bag.path}: {key.topic}", bits)
    return image if image.ndim == 3 else cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)  # type: ignore[return-value]


def _read_points(bag: BagFile, key: MessageKey, scale: ReflectanceScale | None) -> NDArray[np.float32]:
    return points_from_cloud2(bag.message(key), f"{bag.path}: {key.topic}", scale)


class _Motion(NamedTuple):
    """How a LiDAR moves."""

    trajectory: Trajectory
    T_base_lidar: Pose


def _read_deskewed(
    bag: BagFile, key: MessageKey, scale: ReflectanceScale | None, stamp_ns: int, motion: _Motion
) -> NDArray[np.float32]:
    msg, source = bag.message(key), f"{bag.path}: {key.topic}"
    return deskewed(points_from_cloud2(msg, source, scale), point_times(msg, stamp_ns, source), stamp_ns, *motion)
