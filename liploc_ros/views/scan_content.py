# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Whether a scan has points that can be used."""

import numpy as np
from numpy.typing import NDArray

from liploc_ros.views.panorama import PointsError

REMEDY = "check the LiDAR and its driver"


def check_points(points: NDArray[np.floating]) -> None:
    """Check that a scan has a point with a direction and a range.

    Args:
        points: (N, 3 or 4) x, y, z [m], and reflectance.

    Raises:
        PointsError: there are no points, all are NaN or infinite, or all are at the origin.
    """
    if not len(points):
        raise PointsError(f"a scan has no points: {REMEDY}")
    for block in (points[:100, :3], points[:, :3]):  # one of the first points is usually good
        is_finite = np.isfinite(block).all(axis=1)
        if np.any(block[is_finite] != 0):
            return
    problem = "at the origin, which means no return" if is_finite.any() else "NaN or infinite"
    raise PointsError(f"all {len(points)} points of a scan are {problem}: {REMEDY}")


def has_reflectance(points: NDArray[np.floating]) -> bool:
    """Return whether any point (N, 3 or 4) has a reflectance above 0. Without it, a map is found less often."""
    return points.shape[1] == 4 and bool(np.any(points[:100, 3] > 0) or np.any(points[:, 3] > 0))
