# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The scan that a spinning LiDAR would take of a dense cloud of points: one return per ray, with occlusion."""

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from liploc_ros.evaluation.scene.lidar_beams import AZIMUTHS, azimuth_columns, first_of_rays, nearest_beams

MIN_RANGE, MAX_RANGE = 1.5, 80.0  # [m]
HALF_BEAM = np.deg2rad(0.17)  # largest difference in elevation between a beam and its return; half a step of 64 beams

# The image of the nearest surface has square pixels. It is higher than the field of view, so that nothing is cut off.
PIXEL = np.deg2rad(0.2)
UP, DOWN = np.deg2rad(4.0), np.deg2rad(-25.0)
COLUMNS, ROWS = round(2 * np.pi / PIXEL), round((UP - DOWN) / PIXEL)
# Gaps between points up to twice this radius [m] are closed: the points of a surface that was recorded from farther
# away are sparse, and what is behind must not be seen through them.
RADIUS = 0.08
HALF_KERNELS = (1, 2, 3, 5, 8, 12)  # pixels, for near points down to MIN_RANGE
# A point is hidden if the nearest surface is more than this in front of it: the surfaces of several scans are as thick
# as their poses are inaccurate, and neighbouring pixels of the road differ in range.
MARGIN, RELATIVE_MARGIN = 0.25, 0.06  # [m], share of the range

Polar = tuple[NDArray[np.intp], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]


def simulate_scan(points: NDArray[np.float32], beams: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the points (M, 4) that a LiDAR at the origin sees: the nearest of each ray that is not hidden.

    The points are not moved to the centre of their ray, so they stay on the surfaces.

    Args:
        points: (N, 4) x, y, z [m] in the LiDAR frame and reflectance, much denser than a scan.
        beams: (B,) elevations [rad], falling.
    """
    rows, distance, elevation, azimuth = _polar(points)
    row = np.minimum(((np.float32(UP) - elevation) / np.float32(PIXEL)).astype(np.int32), ROWS - 1)
    pixel = row * COLUMNS + azimuth_columns(azimuth, COLUMNS)
    surface = nearest_surface(pixel, distance)[pixel]
    beam = nearest_beams(elevation, beams)
    seen = (distance <= surface * np.float32(1 + RELATIVE_MARGIN) + np.float32(MARGIN)) & (
        np.abs(beams[beam] - elevation) < HALF_BEAM
    )
    ray = beam[seen] * AZIMUTHS + azimuth_columns(azimuth[seen])
    key = (distance[seen] * 1000).astype(np.int64) << 32 | rows[seen]
    return np.asarray(points[first_of_rays(ray, key)])


def nearest_surface(pixel: NDArray[np.int32], distance: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the distance (ROWS * COLUMNS,) [m] of the nearest surface in every direction; infinite without one.

    Gaps between points are closed (a minimum filter, then a maximum filter), the wider in angle the nearer the points
    are. Silhouettes are not enlarged.

    Args:
        pixel: (N,) of the points.
        distance: (N,) of the points [m].
    """
    half = np.float32(RADIUS / PIXEL) / distance
    kernel = np.searchsorted([(a + b) / 2 for a, b in pairwise(HALF_KERNELS)], half)
    nearer = np.full(ROWS * COLUMNS, np.inf, np.float32)
    surface = np.full((ROWS, COLUMNS), np.inf, np.float32)
    for number in reversed(range(len(HALF_KERNELS))):
        of_kernel = kernel == number
        np.minimum.at(nearer, pixel[of_kernel], distance[of_kernel])
        np.minimum(surface, _close_gaps(nearer.reshape(ROWS, COLUMNS), HALF_KERNELS[number]), out=surface)
    return np.asarray(surface.ravel())


def _close_gaps(image: NDArray[np.float32], half: int) -> NDArray[np.float32]:
    kernel = np.ones((2 * half + 1, 2 * half + 1), np.uint8)
    around = np.pad(image, ((0, 0), (2 * half, 2 * half)), mode="wrap")
    return np.asarray(cv2.morphologyEx(around, cv2.MORPH_OPEN, kernel)[:, 2 * half : -2 * half])


def _polar(points: NDArray[np.float32]) -> Polar:
    """Return rows (M,), distance [m], elevation and azimuth [rad] of the points in the field of view."""
    x, y, z = np.ascontiguousarray(points[:, :3].T)
    with np.errstate(all="ignore"):
        distance = np.sqrt(x * x + y * y + z * z)
        sine = z / distance
        kept = (distance > MIN_RANGE) & (distance < MAX_RANGE)  # comparisons with NaN are false
        kept &= (sine < np.float32(np.sin(UP))) & (sine > np.float32(np.sin(DOWN)))
    rows = np.flatnonzero(kept)
    return rows, distance[rows], np.arcsin(sine[rows]), np.arctan2(y[rows], x[rows])
