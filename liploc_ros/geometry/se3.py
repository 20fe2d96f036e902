# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Rigid transforms as 4 x 4 arrays in metres and radians, with REP-103 axes (x forward, y left, z up).

``T_a_b`` transforms coordinates of frame b to frame a, so ``T_a_c = T_a_b @ T_b_c``.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation, Slerp

from liploc_ros.errors import LiplocError

Pose: TypeAlias = NDArray[np.float64]
"""(4, 4) homogeneous rigid transform."""

IDENTITY_QUATERNION = (0.0, 0.0, 0.0, 1.0)
MAX_NORM_ERROR = 0.01
"""Largest difference between 1 and the norm of a quaternion from outside, as in tf2."""


class PoseError(LiplocError):
    """Numbers from a file, message or option that are not a pose."""


def pose_from(translation: ArrayLike, quaternion_xyzw: ArrayLike = IDENTITY_QUATERNION) -> Pose:
    """Return the (4, 4) pose of a translation (3,) [m] and a quaternion (4,) in the order x, y, z, w.

    Raises:
        ValueError: the quaternion has zero norm.
    """
    T = np.eye(4)
    T[:3, :3] = Rotation.from_quat(np.asarray(quaternion_xyzw, dtype=np.float64)).as_matrix()
    T[:3, 3] = np.asarray(translation, dtype=np.float64)
    return T


def checked_pose(translation: ArrayLike, quaternion_xyzw: ArrayLike) -> Pose:
    """Return the pose of numbers that come from a file, a message or an option.

    This is the only rule for such poses. The quaternion is normalized if its norm is within 0.01 of 1.

    Args:
        translation: (3,) [m].
        quaternion_xyzw: (4,) in the order x, y, z, w.

    Raises:
        PoseError: a number is not finite, or the norm of the quaternion is zero or otherwise not 1.
    """
    xyz, quaternion = np.array(translation, np.float64), np.array(quaternion_xyzw, np.float64)
    if not np.all(np.isfinite(xyz)):
        raise PoseError(f"position {xyz.tolist()} is not finite")
    with np.errstate(over="ignore", invalid="ignore"):
        norm = float(np.linalg.norm(quaternion))
    if not abs(norm - 1) <= MAX_NORM_ERROR:
        raise PoseError(f"quaternion {quaternion.tolist()} has the norm {norm:g} instead of 1")
    return pose_from(xyz, quaternion)


def pose_from_yaw(x: float, y: float, z: float, yaw: float) -> Pose:
    """Return the (4, 4) pose at (x, y, z) [m] with heading yaw [rad], left positive, and no roll or pitch."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    return np.array([[cos, -sin, 0.0, x], [sin, cos, 0.0, y], [0.0, 0.0, 1.0, z], [0.0, 0.0, 0.0, 1.0]])


def inverse(T: Pose) -> Pose:
    """Return the inverse of rigid transforms (..., 4, 4). The rotation is transposed, so no accuracy is lost."""
    result = np.zeros_like(T)
    R_t: NDArray[np.float64] = np.swapaxes(T[..., :3, :3], -1, -2)
    result[..., :3, :3] = R_t
    result[..., :3, 3] = -(R_t @ T[..., :3, 3, None])[..., 0]
    result[..., 3, 3] = 1
    return result


def transform_points(T: Pose, points: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the points (N, 3) [m] transformed by T, as float32; further columns are dropped.

    The product is computed in float32. Distances around a vehicle are then accurate to a millimetre.
    """
    R, t = T[:3, :3].astype(np.float32), T[:3, 3].astype(np.float32)
    # One contiguous row per coordinate: NumPy does not use BLAS for (N, 3) slices of (N, 4).
    columns = np.ascontiguousarray(points[:, :3].T, dtype=np.float32)
    return np.asarray((R @ columns + t[:, None]).T)


def yaw_of(T: Pose) -> float:
    """Return the heading [rad] of the x axis of the child frame in the parent frame, left positive."""
    return float(np.arctan2(T[1, 0], T[0, 0]))


def quaternion_of(T: Pose) -> NDArray[np.float64]:
    """Return the rotation as a unit quaternion (4,) in the order x, y, z, w."""
    return np.asarray(Rotation.from_matrix(T[:3, :3]).as_quat(), dtype=np.float64)


def interpolate(T_start: Pose, T_end: Pose, fraction: float) -> Pose:
    """Return the pose at ``fraction`` (0 to 1) between two poses: linear in position, slerp in rotation."""
    rotations = Rotation.from_matrix(np.stack([T_start[:3, :3], T_end[:3, :3]]))
    T = np.eye(4)
    T[:3, :3] = Slerp([0.0, 1.0], rotations)(fraction).as_matrix()
    T[:3, 3] = (1 - fraction) * T_start[:3, 3] + fraction * T_end[:3, 3]
    return T


def angle_difference(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """Return a - b [rad], wrapped to [-pi, pi)."""
    difference = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
    return np.asarray((difference + np.pi) % (2 * np.pi) - np.pi)
