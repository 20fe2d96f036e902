# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Convert a drive of KITTI raw, KITTI odometry or KITTI-360 to a rosbag2 recording."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from liploc_ros.datasets.bag import messages
from liploc_ros.datasets.bag.writer import BagWriter
from liploc_ros.datasets.drive import DatasetError, Drive, Frame
from liploc_ros.datasets.kitti.frame_odometry import FramePose, frame_poses
from liploc_ros.datasets.kitti.oxts import OxtsRecord, read_oxts
from liploc_ros.datasets.kitti.timestamps import read_timestamps, stamp_of
from liploc_ros.geometry import PinholeCamera
from liploc_ros.schema import FrozenModel

ODOMETRY_FRAME = "odom"

# Accuracy of the OXTS RT3003 from "Vision meets Robotics" and its data sheet: heading 0.1, roll and pitch 0.03 degrees.
# The unit estimates only its horizontal accuracy. With GPS, the height is about half as accurate.
TILT_SIGMA, HEADING_SIGMA, RATE_SIGMA = np.deg2rad([0.03, 0.1, 0.1])
HEIGHT_FACTOR = 2.0
POSITION_SIGMA, VELOCITY_SIGMA = 0.1, 0.2  # [m, m/s] of poses that were published without their accuracy
# Sequences of KITTI odometry start at 0 s; messages with a stamp of 0 are taken for messages without one.
EPOCH_NS = 1_316_995_200_000_000_000  # 2011-09-26 00:00 UTC


class KittiBagOptions(FrozenModel):
    """How the data of a drive are stored in a bag."""

    compressed: bool = Field(False, description="JPEG images (CompressedImage) instead of raw images")
    quality: int = Field(95, ge=1, le=100, description="quality of the JPEG images")
    level: int = Field(3, ge=1, le=22, description="level of the zstd compression of the file")


@dataclass(frozen=True)
class KittiSelection:
    """The frames to store, as indices into ``Drive.frames``. Odometry is always stored at its full rate."""

    scans: Collection[int]
    images: Collection[int]


@dataclass(frozen=True)
class _Event:
    """A message that is created when it is written."""

    stamp_ns: int
    topic: str
    make: Callable[[], Any]


PointsFilter = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def write_kitti_bag(
    drive: Drive,
    path: Path,
    options: KittiBagOptions = KittiBagOptions(),  # noqa: B008  frozen
    *,
    selection: KittiSelection | None = None,
    points_filter: PointsFilter = lambda points: points,
    force: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Write a drive of KITTI raw, KITTI odometry or KITTI-360 as one ``.mcap`` file.

    Messages are in chronological order. Topics are ``/points`` (velo_link), ``/odom`` and ``/tf`` (odom -> base_link:
    ground truth of the OXTS unit), ``/camera_color_left/image_raw`` or ``.../image_raw/compressed`` with
    ``/camera_color_left/camera_info`` (and ``right`` if the drive has it), and ``/tf_static``.

    Of KITTI raw, stamps are those of the ``timestamps.txt`` of each sensor. A scan has the time at which the LiDAR
    looks forward. The origin of ``odom`` is the first OXTS record; its axes are east, north, up. Other drives have one
    stamp and one pose per frame, and ``odom`` is the frame in which the poses are published; without published poses
    there is no odometry. KITTI odometry starts at 2011-09-26 00:00 UTC. Fisheye images of KITTI-360 are left out,
    because CameraInfo has no model for their mirror.

    Args:
        drive: the drive.
        path: the file to write.
        options: compression of the images and the file.
        selection: the frames to write; all frames if None.
        points_filter: converts each scan (N, 4) to (M, 4).
        force: replace an existing file.
        progress: called with the number of written messages and their total number.

    Raises:
        DatasetError: the drive is damaged, or the file exists.
        FileError: the file cannot be written.
    """
    if drive.frames and drive.frames[0].stamp_ns < EPOCH_NS:
        drive = replace(drive, frames=tuple(replace(f, stamp_ns=f.stamp_ns + EPOCH_NS) for f in drive.frames))
    cameras = {name: mounted for name, mounted in drive.cameras.items() if isinstance(mounted.camera, PinholeCamera)}
    drive = replace(drive, cameras=cameras)
    all_frames = range(len(drive.frames))
    selection = selection or KittiSelection(all_frames, all_frames)
    events = _odometry_events(drive, selection)
    events += _image_events(drive, [drive.frames[i] for i in sorted(selection.images)], options)
    events += _scan_events(drive, [drive.frames[i] for i in sorted(selection.scans)], points_filter)
    events.sort(key=lambda event: event.stamp_ns)
    sensors = {frame_id: mounted.T_base_camera for frame_id, mounted in drive.cameras.items()}
    if drive.T_base_lidar is not None:
        sensors[drive.lidar_frame] = drive.T_base_lidar
    start = events[0].stamp_ns
    static = messages.transforms(start, drive.base_frame, sensors)
    with BagWriter(path, force=force, level=options.level) as bag:
        bag.add_topic("/tf_static", static.__msgtype__, is_latched=True)
        bag.write("/tf_static", start, static)
        topics = {"/tf_static"}
        for done, event in enumerate(events):
            msg = event.make()
            if event.topic not in topics:
                bag.add_topic(event.topic, msg.__msgtype__)
                topics.add(event.topic)
            bag.write(event.topic, event.stamp_ns, msg)
            progress(done + 1, len(events))


def _odometry_events(drive: Drive, selection: KittiSelection) -> list[_Event]:
    """Return odometry and transforms, from one record before the first selected frame to one after the last."""
    selected = sorted({*selection.scans, *selection.images})
    if not selected:
        raise DatasetError(f"{drive.source}: 0 frames are selected for the bag: select at least one")
    if not _is_raw(drive):
        frames = [drive.frames[i] for i in selected]
        return [
            event
            for pose in frame_poses(frames)
            for event in (
                _Event(pose.stamp_ns, "/tf", partial(_transform, drive, pose)),
                _Event(pose.stamp_ns, "/odom", partial(_frame_odometry, drive, pose)),
            )
        ]
    records = read_oxts(drive.source / "oxts")
    stamps = np.array([record.stamp_ns for record in records])
    # The stamp of a sensor and that of the OXTS record of the same frame differ by up to a tenth of a second.
    start = np.searchsorted(stamps, drive.frames[selected[0]].stamp_ns - 100_000_000)
    end = np.searchsorted(stamps, drive.frames[selected[-1]].stamp_ns + 100_000_000)
    events = []
    for record in records[max(0, int(start) - 1) : int(end) + 1]:
        events.append(_Event(record.stamp_ns, "/tf", partial(_transform, drive, record)))
        events.append(_Event(record.stamp_ns, "/odom", partial(_odometry, drive, record)))
    return events


def _image_events(drive: Drive, frames: list[Frame], options: KittiBagOptions) -> list[_Event]:
    events = []
    for frame_id, mounted in drive.cameras.items():
        namespace = "/" + frame_id.removesuffix("_optical")
        topic = f"{namespace}/image_raw" + ("/compressed" if options.compressed else "")
        for frame in frames:
            if frame_id not in frame.images:
                continue
            make_info = partial(messages.camera_info, frame.stamp_ns, mounted)
            make_image = partial(_image, frame, frame_id, options)
            events.append(_Event(frame.stamp_ns, f"{namespace}/camera_info", make_info))
            events.append(_Event(frame.stamp_ns, topic, make_image))
    return events


def _scan_events(drive: Drive, frames: list[Frame], points_filter: PointsFilter) -> list[_Event]:
    if not _is_raw(drive):
        return [
            _Event(f.stamp_ns, "/points", partial(_scan, drive.lidar_frame, f.stamp_ns, f.read_points, points_filter))
            for f in frames
            if f.read_points is not None
        ]
    stamps_file = drive.source / "velodyne_points" / "timestamps.txt"
    image_stamps = read_timestamps(drive.source / "image_02" / "timestamps.txt")
    stamps = read_timestamps(stamps_file)
    events = []
    for frame in frames:
        if frame.read_points is None:
            continue
        stamp_ns = stamp_of(int(np.searchsorted(image_stamps, frame.stamp_ns)), stamps, stamps_file)
        make = partial(_scan, drive.lidar_frame, stamp_ns, frame.read_points, points_filter)
        events.append(_Event(stamp_ns, "/points", make))
    return events


def _image(frame: Frame, frame_id: str, options: KittiBagOptions) -> Any:
    rgb = frame.images[frame_id]()
    if options.compressed:
        return messages.compressed_image(frame.stamp_ns, frame_id, rgb, options.quality)
    return messages.image(frame.stamp_ns, frame_id, rgb)


def _scan(frame_id: str, stamp_ns: int, read: Callable[[], NDArray[np.float32]], points_filter: PointsFilter) -> Any:
    return messages.point_cloud(stamp_ns, frame_id, points_filter(read()))


def _is_raw(drive: Drive) -> bool:
    return (drive.source / "oxts").is_dir()


def _frame_odometry(drive: Drive, pose: FramePose) -> Any:
    position, velocity = [POSITION_SIGMA] * 3, [VELOCITY_SIGMA] * 3
    sigmas = [*position, TILT_SIGMA, TILT_SIGMA, HEADING_SIGMA, *velocity, *[RATE_SIGMA] * 3]
    return messages.odometry(pose.stamp_ns, ODOMETRY_FRAME, drive.base_frame, pose.T_map_base, pose.twist, sigmas)


def _transform(drive: Drive, record: OxtsRecord | FramePose) -> Any:
    return messages.transforms(record.stamp_ns, ODOMETRY_FRAME, {drive.base_frame: record.T_map_base})


def _odometry(drive: Drive, record: OxtsRecord) -> Any:
    position, velocity = record.position_accuracy, record.velocity_accuracy
    sigmas = [position, position, HEIGHT_FACTOR * position, TILT_SIGMA, TILT_SIGMA, HEADING_SIGMA]
    sigmas += [velocity, velocity, HEIGHT_FACTOR * velocity, RATE_SIGMA, RATE_SIGMA, RATE_SIGMA]
    twist = np.concatenate([record.velocity, record.angular_rate])
    return messages.odometry(record.stamp_ns, ODOMETRY_FRAME, drive.base_frame, record.T_map_base, twist, sigmas)
