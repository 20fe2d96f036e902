# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""A LiDAR panorama at a pose where no scan was taken."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from liploc_ros.geometry import Pose, ViewGrid, inverse, transform_points
from liploc_ros.views.panorama import Panorama, PointsError, draw_panorama
from liploc_ros.views.scan import Scan


def draw_virtual_view(scans: Sequence[Scan], T_map_view: Pose, grid: ViewGrid) -> Panorama:
    """Return the panorama at ``T_map_view``, drawn from the points of all scans.

    Raises:
        PointsError: there are no scans, or the points of a scan do not have three or four columns.
    """
    if not scans:
        raise PointsError("a view of 0 scans cannot be drawn: give at least one scan")
    T_view_map = inverse(T_map_view)
    return draw_panorama(np.concatenate([_points_in_view(T_view_map, scan) for scan in scans]), grid)


def _points_in_view(T_view_map: Pose, scan: Scan) -> NDArray[np.float32]:
    """Return the points (N, 4) of a scan in the frame of the view; without reflectance in the scan it is 0."""
    if scan.points.ndim != 2 or scan.points.shape[1] not in (3, 4):
        raise PointsError(f"points of shape {scan.points.shape}: expected (N, 3) x, y, z or (N, 4) with reflectance")
    points = np.zeros((len(scan.points), 4), np.float32)
    points[:, :3] = transform_points(T_view_map @ scan.T_map_lidar, scan.points)
    points[:, 3:] = scan.points[:, 3:]
    return points
