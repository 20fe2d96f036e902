"""Reader of rosbag2 recordings."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from liploc_ros.datasets.bag.file import BagFile, MessageKey
from liploc_ros.datasets.bag.topics import BagTopics, DataKind, camera_info_topic, choose_topics
from liploc_ros.datasets.camera_info import mounted_camera_from_info
from liploc_ros.datasets.drive import DatasetError, Drive, Frame
from liploc_ros.datasets.image_message import image_from_message
from liploc_ros.datasets.point_cloud import points_from_cloud2
from liploc_ros.datasets.trajectory import DEFAULT_TOLERANCE_NS, Trajectory
from liploc_ros.datasets.transforms import StaticTransforms
from liploc_ros.geometry import MountedCamera, pose_from

MAX_NORM_ERROR = 0.01  # of a unit quaternion

Progress = Callable[[int], None]
"""Called with the number of messages read since the last call."""


@dataclass
class _Index:
    """Stamps, poses and calibration from one pass over a bag."""

    transforms: StaticTransforms = field(default_factory=StaticTransforms)
    trajectory: Trajectory = field(default_factory=Trajectory)
    base_frame: str = ""
    odometry_frame: str = ""
    lidar_frame: str = ""
    scans: list[tuple[int, MessageKey]] = field(default_factory=list)
    images: dict[str, list[tuple[int, MessageKey]]] = field(default_factory=dict)
    image_frames: dict[str, str] = field(default_factory=dict)
    camera_infos: dict[str, Any] = field(default_factory=dict)


def read_bag(
    path: Path,
    topics: BagTopics = BagTopics(),  # noqa: B008  frozen
    *,
    needs: Collection[DataKind] = (),
    pose_tolerance_ns: int = DEFAULT_TOLERANCE_NS,
    progress: Progress = lambda _: None,
) -> Drive:
    """Return the drive of a rosbag2 folder, an ``.mcap`` or a ``.db3`` file.

    The bag is read once for stamps, poses and calibration. Images and scans are read and decoded on demand. Every image
    and every scan is a separate frame with the stamp of its header. Its pose is that of the odometry at this stamp. The
    map frame is the frame of the odometry, the base frame is the child frame of the odometry. The poses of the sensors
    are those on /tf_static.

    Args:
        path: the bag.
        topics: topics to read; the others are found by their types.
        needs: the required data: "points", "odometry", "images". If given, only this and the given topics are read.
        pose_tolerance_ns: a frame farther than this from all odometry has no pose.
        progress: called while the bag is read.

    Raises:
        DatasetError: the bag is missing or damaged, or it lacks a topic or the pose of a sensor.
        CameraError: a CameraInfo is not a valid calibration.
    """
    with BagFile(Path(path).absolute()) as bag:
        chosen = choose_topics(bag, topics, needs)
        if chosen.points is None and not chosen.images:
            raise DatasetError(
                f"{path}: has neither points nor images with a camera_info: record one of them "
                f"(topics: {bag.describe()})"
            )
        index = _read_index(bag, chosen, progress)
    base_frame = index.base_frame or "base_link"
    cameras = _cameras(index, chosen, base_frame, bag)
    frames = []
    for topic, keys in index.images.items():
        for stamp_ns, key in keys:
            readers = {index.image_frames[topic]: partial(_read_image, bag, key)}
            frames.append(Frame(stamp_ns, index.trajectory.at(stamp_ns, pose_tolerance_ns), readers))
    for stamp_ns, key in index.scans:
        pose = index.trajectory.at(stamp_ns, pose_tolerance_ns)
        frames.append(Frame(stamp_ns, pose, {}, partial(_read_points, bag, key)))
    return Drive(
        name=bag.path.stem,
        source=bag.path,
        frames=tuple(sorted(frames, key=lambda frame: frame.stamp_ns)),
        cameras=cameras,
        T_base_lidar=_lookup(index, base_frame, index.lidar_frame, bag) if index.scans else None,
        base_frame=base_frame,
        lidar_frame=index.lidar_frame or "lidar",
        datum=f"origin of the frame {index.odometry_frame or 'odom'!r} in {bag.path.name}",
    )


def _read_index(bag: BagFile, topics: BagTopics, progress: Progress) -> _Index:
    index = _Index(images={topic: [] for topic in topics.images})
    info_topics = {camera_info_topic(topic) for topic in topics.images}
    wanted = {topics.tf_static, *topics.images, *info_topics, topics.points, topics.odometry}
    for key, msg in bag.messages({topic for topic in wanted if topic}):
        if key.topic == topics.tf_static:
            _add_transforms(index.transforms, msg, f"{bag.path}: {key.topic}")
        elif key.topic == topics.odometry:
            _add_odometry(index, msg, key, f"{bag.path}: {key.topic}")
        elif key.topic == topics.points:
            index.lidar_frame = index.lidar_frame or _frame_id(msg)
            index.scans.append((_stamp_ns(msg, key), key))
        elif key.topic in info_topics:
            index.camera_infos.setdefault(key.topic, msg)
        else:
            index.image_frames.setdefault(key.topic, _frame_id(msg))
            index.images[key.topic].append((_stamp_ns(msg, key), key))
        progress(1)
    return index


def _add_transforms(transforms: StaticTransforms, msg: Any, source: str) -> None:
    for item in msg.transforms:
        T = _pose_of(item.transform.translation, item.transform.rotation, source)
        transforms.add(str(item.header.frame_id), str(item.child_frame_id), T)


def _add_odometry(index: _Index, msg: Any, key: MessageKey, source: str) -> None:
    index.base_frame = index.base_frame or str(msg.child_frame_id).lstrip("/")
    index.odometry_frame = index.odometry_frame or _frame_id(msg)
    pose = _pose_of(msg.pose.pose.position, msg.pose.pose.orientation, source)
    index.trajectory.append(_stamp_ns(msg, key), pose)


def _pose_of(position: Any, orientation: Any, source: str) -> NDArray[np.float64]:
    values = np.array([position.x, position.y, position.z, orientation.x, orientation.y, orientation.z, orientation.w])
    with np.errstate(over="ignore"):
        length = np.linalg.norm(values[3:])
    if not np.all(np.isfinite(values)) or abs(length - 1) > MAX_NORM_ERROR:
        raise DatasetError(
            f"{source}: pose {values.tolist()} is not finite or has no unit quaternion: fix the node that publishes it"
        )
    return pose_from(values[:3], values[3:])


def _cameras(index: _Index, topics: BagTopics, base_frame: str, bag: BagFile) -> dict[str, MountedCamera]:
    cameras: dict[str, MountedCamera] = {}
    for topic in topics.images:
        if not index.images[topic]:
            continue
        info_topic, frame_id = camera_info_topic(topic), index.image_frames[topic]
        if info_topic not in index.camera_infos:
            raise DatasetError(f"{bag.path}: no message on {info_topic}: record the CameraInfo of {topic}")
        if frame_id in cameras:
            raise DatasetError(
                f"{bag.path}: several image topics have the frame {frame_id!r}: choose one of "
                f"{', '.join(topics.images)} (--image-topic)"
            )
        T_base_camera = _lookup(index, base_frame, frame_id, bag)
        is_rectified = "rect" in topic.removesuffix("/compressed").rpartition("/")[2]
        cameras[frame_id] = mounted_camera_from_info(
            index.camera_infos[info_topic], frame_id, T_base_camera, f"{bag.path}: {info_topic}", rectified=is_rectified
        )
    return cameras


def _lookup(index: _Index, base_frame: str, frame_id: str, bag: BagFile) -> NDArray[np.float64]:
    try:
        return index.transforms.lookup(base_frame, frame_id)
    except DatasetError as error:
        raise DatasetError(f"{bag.path}: {error}") from error


def _read_image(bag: BagFile, key: MessageKey) -> NDArray[np.uint8]:
    image = image_from_message(bag.message(key), f"{bag.path}: {key.topic}")
    return image if image.ndim == 3 else cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)  # type: ignore[return-value]


def _read_points(bag: BagFile, key: MessageKey) -> NDArray[np.float32]:
    return points_from_cloud2(bag.message(key), f"{bag.path}: {key.topic}")


def _frame_id(msg: Any) -> str:
    return str(msg.header.frame_id).lstrip("/")


def _stamp_ns(msg: Any, key: MessageKey) -> int:
    """Return the stamp of the header, or the recording time if the stamp is not set."""
    return int(msg.header.stamp.sec) * 1_000_000_000 + int(msg.header.stamp.nanosec) or key.logged_ns
