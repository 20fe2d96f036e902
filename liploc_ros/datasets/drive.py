"""What every reader yields: a drive, and its frames."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liploc_ros.errors import LiplocError
from liploc_ros.geometry import MountedCamera, Pose, inverse, transform_points

MAX_APART_NS = 60_000_000
"""How far apart an image and a scan may be to make one frame: a scan of 10 Hz takes 100 ms."""


class DatasetError(LiplocError):
    """A recording that is missing, damaged, or without what is asked of it."""


@dataclass(frozen=True)
class Frame:
    """What was recorded at one time; images and points are read when called for.

    Attributes:
        stamp_ns: nanoseconds since the epoch.
        T_map_base: where the vehicle was, or None where the recording has no pose.
        images: by camera frame, a function that returns the image (h, w, 3) uint8 RGB.
        read_points: returns the scan (N, 4) float32 in the LiDAR's frame, x, y, z [m] and reflectance 0 to 1;
            None where there is no scan.
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
        source: file or folder it was read from.
        frames: in order of time.
        cameras: by optical frame.
        T_base_lidar: where the LiDAR is mounted, or None where there is none.
        map_frame, base_frame, lidar_frame: frame names after REP-105.
        datum: what the origin of the map frame is.
    """

    name: str
    source: Path
    frames: Sequence[Frame]
    cameras: Mapping[str, MountedCamera]
    T_base_lidar: Pose | None
    map_frame: str = "map"
    base_frame: str = "base_link"
    lidar_frame: str = "lidar"
    datum: str = "first pose of the recording"

    def scans(self) -> Iterator[Frame]:
        """Yield the frames that have points and a pose."""
        return (f for f in self.frames if f.read_points is not None and f.T_map_base is not None)

    def images(self) -> Iterator[Frame]:
        """Yield the frames that have an image."""
        return (f for f in self.frames if f.images)

    def complete(self) -> "Drive":
        """Return the drive with only those frames that have an image, points and a pose.

        Where images and scans are frames of their own, as in bags, each scan goes to the image nearest in time: within
        half the usual time between scans, and at most 60 ms. Such a frame has the stamp and pose of its image, and its
        points are moved to where the LiDAR was then.

        Raises:
            DatasetError: there is none.
        """
        frames = tuple(f for f in self.scans() if f.images)
        if not any(f.images and f.read_points is not None for f in self.frames):
            frames = self._paired()
        if not frames:
            raise DatasetError(
                f"{self.source}: no frame has both an image and a scan, with a pose, and no scan is within half a scan "
                f"period or {MAX_APART_NS // 1_000_000} ms of an image (in a bag they are frames of their own): give "
                "the folder of a KITTI raw drive with image_02 and velodyne_points, or a bag with every image and scan"
            )
        return replace(self, frames=frames)

    def _paired(self) -> tuple[Frame, ...]:
        """Return a frame for each scan that has an image near in time, which no other scan is nearer to."""
        images, scans = self._images_of_first_camera(), list(self.scans())
        if not images or not scans or self.T_base_lidar is None:
            return ()
        stamps, image_stamps = (np.array([f.stamp_ns for f in frames]) for frames in (scans, images))
        before = np.maximum(np.searchsorted(image_stamps, stamps) - 1, 0)
        after = np.minimum(before + 1, len(images) - 1)
        is_after = np.abs(image_stamps[after] - stamps) < np.abs(image_stamps[before] - stamps)
        nearest = np.where(is_after, after, before)
        apart = np.abs(image_stamps[nearest] - stamps)
        limit = min(MAX_APART_NS, np.median(np.diff(stamps)) / 2 if len(stamps) > 1 else MAX_APART_NS)
        scan_of: dict[int, Frame] = {}
        for i in np.argsort(apart, kind="stable"):
            if apart[i] <= limit:
                scan_of.setdefault(int(nearest[i]), scans[i])
        return tuple(_joined(images[i], scan, self.T_base_lidar) for i, scan in sorted(scan_of.items()))

    def _images_of_first_camera(self) -> list[Frame]:
        """Return its frames with a pose; they have the images of other cameras too that were taken at the same time."""
        at: dict[int, Frame] = {}
        for frame in self.images():
            if frame.T_map_base is not None:
                known = at.get(frame.stamp_ns, frame)
                at[frame.stamp_ns] = replace(frame, images={**known.images, **frame.images})
        first = next((name for name in self.cameras if any(name in f.images for f in at.values())), "")
        frames = [f for f in at.values() if first in f.images]
        order = [first, *(name for name in self.cameras if name != first)]
        return [replace(f, images={name: f.images[name] for name in order if name in f.images}) for f in frames]


def _joined(image: Frame, scan: Frame, T_base_lidar: Pose) -> Frame:
    """Return the image's frame with the points of a scan, which were taken a little earlier or later."""
    if scan.read_points is None or scan.T_map_base is None or image.T_map_base is None:
        return image
    T_image_scan = inverse(image.T_map_base @ T_base_lidar) @ scan.T_map_base @ T_base_lidar
    return replace(image, read_points=partial(_read_moved, scan.read_points, T_image_scan))


def _read_moved(read: Callable[[], NDArray[np.float32]], T: Pose) -> NDArray[np.float32]:
    points: NDArray[np.float32] = read().copy()
    points[:, :3] = transform_points(T, points)
    return points
