# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The rectified colour cameras of KITTI raw, odometry and object."""

import numpy as np
from numpy.typing import NDArray

from liploc_ros.datasets.drive import DatasetError
from liploc_ros.geometry import CameraError, MountedCamera, PinholeCamera, Pose, inverse

OPTICAL_FRAMES = {"02": "camera_color_left_optical", "03": "camera_color_right_optical"}
"""Optical frame of each colour camera, by KITTI's camera number."""


def rectified_camera(
    frame_id: str, P: NDArray[np.float64], size: tuple[int, int], T_base_rect0: Pose, source: str, remedy: str
) -> MountedCamera:
    """Return the camera of rectified images: the intrinsics of its projection matrix P, without distortion.

    K^-1 P[:, 3] is the translation from the rectified frame of camera 0 to the frame of the camera.

    Args:
        frame_id: optical frame.
        P: (3, 4) projection from the rectified frame of camera 0 to the pixels of the camera.
        size: width and height of the image.
        T_base_rect0: pose of the rectified frame of camera 0 in the base frame.
        source: names the projection in errors.
        remedy: what the user can do about an error.

    Raises:
        DatasetError: the numbers are not a projection matrix.
    """
    T_camera_rect0 = np.eye(4)
    try:
        T_camera_rect0[:3, 3] = np.linalg.solve(P[:, :3], P[:, 3])
        camera = PinholeCamera(*size, P[:, :3].copy())
    except (np.linalg.LinAlgError, CameraError) as error:
        raise DatasetError(f"{source} is not a projection matrix ({error}): {remedy}") from error
    return MountedCamera(frame_id, camera, T_base_rect0 @ inverse(T_camera_rect0))
