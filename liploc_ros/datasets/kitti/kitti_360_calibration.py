# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Calibration of KITTI-360 (Liao, Xie, Geiger, PAMI 2022): two rectified front cameras and two side fisheyes."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from pydantic import FiniteFloat, ValidationError

from liploc_ros.datasets.drive import DatasetError
from liploc_ros.datasets.kitti.text_files import entry_as_array, read_entries, read_table, rigid_transform
from liploc_ros.geometry import CameraError, MountedCamera, OmnidirectionalCamera, PinholeCamera, Pose, inverse
from liploc_ros.schema import FrozenModel, first_fault

OPTICAL_FRAMES = {
    "image_00": "camera_perspective_left_optical",
    "image_01": "camera_perspective_right_optical",
    "image_02": "camera_fisheye_left_optical",
    "image_03": "camera_fisheye_right_optical",
}
"""Optical frame of each camera, by KITTI-360's camera name."""

IS_FISHEYE = {"image_00": False, "image_01": False, "image_02": True, "image_03": True}
T_POSE_BASE = np.diag([1.0, -1.0, -1.0, 1.0])
"""From the base frame (x forward, y left, z up) to KITTI-360's GPS/IMU frame (x forward, y right, z down)."""

REMEDY = "download KITTI-360's calibration files (calibration.zip)"


@dataclass(frozen=True)
class Kitti360Calibration:
    """The poses of the sensors. The base frame is the GPS/IMU unit, rotated to x forward, y left, z up.

    ``T_pose_rect0`` transforms coordinates of rectified camera 0 to the GPS/IMU frame.
    """

    T_base_lidar: Pose
    T_pose_rect0: Pose
    cameras: dict[str, MountedCamera]


class _Mirror(FrozenModel, extra="ignore"):
    xi: FiniteFloat


class _Distortion(FrozenModel, extra="ignore"):
    k1: FiniteFloat
    k2: FiniteFloat
    p1: FiniteFloat
    p2: FiniteFloat


class _Projection(FrozenModel, extra="ignore"):
    gamma1: FiniteFloat
    gamma2: FiniteFloat
    u0: FiniteFloat
    v0: FiniteFloat


class _FisheyeFile(FrozenModel, extra="ignore"):  # ignores the names of the model and the camera
    image_width: int
    image_height: int
    mirror_parameters: _Mirror
    distortion_parameters: _Distortion
    projection_parameters: _Projection


def read_kitti_360_calibration(folder: Path, names: Collection[str]) -> Kitti360Calibration:
    """Read ``calib_cam_to_pose.txt``, ``calib_cam_to_velo.txt``, ``perspective.txt`` and ``image_0N.yaml``.

    ``calib_cam_to_pose.txt`` has the poses of the cameras before rectification. R_rect rotates them, as in project.py
    of kitti360Scripts.

    Args:
        folder: the folder ``calibration``.
        names: cameras to read, for instance image_00.

    Raises:
        DatasetError: a file or an entry is missing or damaged.
        CameraError: the numbers are not a valid camera.
    """
    path = folder / "calib_cam_to_pose.txt"
    to_pose = read_entries(path, REMEDY)
    T_pose_camera = {
        name: rigid_transform(entry_as_array(to_pose, name, (12,), path, REMEDY), f"{path}: {name}", REMEDY)
        for name in sorted({"image_00", *names})
    }
    rectified_path, velo_path = folder / "perspective.txt", folder / "calib_cam_to_velo.txt"
    rectified = read_entries(rectified_path, REMEDY)
    T_velo_camera0 = rigid_transform(read_table(velo_path, 12, REMEDY)[0], str(velo_path), REMEDY)
    T_pose_rect0 = T_pose_camera["image_00"] @ inverse(_rectification(rectified, "image_00", rectified_path))
    cameras = {}
    for name in names:
        T_base_camera = inverse(T_POSE_BASE) @ T_pose_camera[name]
        camera: PinholeCamera | OmnidirectionalCamera
        if IS_FISHEYE[name]:
            camera = read_fisheye(folder / f"{name}.yaml")
        else:
            camera = _perspective(rectified, name, rectified_path)
            T_base_camera = T_base_camera @ inverse(_rectification(rectified, name, rectified_path))
        cameras[OPTICAL_FRAMES[name]] = MountedCamera(OPTICAL_FRAMES[name], camera, T_base_camera)
    T_base_lidar = inverse(T_POSE_BASE) @ T_pose_camera["image_00"] @ inverse(T_velo_camera0)
    return Kitti360Calibration(T_base_lidar, T_pose_rect0, cameras)


def read_fisheye(path: Path) -> OmnidirectionalCamera:
    """Return the camera of an ``image_0N.yaml``, which has OpenCV's format and the model of Mei and Rives.

    Raises:
        DatasetError: the file cannot be read, or a number is missing.
        CameraError: the numbers are not a valid camera.
    """
    try:
        text = path.read_text(encoding="utf-8")
        # OpenCV's YAML 1.0 has a non-standard header and needs no space after a colon.
        text = re.sub(r"^%YAML.*$", "", text, count=1, flags=re.MULTILINE)
        text = re.sub(r"^(\s*\w+):(?=\S)", r"\1: ", text, flags=re.MULTILINE)
        values = _FisheyeFile.model_validate(yaml.safe_load(text))
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror}): {REMEDY}") from error
    except ValidationError as error:
        raise DatasetError(f"{path}: {first_fault(error)}: {REMEDY}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DatasetError(f"{path}: not valid YAML: {REMEDY}") from error
    projection, distortion = values.projection_parameters, values.distortion_parameters
    K = np.array([[projection.gamma1, 0, projection.u0], [0, projection.gamma2, projection.v0], [0, 0, 1]])
    coefficients = np.array([distortion.k1, distortion.k2, distortion.p1, distortion.p2])
    try:
        return OmnidirectionalCamera(
            values.image_width, values.image_height, K, values.mirror_parameters.xi, coefficients
        )
    except CameraError as error:
        raise CameraError(f"{path}: {error}") from error


def _perspective(entries: dict[str, str], name: str, path: Path) -> PinholeCamera:
    number = name.removeprefix("image_")
    K = entry_as_array(entries, f"P_rect_{number}", (3, 4), path, REMEDY)[:, :3].copy()
    width, height = entry_as_array(entries, f"S_rect_{number}", (2,), path, REMEDY)
    try:
        return PinholeCamera(int(width), int(height), K)
    except CameraError as error:
        raise CameraError(f"{path}: {error}") from error


def _rectification(entries: dict[str, str], name: str, path: Path) -> Pose:
    key = name.replace("image_", "R_rect_")
    R = entry_as_array(entries, key, (3, 3), path, REMEDY)
    return rigid_transform(np.column_stack([R, np.zeros(3)]).ravel(), f"{path}: {key}", REMEDY)
