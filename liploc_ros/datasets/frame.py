"""What every reader yields: a drive, and its frames."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liploc_ros.errors import LiplocError
from liploc_ros.geometry import MountedCamera, Pose


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

        Raises:
            DatasetError: there is none.
        """
        frames = tuple(f for f in self.scans() if f.images)
        if not frames:
            raise DatasetError(
                f"{self.source}: no frame has both an image and a scan, with a pose (in a bag they are frames of their "
                "own): give the folder of a KITTI raw drive with image_02 and velodyne_points"
            )
        return replace(self, frames=frames)
