# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""A drive and its frames, the common result of all readers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from liploc_ros.errors import LiplocError
from liploc_ros.geometry import MountedCamera, Pose, inverse, transform_points
from liploc_ros.geometry.geodesy import GeodeticDatum

MAX_TIME_OFFSET_NS = 60_000_000
"""Largest time between an image and a scan of the same frame. A scan at 10 Hz takes 100 ms."""


class DatasetError(LiplocError):
    """A recording is missing, damaged, or lacks required data."""


class RecordedImage(NamedTuple):
    """An image of a drive that is read when it is needed.

    Attributes:
        stamp_ns: acquisition time [ns].
        T_map_base: pose of the vehicle; None if the recording has no pose.
        frame_id: optical frame of the camera.
        camera: returns the camera, or raises a LiplocError.
        read: returns the pixels (h, w, 3) uint8 RGB, or raises a LiplocError.
    """

    stamp_ns: int
    T_map_base: Pose | None
    frame_id: str
    camera: Callable[[], MountedCamera]
    read: Callable[[], NDArray[np.uint8]]


@dataclass(frozen=True)
class Frame:
    """The sensor data of one time. Images and points are loaded on demand.

    Attributes:
        stamp_ns: nanoseconds since the epoch.
        T_map_base: pose of the vehicle; None if the recording has no pose.
        images: functions that return an image (h, w, 3) uint8 RGB, by optical frame.
        read_points: returns the scan (N, 4) float32 in the LiDAR frame, x, y, z [m] and reflectance 0 to 1; None if
            there is no scan.
    """

    stamp_ns: int
    T_map_base: Pose | None
    images: Mapping[str, Callable[[], NDArray[np.uint8]]] = field(default_factory=dict)
    read_points: Callable[[], NDArray[np.float32]] | None = None


@dataclass(frozen=True)
class Drive:
    """A recording of a vehicle with cameras and a LiDAR.

    Attributes:
        name: short name, for instance 2011_09_26_drive_0013.
        source: file or folder of the recording.
        frames: in chronological order.
        cameras: by optical frame.
        T_base_lidar: pose of the LiDAR in the base frame; None if there is no LiDAR.
        map_frame, base_frame, lidar_frame: frame names as in REP-105.
        pose_frame: frame in which a bag has its poses; empty for other recordings.
        datum: description of the origin of the map frame.
        geodetic_datum: where it is on earth; None if that is not known.
        pose_problem: why frames have no pose; empty if all have one.
        part: which part of the recording this is, in words; empty for all of it.
    """

    name: str
    source: Path
    frames: Sequence[Frame]
    cameras: Mapping[str, MountedCamera]
    T_base_lidar: Pose | None
    map_frame: str = "map"
    base_frame: str = "base_link"
    lidar_frame: str = "lidar"
    pose_frame: str = ""
    datum: str = "first pose of the recording"
    geodetic_datum: GeodeticDatum | None = None
    pose_problem: str = ""
    part: str = ""

    def scans(self) -> Iterator[Frame]:
        """Yield the frames that have points and a pose."""
        return (f for f in self.frames if f.read_points is not None and f.T_map_base is not None)

    def images(self) -> Iterator[Frame]:
        """Yield the frames that have an image."""
        return (f for f in self.frames if f.images)

    def recorded_images(self) -> Iterator[RecordedImage]:
        """Yield the images of all cameras, in chronological order."""
        for frame in self.images():
            for frame_id, read in frame.images.items():
                camera = partial(self.cameras.__getitem__, frame_id)
                yield RecordedImage(frame.stamp_ns, frame.T_map_base, frame_id, camera, read)

    def complete(self) -> "Drive":
        """Return the drive with only the frames that have an image, points and a pose.

        In bags, images and scans are separate frames. There, each scan is assigned to the image nearest in time, if
        this is within half the median time between scans and within 60 ms. Such a frame has the stamp and pose of its
        image. Its points are transformed to the pose of the LiDAR at that time.

        Raises:
            DatasetError: there is no such frame.
        """
        frames = tuple(f for f in self.scans() if f.images)
        if not any(f.images and f.read_points is not None for f in self.frames):
            frames = self._paired()
        if not frames:
            raise DatasetError(
                f"{self.source}: no frame has an image, a scan and a pose, and no scan is within half a scan period or "
                f"{MAX_TIME_OFFSET_NS // 1_000_000} ms of an image (in a bag they are separate frames): give the "
                "folder of a KITTI raw drive with image_02 and velodyne_points, or a bag with all images and scans"
            )
        return replace(self, frames=frames)

    def _paired(self) -> tuple[Frame, ...]:
        """Return a frame for each image with an assigned scan. If several scans match an image, the nearest is used."""
        images, scans = self._images_of_first_camera(), list(self.scans())
        if not images or not scans or self.T_base_lidar is None:
            return ()
        stamps, image_stamps = (np.array([f.stamp_ns for f in frames]) for frames in (scans, images))
        before = np.maximum(np.searchsorted(image_stamps, stamps) - 1, 0)
        after = np.minimum(before + 1, len(images) - 1)
        is_after = np.abs(image_stamps[after] - stamps) < np.abs(image_stamps[before] - stamps)
        nearest = np.where(is_after, after, before)
        offset = np.abs(image_stamps[nearest] - stamps)
        limit = min(MAX_TIME_OFFSET_NS, np.median(np.diff(stamps)) / 2 if len(stamps) > 1 else MAX_TIME_OFFSET_NS)
        scan_of: dict[int, Frame] = {}
        for i in np.argsort(offset, kind="stable"):
            if offset[i] <= limit:
                scan_of.setdefault(int(nearest[i]), scans[i])
        return tuple(_merge(images[i], scan, self.T_base_lidar) for i, scan in sorted(scan_of.items()))

    def _images_of_first_camera(self) -> list[Frame]:
        """Return the frames of the first camera that have a pose, with images of other cameras at the same stamp."""
        by_stamp: dict[int, Frame] = {}
        for frame in self.images():
            if frame.T_map_base is not None:
                known = by_stamp.get(frame.stamp_ns, frame)
                by_stamp[frame.stamp_ns] = replace(frame, images={**known.images, **frame.images})
        first = next((name for name in self.cameras if any(name in f.images for f in by_stamp.values())), "")
        frames = [f for f in by_stamp.values() if first in f.images]
        order = [first, *(name for name in self.cameras if name != first)]
        return [replace(f, images={name: f.images[name] for name in order if name in f.images}) for f in frames]


def _merge(image: Frame, scan: Frame, T_base_lidar: Pose) -> Frame:
    """Return the frame of an image with the points of a scan that was taken a little earlier or later."""
    if scan.read_points is None or scan.T_map_base is None or image.T_map_base is None:
        return image
    T_image_scan = inverse(image.T_map_base @ T_base_lidar) @ scan.T_map_base @ T_base_lidar
    return replace(image, read_points=partial(_read_transformed, scan.read_points, T_image_scan))


def _read_transformed(read: Callable[[], NDArray[np.float32]], T: Pose) -> NDArray[np.float32]:
    points: NDArray[np.float32] = read().copy()
    points[:, :3] = transform_points(T, points)
    return points
