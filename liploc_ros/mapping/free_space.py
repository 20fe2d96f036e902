# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Free space beside the path: where a vehicle could be, as far as the scans show."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from liploc_ros.geometry import Pose, inverse, transform_points
from liploc_ros.views import Scan

# Footprint of a vehicle, to both sides of its middle [m].
HALF_LENGTH, HALF_WIDTH = 1.0, 0.8
# Points that stand in its way: height above the road [m], and their least number, because single points may be noise.
MIN_HEIGHT, MAX_HEIGHT, MIN_OBSTACLE_POINTS = 0.4, 2.0, 5
# Points on the road: largest difference in height [m], and how far along the path they count, because the rings of
# a scan are metres apart [m].
ROAD_HEIGHT, ROAD_LENGTH, MIN_ROAD_POINTS = 0.4, 3.0, 3
# The height of the road at a station: percentile of the heights of the points around [m].
GROUND_DISTANCE, GROUND_PERCENTILE = 8.0, 10


def free_offsets(
    scans: Sequence[Scan], T_map_base: Pose, view_origin: NDArray[np.float64], offsets: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return for each lateral offset (L,) whether a vehicle could be there at a station.

    The path itself is free. Elsewhere, the scans must show road, and nothing that stands on it.

    Args:
        scans: near the station, without moving objects.
        T_map_base: pose of the base at the station.
        view_origin: (3,) of the views in the base frame [m]; offsets are those of the view.
        offsets: (L,) to the left of the path [m].
    """
    T_view_map = inverse(T_map_base)
    T_view_map[:3, 3] -= view_origin
    points = np.concatenate([transform_points(T_view_map @ scan.T_map_lidar, scan.points) for scan in scans])
    around = np.abs(points[:, 0]) < GROUND_DISTANCE
    around &= np.abs(points[:, 1]) < GROUND_DISTANCE + np.abs(offsets).max(initial=0.0)
    points = points[around]
    if not len(points):
        return np.asarray(np.abs(offsets) < HALF_WIDTH)
    x, y, z = points.T
    nearby = np.hypot(x, y) < GROUND_DISTANCE
    height = z - np.percentile(z[nearby] if nearby.any() else z, GROUND_PERCENTILE)
    standing = y[(height > MIN_HEIGHT) & (height < MAX_HEIGHT) & (np.abs(x) < HALF_LENGTH)]
    road = y[(np.abs(height) < ROAD_HEIGHT) & (np.abs(x) < ROAD_LENGTH)]
    in_footprint = [np.count_nonzero(np.abs(y - offsets[:, None]) < HALF_WIDTH, axis=1) for y in (standing, road)]
    free = (in_footprint[0] < MIN_OBSTACLE_POINTS) & (in_footprint[1] >= MIN_ROAD_POINTS)
    return np.asarray(free | (np.abs(offsets) < HALF_WIDTH / 2))
