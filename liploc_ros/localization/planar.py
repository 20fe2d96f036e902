"""Poses in the plane, SE(2): (..., 3) arrays of x, y [m] and yaw [rad]."""

import numpy as np
from numpy.typing import NDArray

from liploc_ros.geometry import Pose, angle_difference, pose_from_yaw, yaw_of

Planar = NDArray[np.float64]


def planar_of(T: NDArray[np.float64]) -> Planar:
    """Return the (..., 3) x, y, yaw of poses (..., 4, 4)."""
    return np.stack([T[..., 0, 3], T[..., 1, 3], np.arctan2(T[..., 1, 0], T[..., 0, 0])], axis=-1)


def compose(poses: Planar, step: Planar) -> Planar:
    """Return poses (..., 3) after a step (..., 3) that is given in their own frame."""
    cos, sin = np.cos(poses[..., 2]), np.sin(poses[..., 2])
    x = poses[..., 0] + cos * step[..., 0] - sin * step[..., 1]
    y = poses[..., 1] + sin * step[..., 0] + cos * step[..., 1]
    return np.stack([x, y, angle_difference(poses[..., 2] + step[..., 2], 0.0)], axis=-1)


def difference(poses: Planar, other: Planar) -> Planar:
    """Return poses minus others (..., 3), the angle wrapped."""
    result = poses - other
    result[..., 2] = angle_difference(result[..., 2], 0.0)
    return np.asarray(result)


def carried(
    covariance: NDArray[np.float64], poses: Planar, step: Planar, noise: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the covariances (N, 3, 3) after a step, to first order.

    Args:
        covariance: (N, 3, 3) of the poses before it, in the frame of the map.
        poses: (N, 3) before the step.
        step: (3,) or (N, 3) in the poses' own frame.
        noise: (3, 3) of the step, in the same frame.
    """
    cos, sin = np.cos(poses[:, 2]), np.sin(poses[:, 2])
    F = np.tile(np.eye(3), (len(poses), 1, 1))
    F[:, 0, 2] = -sin * step[..., 0] - cos * step[..., 1]
    F[:, 1, 2] = cos * step[..., 0] - sin * step[..., 1]
    R = np.tile(np.eye(3), (len(poses), 1, 1))
    R[:, 0, 0] = R[:, 1, 1] = cos
    R[:, 1, 0], R[:, 0, 1] = sin, -sin
    return np.asarray(F @ covariance @ F.transpose(0, 2, 1) + R @ noise @ R.transpose(0, 2, 1))


def lifted(pose: Planar, T_near: Pose) -> Pose:
    """Return the (4, 4) pose at x, y, yaw whose height and tilt are those of a pose near it."""
    T = np.eye(4)
    T[:3, :3] = pose_from_yaw(0, 0, 0, float(angle_difference(pose[2], yaw_of(T_near))))[:3, :3] @ T_near[:3, :3]
    T[:3, 3] = pose[0], pose[1], T_near[2, 3]
    return T
