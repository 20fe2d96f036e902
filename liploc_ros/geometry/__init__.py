# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Poses, camera models and the angular grid shared by camera and LiDAR views."""

from liploc_ros.geometry.cameras import (
    Camera,
    CameraError,
    FisheyeCamera,
    MountedCamera,
    OmnidirectionalCamera,
    PinholeCamera,
    camera_from_model,
)
from liploc_ros.geometry.se3 import (
    Pose,
    PoseError,
    angle_difference,
    checked_pose,
    interpolate,
    inverse,
    pose_from,
    pose_from_yaw,
    quaternion_of,
    transform_points,
    yaw_of,
)
from liploc_ros.geometry.view_grid import ViewGrid

__all__ = [
    "Camera",
    "CameraError",
    "FisheyeCamera",
    "MountedCamera",
    "OmnidirectionalCamera",
    "PinholeCamera",
    "Pose",
    "PoseError",
    "ViewGrid",
    "angle_difference",
    "camera_from_model",
    "checked_pose",
    "interpolate",
    "inverse",
    "pose_from",
    "pose_from_yaw",
    "quaternion_of",
    "transform_points",
    "yaw_of",
]
