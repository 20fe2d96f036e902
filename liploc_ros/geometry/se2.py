# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Planar poses, SE(2), as (..., 3) arrays: x, y [m] and yaw [rad]."""

import numpy as np
from numpy.typing import NDArray

from liploc_ros.geometry.se3 import Pose, angle_difference, inverse, pose_from_yaw, yaw_of

PoseSE2 = NDArray[np.float64]
SE2_AXES = np.array([0, 1, 5])  # rows of x, y and yaw in the 6 x 6 covariance of a ROS pose


def se2_of(T: NDArray[np.float64]) -> PoseSE2:
    """Return x, y, yaw (..., 3) of poses (..., 4, 4); height, roll and pitch are dropped."""
    return np.stack([T[..., 0, 3], T[..., 1, 3], np.arctan2(T[..., 1, 0], T[..., 0, 0])], axis=-1)


def compose(poses: PoseSE2, step: PoseSE2) -> PoseSE2:
    """Return poses (..., 3) after a relative motion ``step`` (..., 3), which is given in the frame of each pose."""
    cos, sin = np.cos(poses[..., 2]), np.sin(poses[..., 2])
    x = poses[..., 0] + cos * step[..., 0] - sin * step[..., 1]
    y = poses[..., 1] + sin * step[..., 0] + cos * step[..., 1]
    return np.stack([x, y, angle_difference(poses[..., 2] + step[..., 2], 0.0)], axis=-1)


def inverse_step(step: PoseSE2) -> PoseSE2:
    """Return the inverse (3,) of a relative motion (3,): the start pose in the frame of the end pose."""
    return se2_of(inverse(pose_from_yaw(float(step[0]), float(step[1]), 0.0, float(step[2]))))


def difference(poses: PoseSE2, other: PoseSE2) -> PoseSE2:
    """Return ``poses - other`` (..., 3), component by component, with yaw wrapped to [-pi, pi)."""
    result = poses - other
    result[..., 2] = angle_difference(result[..., 2], 0.0)
    return np.asarray(result)


def lift_to_se3(pose: PoseSE2, T_near: Pose) -> Pose:
    """Return the (4, 4) pose with x, y, yaw of ``pose`` and the height, roll and pitch of a nearby pose."""
    T = np.eye(4)
    T[:3, :3] = pose_from_yaw(0, 0, 0, float(angle_difference(pose[2], yaw_of(T_near))))[:3, :3] @ T_near[:3, :3]
    T[:3, 3] = pose[0], pose[1], T_near[2, 3]
    return T
