# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Cameras of sensor_msgs/CameraInfo messages of rclpy or rosbags."""

from typing import Any, Protocol

import numpy as np

from liploc_ros.datasets.left_out import warn_once
from liploc_ros.geometry import CameraError, FisheyeCamera, MountedCamera, PinholeCamera, camera_from_model, inverse
from liploc_ros.geometry.cameras import FloatArray, describe_implausible
from liploc_ros.geometry.se3 import Pose


class CameraInfoLike(Protocol):
    """A sensor_msgs/CameraInfo of rclpy or rosbags."""

    height: Any
    width: Any
    distortion_model: Any
    d: Any
    k: Any
    r: Any
    p: Any
    binning_x: Any
    binning_y: Any
    roi: Any


def camera_from_info(msg: CameraInfoLike, source: str, *, rectified: bool = False) -> PinholeCamera | FisheyeCamera:
    """Return the camera of the images that this message describes; ``source`` names the topic in errors.

    Raw images have the intrinsics K, the distortion D and its model. Rectified images have the left 3 x 3 part of P and
    no distortion. If P is zero and D too, they have K. The axes of a rectified camera are rotated by R; see
    :func:`mounted_camera_from_info`. Binning and region of interest are applied, so the camera has the size of the
    published image.

    Raises:
        CameraError: the numbers are not a valid calibration, for instance all zero.
    """
    K = _intrinsics(msg, source, rectified=rectified)
    left, top, width, height = (int(v) for v in (msg.roi.x_offset, msg.roi.y_offset, msg.roi.width, msg.roi.height))
    if not _is_cropped(msg):
        left, top, width, height = 0, 0, int(msg.width), int(msg.height)
    binning_x, binning_y = max(1, int(msg.binning_x)), max(1, int(msg.binning_y))
    # Pixel centres have integer coordinates: the centre of a binned pixel is half a bin from its edge.
    K[0] = [K[0, 0] / binning_x, K[0, 1] / binning_x, (K[0, 2] - left + 0.5) / binning_x - 0.5]
    K[1] = [0, K[1, 1] / binning_y, (K[1, 2] - top + 0.5) / binning_y - 0.5]
    model, distortion = ("", ()) if rectified else (str(msg.distortion_model), msg.d)
    try:
        return camera_from_model(
            model, width // binning_x, height // binning_y, K, np.array(distortion, dtype=np.float64)
        )
    except CameraError as error:
        raise CameraError(f"{source}: {error}") from error


def camera_doubts(msg: CameraInfoLike, *, rectified: bool = False) -> list[str]:
    """Return warnings about a valid calibration: P is missing, or the intrinsics hardly fit the size of the image."""
    doubts = []
    if rectified and not np.any(_left_of_p(msg)):
        doubts.append("P of rectified images is all zero: K is used, because D is zero")
    doubt = describe_implausible(camera_from_info(msg, "", rectified=rectified), is_cropped=_is_cropped(msg))
    if doubt:
        is_binned = max(1, int(msg.binning_x)) * max(1, int(msg.binning_y)) > 1
        doubts.append(doubt + f" (binning {msg.binning_x} x {msg.binning_y})" * is_binned)
    return doubts


def mounted_camera_from_info(
    msg: CameraInfoLike, frame_id: str, T_base_camera: Pose, source: str, *, rectified: bool = False
) -> MountedCamera:
    """Return the camera with its pose in the base frame. The axes of a rectified camera are rotated by R.

    Doubts about the calibration are logged, see :func:`camera_doubts`.

    Raises:
        CameraError: the numbers are not a valid calibration.
    """
    camera = camera_from_info(msg, source, rectified=rectified)
    for doubt in camera_doubts(msg, rectified=rectified):
        warn_once(f"{source}: {doubt}")
    T_rect_camera = np.eye(4)
    R = np.array(msg.r, dtype=np.float64).reshape(3, 3)
    if rectified and np.any(R):
        T_rect_camera[:3, :3] = R
    return MountedCamera(frame_id, camera, T_base_camera @ inverse(T_rect_camera))


def is_rectified(image_topic: str) -> bool:
    """Return whether the images of a topic are rectified, by the naming rule of image_proc."""
    return "rect" in image_topic.removesuffix("/compressed").rpartition("/")[2]


def _intrinsics(msg: CameraInfoLike, source: str, *, rectified: bool) -> FloatArray:
    """Return K (3, 3), or the left part of P for rectified images."""
    K, P = np.array(msg.k, dtype=np.float64).reshape(3, 3), _left_of_p(msg)
    used, other = (P, K) if rectified else (K, P)
    if np.any(used):
        return np.array(used)
    if not np.any(other):
        raise CameraError(f"{source}: K and P are all zero: the camera is not calibrated")
    if rectified and not np.any(np.array(msg.d, dtype=np.float64)):
        return np.array(K)
    kind, names = ("rectified", ("P", "K")) if rectified else ("raw", ("K", "P"))
    raise CameraError(
        f"{source}: {names[0]} of {kind} images is all zero, {names[1]} is not: give a camera_info with {names[0]}"
    )


def _left_of_p(msg: CameraInfoLike) -> FloatArray:
    return np.array(msg.p, dtype=np.float64).reshape(3, 4)[:, :3]


def _is_cropped(msg: CameraInfoLike) -> bool:
    return int(msg.roi.width) > 0 and int(msg.roi.height) > 0
