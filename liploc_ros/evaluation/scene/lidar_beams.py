# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The beams of a spinning LiDAR, and scans with fewer of them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from liploc_ros.views import Scan
from liploc_ros.views.lazy_sequence import LazySequence

# Elevations [rad] of the Velodyne HDL-64E as in KITTI's calibrated scans: the median of each beam over drive 0005,
# fitted by a line for each of the two blocks of 32 lasers. They agree with the data sheet (2 to -24.9 degrees, steps of
# 1/3 and 1/2 degree) to half a degree.
BEAMS = np.deg2rad(np.concatenate([np.linspace(2.4, -7.9, 32), np.linspace(-8.4, -23.7, 32)]))
BEAM_COUNTS = (64, 32, 16)
AZIMUTHS = 2083  # rays of a beam per turn: an HDL-64E at 10 Hz
MAX_OFFSET = np.deg2rad(0.35)  # between a beam of a thinned scan and its return; recorded beams are up to 0.5 deg apart


def beam_elevations(count: int) -> NDArray[np.float64]:
    """Return the elevations (count,) [rad], falling, of a LiDAR with 64, 32 or 16 of the beams of an HDL-64E."""
    return np.asarray(BEAMS[:: len(BEAMS) // count])


def nearest_beams(elevation: NDArray[np.floating], beams: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return for each elevation (N,) [rad] which of the beams (B,), falling, is nearest."""
    between = (beams[1:] + beams[:-1]) / 2
    return np.asarray(np.searchsorted(-between, -elevation), dtype=np.intp)


def azimuth_columns(azimuth: NDArray[np.float32], columns: int = AZIMUTHS) -> NDArray[np.int32]:
    """Return which of the columns of a turn each azimuth (N,) [rad] is in; column 0 looks backward."""
    column = ((np.float32(np.pi) - azimuth) * np.float32(columns / (2 * np.pi))).astype(np.int32)
    return np.asarray(column % columns)


def thin_beams(points: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Return the points (M, 4) of a scan (N, 4) in the LiDAR frame that a LiDAR with ``count`` beams would return.

    For each ray this is the return nearest to it in elevation. The lasers of a scan are not at one point, so near
    returns are not at the elevations of the beams. With all 64 beams, all points are returned.
    """
    if count == len(BEAMS):
        return points
    rows = np.flatnonzero(np.isfinite(points[:, :3]).all(axis=1))
    x, y, z = points[rows, :3].T
    elevation, beams = np.arctan2(z, np.hypot(x, y)), beam_elevations(count)
    beam = nearest_beams(elevation, beams)
    offset = np.abs(beams[beam] - elevation)
    near = offset < MAX_OFFSET
    key = (offset[near] * 1e6).astype(np.int64) << 32 | rows[near]
    return np.asarray(points[first_of_rays(beam[near] * AZIMUTHS + azimuth_columns(np.arctan2(y, x)[near]), key)])


def first_of_rays(ray: NDArray[np.integer], key: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the rows (M,) of the points with the smallest key of each ray.

    Args:
        ray: (N,) of the points.
        key: (N,) with the row of the point in the lower 32 bits.
    """
    smallest = np.full(int(ray.max(initial=0)) + 1, np.iinfo(np.int64).max)
    np.minimum.at(smallest, ray, key)
    return np.asarray(smallest[smallest < np.iinfo(np.int64).max] & 0xFFFFFFFF)


class ThinnedScans(LazySequence[Scan]):
    """The scans of a LiDAR with 64 beams as one with fewer would see them."""

    def __init__(self, scans: Sequence[Scan], beams: int) -> None:
        self._scans = scans
        self._beams = beams

    def __len__(self) -> int:
        return len(self._scans)

    def item(self, index: int) -> Scan:
        """Return a scan."""
        scan = self._scans[index]
        return Scan(thin_beams(scan.points, self._beams), scan.T_map_lidar)
