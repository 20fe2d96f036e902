# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""A scan with its pose, and the test whether another scan saw through its points."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from liploc_ros.geometry import Pose, inverse, transform_points

# Range image of the visibility test.
COLUMNS, ROWS = 720, 90
UP, DOWN = np.deg2rad(3.0), np.deg2rad(-25.0)
MIN_RANGE, MAX_RANGE = 1.5, 40.0  # [m]; beyond, the rays of a scan are too sparse for the test


@dataclass(frozen=True)
class Scan:
    """Points (N, 3 or 4) in the LiDAR frame, x, y, z [m] and reflectance 0 to 1, and the LiDAR pose ``T_map_lidar``."""

    points: NDArray[np.float32]
    T_map_lidar: Pose

    @cached_property
    def free_range(self) -> NDArray[np.float32]:
        """(ROWS, COLUMNS) free distance [m] in every direction; 0 where it is unknown.

        This is the minimum range of a pixel and its eight neighbours, which protects edges, slanted walls and the road.
        A pixel without a return is unknown: it may be glass or sky.
        """
        pixels, distance = _pixels(self.points)
        inside = (pixels >= 0) & (distance > MIN_RANGE)
        ranges = np.full(ROWS * COLUMNS, np.inf, np.float32)
        np.minimum.at(ranges, pixels[inside], distance[inside])
        padded = np.pad(ranges.reshape(ROWS, COLUMNS), ((0, 0), (1, 1)), mode="wrap")
        minimum = cv2.erode(padded, np.ones((3, 3), np.uint8))[:, 1:-1]
        return np.where(np.isfinite(minimum), minimum, 0).astype(np.float32)

    def without(self, removed: NDArray[np.bool_]) -> "Scan":
        """Return the scan without the points of a mask (N,)."""
        return Scan(self.points[~removed], self.T_map_lidar)


def seen_through(scan: Scan, observer: Scan, margin: float, relative_margin: float) -> NDArray[np.bool_]:
    """Return the mask (N,) of the points of a scan that lie in the free space of another scan.

    Args:
        scan: whose points are tested.
        observer: the other scan.
        margin: distance behind a point that the other scan must have seen at least [m],
        relative_margin: plus this share of the distance of the point.
    """
    pixels, distance = _pixels(transform_points(inverse(observer.T_map_lidar) @ scan.T_map_lidar, scan.points))
    free = np.where(pixels >= 0, observer.free_range.ravel()[pixels], 0)
    return np.asarray((distance < MAX_RANGE) & (free > distance * (1 + relative_margin) + margin))


def _pixels(points: NDArray[np.floating]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return range-image pixels (N,), -1 if outside, and distances (N,) [m] of points in the LiDAR frame."""
    x, y, z = np.ascontiguousarray(points[:, :3].T, dtype=np.float32)
    with np.errstate(all="ignore"):
        distance = np.sqrt(x * x + y * y + z * z)
        row = (np.float32(UP) - np.arcsin(z / distance)) * np.float32(ROWS / (UP - DOWN))
        column = (np.float32(np.pi) - np.arctan2(y, x)) * np.float32(COLUMNS / (2 * np.pi))
        inside = (row >= 0) & (row < ROWS) & np.isfinite(column)
    pixels = np.full(len(points), -1, np.int64)
    pixels[inside] = row[inside].astype(np.int64) * COLUMNS + column[inside].astype(np.int64) % COLUMNS
    return pixels, distance
