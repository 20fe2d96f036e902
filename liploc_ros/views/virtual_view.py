"""A LiDAR panorama from a place where no scan was taken."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from liploc_ros.geometry import Pose, ViewGrid, inverse, transform_points
from liploc_ros.views.panorama import Panorama, PointsError, draw_panorama
from liploc_ros.views.scan import Scan


def draw_virtual_view(scans: Sequence[Scan], T_map_view: Pose, grid: ViewGrid) -> Panorama:
    """Return the panorama seen at ``T_map_view``, drawn from the points of all the scans.

    Raises:
        PointsError: there are no scans, or one with other than three or four columns.
    """
    if not scans:
        raise PointsError("no scans to draw a view from: give at least one")
    T_view_map = inverse(T_map_view)
    return draw_panorama(np.concatenate([_seen_from(T_view_map, scan) for scan in scans]), grid)


def _seen_from(T_view_map: Pose, scan: Scan) -> NDArray[np.float32]:
    """Return the scan's points (N, 4) in the view's frame; reflectance 0 where the scan has none."""
    if scan.points.ndim != 2 or scan.points.shape[1] not in (3, 4):
        raise PointsError(f"points of shape {scan.points.shape}: expected (N, 3) x, y, z or (N, 4) with reflectance")
    seen = np.zeros((len(scan.points), 4), np.float32)
    seen[:, :3] = transform_points(T_view_map @ scan.T_map_lidar, scan.points)
    seen[:, 3:] = scan.points[:, 3:]
    return seen
