"""A LiDAR panorama from a place where no scan was taken."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from liploc_ros.geometry import Pose, ViewGrid, inverse, transform_points
from liploc_ros.views.panorama import Panorama, PointsError, draw_panorama
from liploc_ros.views.scan import Scan

ROW_SPACING, COLUMN_SPACING = np.deg2rad(0.45), np.deg2rad(0.2)  # between neighbouring points of a 64-beam scan
MOST_ROWS, MOST_COLUMNS = 3, 2  # of a footprint, to each side


def draw_virtual_view(scans: Sequence[Scan], T_map_view: Pose, grid: ViewGrid) -> Panorama:
    """Return the panorama seen at ``T_map_view``, drawn from the points of all the scans.

    Points that are nearer to the view than they were to their LiDAR stand farther apart there than the grid's pixels.
    They cover the gaps between them, or what lies behind would show through.

    Raises:
        PointsError: there are no scans, or one with other than three or four columns.
    """
    if not scans:
        raise PointsError("no scans to draw a view from: give at least one")
    T_view_map = inverse(T_map_view)
    return draw_panorama(np.concatenate([_seen_from(T_view_map, scan, grid) for scan in scans]), grid)


def _seen_from(T_view_map: Pose, scan: Scan, grid: ViewGrid) -> NDArray[np.float32]:
    """Return the scan's points (N, 4) in the view's frame, with their footprints; reflectance 0 where it has none."""
    if scan.points.ndim != 2 or scan.points.shape[1] not in (3, 4):
        raise PointsError(f"points of shape {scan.points.shape}: expected (N, 3) x, y, z or (N, 4) with reflectance")
    seen = np.zeros((len(scan.points), 4), np.float32)
    seen[:, :3] = transform_points(T_view_map @ scan.T_map_lidar, scan.points)
    seen[:, 3:] = scan.points[:, 3:]
    return np.concatenate([seen, _footprints(seen, scan.points, grid)])


def _footprints(seen: NDArray[np.float32], measured: NDArray[np.float32], grid: ViewGrid) -> NDArray[np.float32]:
    """Return copies (M, 4) of the points turned by whole pixels, for those that stand too far apart in the view."""
    with np.errstate(all="ignore"):
        distance = np.sqrt(np.einsum("nc,nc->n", seen[:, :3], seen[:, :3]))
        stretch = np.sqrt(np.einsum("nc,nc->n", measured[:, :3], measured[:, :3])) / distance
    # Half of a footprint, in pixels beside the point's own; NaN compares false.
    near = np.flatnonzero((stretch * ROW_SPACING > 2 * grid.row_pitch) & (distance > grid.near) & (distance < grid.far))
    points, distance, stretch = seen[near], distance[near], stretch[near]
    rows = np.minimum(np.rint((stretch * ROW_SPACING / grid.row_pitch - 1) / 2), MOST_ROWS)
    columns = np.minimum(np.rint((stretch * COLUMN_SPACING / grid.column_pitch - 1) / 2), MOST_COLUMNS)
    elevation = np.arcsin(np.clip(points[:, 2] / distance, -1, 1))
    azimuth = np.arctan2(points[:, 1], points[:, 0])
    copies = []
    for down in range(-MOST_ROWS, MOST_ROWS + 1):
        for left in range(-MOST_COLUMNS, MOST_COLUMNS + 1):
            chosen = np.flatnonzero((rows >= abs(down)) & (columns >= abs(left)))
            if (down, left) != (0, 0) and len(chosen):
                e, a = elevation[chosen] - down * grid.row_pitch, azimuth[chosen] + left * grid.column_pitch
                direction = np.stack([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)], axis=1)
                copies.append(np.c_[direction * distance[chosen, None], points[chosen, 3]])
    return np.concatenate(copies).astype(np.float32) if copies else np.zeros((0, 4), np.float32)
