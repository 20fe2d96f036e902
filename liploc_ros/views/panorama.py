# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""A LiDAR scan drawn on the 360-degree version of the angular grid."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liploc_ros.errors import LiplocError
from liploc_ros.geometry import ViewGrid

EMPTY = np.uint32(0xFFFFFFFF)
REFLECTANCE_BITS = 8
STEPS_PER_METRE = 1000.0  # ranges up to 16 km fit in the bits above the reflectance
CHUNK_SIZE = 16384  # points; the temporary arrays then fit in the CPU cache, which is several times faster


class PointsError(LiplocError):
    """Points of a LiDAR scan cannot be used."""


@dataclass(frozen=True)
class Panorama:
    """LiDAR view (H, W): ``range`` [m] float32, 0 without a return; ``reflectance`` float32, 0 to 1."""

    range: NDArray[np.float32]
    reflectance: NDArray[np.float32]

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(H, W) true where there is a return."""
        return self.range > 0

    def facing(self, grid: ViewGrid, yaw: float) -> "Panorama":
        """Return the view of the grid's width with heading yaw [rad], left positive."""
        columns = grid.columns_facing(yaw)
        return Panorama(self.range[:, columns], self.reflectance[:, columns])


def draw_panorama(points: NDArray[np.floating], grid: ViewGrid) -> Panorama:
    """Draw points (N, 3 or 4), x, y, z [m] and reflectance 0 to 1, as a panorama (height, panorama_width).

    Each pixel holds its nearest point. Points that are NaN, infinite, at the origin, nearer than ``grid.near`` or
    farther than ``grid.far`` are dropped. Without a fourth column the reflectance is 0. LiDAR beams can be farther
    apart than the rows of the grid. Therefore an empty pixel is filled from up to ``grid.fill_rows`` rows above it. An
    empty scan gives an empty panorama.

    Raises:
        PointsError: ``points`` is not an (N, 3) or (N, 4) array.
    """
    if points.ndim != 2 or points.shape[1] not in (3, 4):
        raise PointsError(f"points of shape {points.shape}: expected (N, 3) x, y, z or (N, 4) with reflectance")
    keys = np.full(grid.height * grid.panorama_width, EMPTY)
    for start in range(0, len(points), CHUNK_SIZE):
        _scatter_nearest(keys, points[start : start + CHUNK_SIZE], grid)
    return _unpack(_fill_down(keys.reshape(grid.height, grid.panorama_width), grid.fill_rows))


def _scatter_nearest(keys: NDArray[np.uint32], points: NDArray[np.floating], grid: ViewGrid) -> None:
    """Reduce the key of each pixel to that of its nearest point.

    A key is one integer with the range in the upper and the reflectance in the lower bits, so no sort is needed.
    """
    x, y, z = (np.ascontiguousarray(points[:, axis], dtype=np.float32) for axis in range(3))
    with np.errstate(all="ignore"):
        distance = np.sqrt(x * x + y * y + z * z)
        sine = z / distance
        # Points outside the grid are dropped before the expensive arc functions. Comparisons with NaN are false.
        keep = (distance > grid.near) & (distance < grid.far)
        keep &= sine < np.float32(np.sin(np.deg2rad(grid.up_deg)))
        keep &= sine > np.float32(np.sin(np.deg2rad(grid.down_deg)))
    x, y, distance, elevation = x[keep], y[keep], distance[keep], np.arcsin(sine[keep])
    column = ((np.float32(np.pi) - np.arctan2(y, x)) * np.float32(1 / grid.column_pitch)).astype(np.int32)
    row = ((np.float32(np.deg2rad(grid.up_deg)) - elevation) * np.float32(1 / grid.row_pitch)).astype(np.int32)
    # Rounding can give an index one too large: columns wrap around, rows are clipped.
    column[column >= grid.panorama_width] -= grid.panorama_width
    pixel = np.minimum(row, grid.height - 1) * grid.panorama_width + column
    key = (distance * np.float32(STEPS_PER_METRE)).astype(np.uint32) << np.uint32(REFLECTANCE_BITS)
    if points.shape[1] == 4:
        reflectance = np.fmin(np.fmax(points[:, 3][keep], 0), 1)  # fmax ignores NaN
        key |= (reflectance * 255).astype(np.uint32)
    np.minimum.at(keys, pixel, key)


def _fill_down(keys: NDArray[np.uint32], rows: int) -> NDArray[np.uint32]:
    for _ in range(rows):
        filled = keys.copy()
        np.copyto(filled[1:], keys[:-1], where=keys[1:] == EMPTY)
        keys = filled
    return keys


def _unpack(keys: NDArray[np.uint32]) -> Panorama:
    empty = keys == EMPTY
    reflectance = np.multiply(keys.astype(np.uint8), np.float32(1 / 255), dtype=np.float32)
    distance = (keys >> np.uint32(REFLECTANCE_BITS)).astype(np.float32)
    distance *= np.float32(1 / STEPS_PER_METRE)
    distance[empty] = reflectance[empty] = 0
    return Panorama(distance, reflectance)
