# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Motion compensation: the points of a scan as if all were measured at its stamp."""

import numpy as np
from numpy.typing import NDArray

from liploc_ros.datasets.point_cloud import PointCloudLike, read_fields
from liploc_ros.datasets.trajectory import SECOND_NS, Trajectory
from liploc_ros.geometry import Pose, inverse, transform_points
from liploc_ros.views.panorama import PointsError

TIME_FIELDS = ("t", "time", "timestamp", "offset_time", "time_stamp", "time_offset")
STEPS = 20  # poses during a scan; within a twentieth of 0.1 s a car drives 15 cm
MAX_DURATION = 1.0  # s, of a scan
ABSOLUTE_SECONDS, ABSOLUTE_NANOSECONDS = 1e8, 1e17  # smallest times since 1970 in these units


def point_times(msg: PointCloudLike, stamp_ns: int, source: str) -> NDArray[np.float64]:
    """Return when each point (N,) was measured, in seconds after the stamp of the scan.

    Integers are nanoseconds, numbers with a fraction are seconds; either may count from the stamp or from 1970.

    Raises:
        PointsError: points have no time, or a scan would take more than a second.
    """
    names = [str(field.name) for field in msg.fields]
    name = next((name for name in TIME_FIELDS if name in names), None)
    if name is None:
        raise PointsError(
            f"{source}: points have no time ({', '.join(TIME_FIELDS)}), only {', '.join(names)}: leave out --deskew"
        )
    values = read_fields(msg, [name], source)[name]
    if not len(values):
        return np.zeros(0)
    largest = float(np.nanmax(np.abs(values.astype(np.float64))))
    if np.issubdtype(values.dtype, np.integer):
        seconds = (values.astype(np.int64) - (stamp_ns if largest > ABSOLUTE_NANOSECONDS else 0)) / SECOND_NS
    elif largest > ABSOLUTE_NANOSECONDS:
        seconds = (values - stamp_ns) / SECOND_NS
    else:
        seconds = values.astype(np.float64) - (stamp_ns / SECOND_NS if largest > ABSOLUTE_SECONDS else 0.0)
    seconds = np.where(np.isfinite(seconds), seconds, 0.0)
    if np.abs(seconds).max() > MAX_DURATION:
        raise PointsError(
            f"{source}: field {name} says that points are up to {np.abs(seconds).max():.3g} s from the stamp of their "
            "scan: leave out --deskew"
        )
    return np.asarray(seconds, np.float64)


def deskewed(
    points: NDArray[np.float32],
    seconds: NDArray[np.float64],
    stamp_ns: int,
    trajectory: Trajectory,
    T_base_lidar: Pose,
) -> NDArray[np.float32]:
    """Return points (N, 4) where the LiDAR saw them if it had stood at its pose at the stamp.

    Args:
        points: in the frame of the LiDAR when each was measured.
        seconds: (N,) when, after the stamp.
        stamp_ns: of the scan.
        trajectory: of the base.
        T_base_lidar: where the LiDAR is mounted.

    Raises:
        PointsError: there is no pose at one of these times.
    """
    first, last = float(seconds.min(initial=0.0)), float(seconds.max(initial=0.0))
    if first == last:
        return points
    step = np.minimum(((seconds - first) / (last - first) * STEPS).astype(np.intp), STEPS - 1)
    T_stamp = _pose(trajectory, stamp_ns) @ T_base_lidar
    moved: NDArray[np.float32] = points.copy()
    for number in np.unique(step):
        at = first + (number + 0.5) / STEPS * (last - first)
        T = inverse(T_stamp) @ _pose(trajectory, stamp_ns + round(at * SECOND_NS)) @ T_base_lidar
        moved[step == number, :3] = transform_points(T, points[step == number])
    return moved


def _pose(trajectory: Trajectory, stamp_ns: int) -> Pose:
    T = trajectory.at(stamp_ns)
    if T is None:
        raise PointsError(f"there is no pose at {stamp_ns} ns, when points of a scan were measured")
    return T
