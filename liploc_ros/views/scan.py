"""A scan with its place, and which of its points were not there any more when another scan was taken."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from liploc_ros.geometry import Pose, inverse, transform_points

COLUMNS, ROWS = 720, 90
UP, DOWN = np.deg2rad(3.0), np.deg2rad(-25.0)
NEAREST, FARTHEST = 1.5, 40.0  # metres; farther away the rays of a scan are too far apart to tell
MARGIN, RELATIVE_MARGIN = 1.0, 0.04  # how far behind a point another scan must have seen, to have seen through it


@dataclass(frozen=True)
class Scan:
    """Points (N, 3 or 4) in the LiDAR's frame, x, y, z [m] and reflectance 0 to 1, taken at ``T_map_lidar``."""

    points: NDArray[np.float32]
    T_map_lidar: Pose

    @cached_property
    def free_range(self) -> NDArray[np.float32]:
        """(ROWS, COLUMNS) distance [m] up to which the scan saw nothing, in every direction; 0 where it is not known.

        The least range of a pixel and its eight neighbours, so that edges, slanted walls and the road are kept. No
        return tells nothing: it may be glass, or the sky.
        """
        pixels, distance = _pixels(self.points)
        inside = (pixels >= 0) & (distance > NEAREST)
        ranges = np.full(ROWS * COLUMNS, np.inf, np.float32)
        np.minimum.at(ranges, pixels[inside], distance[inside])
        around = np.pad(ranges.reshape(ROWS, COLUMNS), ((0, 0), (1, 1)), mode="wrap")
        least = cv2.erode(around, np.ones((3, 3), np.uint8))[:, 1:-1]
        return np.where(np.isfinite(least), least, 0).astype(np.float32)

    def without(self, gone: NDArray[np.bool_]) -> "Scan":
        """Return the scan without some of its points (N,)."""
        return Scan(self.points[~gone], self.T_map_lidar)


def seen_through(scan: Scan, observer: Scan) -> NDArray[np.bool_]:
    """Return (N,) which points of a scan lie where another scan saw nothing."""
    pixels, distance = _pixels(transform_points(inverse(observer.T_map_lidar) @ scan.T_map_lidar, scan.points))
    free = np.where(pixels >= 0, observer.free_range.ravel()[pixels], 0)
    return np.asarray((distance < FARTHEST) & (free > distance * (1 + RELATIVE_MARGIN) + MARGIN))


def _pixels(points: NDArray[np.floating]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return (N,) pixel of a range image, -1 outside of it, and (N,) distance of points in a LiDAR's frame."""
    x, y, z = np.ascontiguousarray(points[:, :3].T, dtype=np.float32)
    with np.errstate(all="ignore"):
        distance = np.sqrt(x * x + y * y + z * z)
        row = (np.float32(UP) - np.arcsin(z / distance)) * np.float32(ROWS / (UP - DOWN))
        column = (np.float32(np.pi) - np.arctan2(y, x)) * np.float32(COLUMNS / (2 * np.pi))
        inside = (row >= 0) & (row < ROWS) & np.isfinite(column)
    pixels = np.full(len(points), -1, np.int64)
    pixels[inside] = row[inside].astype(np.int64) * COLUMNS + column[inside].astype(np.int64) % COLUMNS
    return pixels, distance
