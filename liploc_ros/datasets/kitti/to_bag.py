"""A KITTI raw drive as a rosbag2 recording."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from liploc_ros.datasets.bag import messages
from liploc_ros.datasets.bag.writer import BagWriter
from liploc_ros.datasets.drive import DatasetError, Drive, Frame
from liploc_ros.datasets.kitti.oxts import OxtsRecord, read_oxts, read_timestamps, stamp_of
from liploc_ros.schema import FrozenModel

ODOMETRY_FRAME = "odom"

# Of the OXTS RT3003, in "Vision meets Robotics" and its data sheet: heading 0.1, roll and pitch 0.03 degrees. The unit
# estimates only its horizontal accuracy; that of height is worse, by a factor of about two for GPS.
TILT_SIGMA, HEADING_SIGMA, RATE_SIGMA = np.deg2rad([0.03, 0.1, 0.1])
HEIGHT_FACTOR = 2.0


class KittiBagOptions(FrozenModel):
    """What of a drive goes into a bag, and how."""

    compressed: bool = Field(False, description="JPEG images (CompressedImage) rather than raw ones")
    quality: int = Field(95, ge=1, le=100, description="quality of the JPEG images")
    level: int = Field(3, ge=1, le=22, description="level of the zstd compression of the file")


@dataclass(frozen=True)
class KittiSelection:
    """Which frames of a drive go into a bag: positions in ``Drive.frames``. Odometry is always at its full rate."""

    scans: Collection[int]
    images: Collection[int]


@dataclass(frozen=True)
class _Event:
    """A message to be made when its turn comes."""

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
    """Write a drive of :func:`liploc_ros.datasets.read_kitti_raw` as one ``.mcap``, messages in order of time.

    Topics: ``/points`` (velo_link), ``/odom`` and ``/tf`` (odom -> base_link: the ground truth of the OXTS unit),
    ``/camera_color_left/image_raw`` or ``.../image_raw/compressed`` with ``/camera_color_left/camera_info`` (and
    ``right`` where the drive has it), ``/tf_static``. Stamps are those of each sensor's ``timestamps.txt``;
    that of a scan is the moment when the LiDAR looks forward. ``odom`` is at the drive's first OXTS
    record, axes east, north, up.

    Args:
        drive: the drive.
        path: the file to write.
        options: how images and the file are compressed.
        selection: which frames to write; all when left out.
        points_filter: applied to each scan, (N, 4) to (M, 4).
        force: replace a file that exists.
        progress: called with how many messages of how many are written.

    Raises:
        DatasetError: the drive is damaged, or the file exists or cannot be written.
    """
    everything = range(len(drive.frames))
    selection = selection or KittiSelection(everything, everything)
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
    """Return odometry and transforms from one record before the first selected frame to one after the last."""
    chosen = sorted({*selection.scans, *selection.images})
    if not chosen:
        raise DatasetError(f"{drive.source}: no frame is chosen for the bag: widen the choice")
    records = read_oxts(drive.source / "oxts")
    stamps = np.array([record.stamp_ns for record in records])
    # A sensor's stamp can lie up to a tenth of a second beside that of the record of its frame.
    start = np.searchsorted(stamps, drive.frames[chosen[0]].stamp_ns - 100_000_000)
    end = np.searchsorted(stamps, drive.frames[chosen[-1]].stamp_ns + 100_000_000)
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


def _transform(drive: Drive, record: OxtsRecord) -> Any:
    return messages.transforms(record.stamp_ns, ODOMETRY_FRAME, {drive.base_frame: record.T_map_base})


def _odometry(drive: Drive, record: OxtsRecord) -> Any:
    position, velocity = record.position_accuracy, record.velocity_accuracy
    sigmas = [position, position, HEIGHT_FACTOR * position, TILT_SIGMA, TILT_SIGMA, HEADING_SIGMA]
    sigmas += [velocity, velocity, HEIGHT_FACTOR * velocity, RATE_SIGMA, RATE_SIGMA, RATE_SIGMA]
    twist = np.concatenate([record.velocity, record.angular_rate])
    return messages.odometry(record.stamp_ns, ODOMETRY_FRAME, drive.base_frame, record.T_map_base, twist, sigmas)
