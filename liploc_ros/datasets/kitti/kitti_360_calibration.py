"""Calibration of KITTI-360 (Liao, Xie, Geiger, PAMI 2022): two rectified cameras ahead, a fisheye to either side."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, FiniteFloat, ValidationError

from liploc_ros.datasets.drive import DatasetError
from liploc_ros.datasets.kitti.text_files import numbers_of, read_entries, read_table, rigid
from liploc_ros.geometry import CameraError, MountedCamera, OmnidirectionalCamera, PinholeCamera, Pose, inverse

OPTICAL_FRAMES = {
    "image_00": "camera_perspective_left_optical",
    "image_01": "camera_perspective_right_optical",
    "image_02": "camera_fisheye_left_optical",
    "image_03": "camera_fisheye_right_optical",
}
"""Optical frame of each camera, by KITTI-360's name."""

IS_FISHEYE = {"image_00": False, "image_01": False, "image_02": True, "image_03": True}
T_POSE_BASE = np.diag([1.0, -1.0, -1.0, 1.0])
"""From the base (x forward, y left, z up) to KITTI-360's GPS/IMU frame, whose axes are x forward, y right, z down."""

DOWNLOAD = "take KITTI-360's calibration files (calibration.zip)"


@dataclass(frozen=True)
class Kitti360Calibration:
    """Where the sensors are; the base is the GPS/IMU unit, turned to x forward, y left, z up.

    ``T_pose_rect0`` takes coordinates of rectified camera 0 to the GPS/IMU frame.
    """

    T_base_lidar: Pose
    T_pose_rect0: Pose
    cameras: dict[str, MountedCamera]


class _Mirror(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    xi: FiniteFloat


class _Distortion(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    k1: FiniteFloat
    k2: FiniteFloat
    p1: FiniteFloat
    p2: FiniteFloat


class _Projection(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    gamma1: FiniteFloat
    gamma2: FiniteFloat
    u0: FiniteFloat
    v0: FiniteFloat


class _FisheyeFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")  # names of the model and the camera

    image_width: int
    image_height: int
    mirror_parameters: _Mirror
    distortion_parameters: _Distortion
    projection_parameters: _Projection


def read_kitti_360_calibration(folder: Path, names: Collection[str]) -> Kitti360Calibration:
    """Read ``calib_cam_to_pose.txt``, ``calib_cam_to_velo.txt``, ``perspective.txt`` and ``image_0N.yaml``.

    ``calib_cam_to_pose.txt`` is of cameras before rectification, which R_rect turns: as in kitti360Scripts, project.py.

    Args:
        folder: ``calibration``.
        names: cameras to read, for instance image_00.

    Raises:
        DatasetError: a file or an entry is missing or damaged.
        CameraError: the numbers are no camera.
    """
    path = folder / "calib_cam_to_pose.txt"
    to_pose = read_entries(path, DOWNLOAD)
    T_pose_camera = {
        name: rigid(numbers_of(to_pose, name, (12,), path, DOWNLOAD), f"{path}: {name}", DOWNLOAD)
        for name in sorted({"image_00", *names})
    }
    rectified_path, velo_path = folder / "perspective.txt", folder / "calib_cam_to_velo.txt"
    rectified = read_entries(rectified_path, DOWNLOAD)
    T_velo_camera0 = rigid(read_table(velo_path, 12, DOWNLOAD)[0], str(velo_path), DOWNLOAD)
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
    """Return the camera of an ``image_0N.yaml``, which OpenCV wrote for the model of Mei and Rives.

    Raises:
        DatasetError: the file cannot be read, or lacks a number.
        CameraError: the numbers are no camera.
    """
    try:
        text = path.read_text(encoding="utf-8")
        # OpenCV's YAML 1.0 has a header that is none to others, and needs no space after a colon.
        text = re.sub(r"^%YAML.*$", "", text, count=1, flags=re.MULTILINE)
        text = re.sub(r"^(\s*\w+):(?=\S)", r"\1: ", text, flags=re.MULTILINE)
        values = _FisheyeFile.model_validate(yaml.safe_load(text))
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror}): {DOWNLOAD}") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "the whole file"
        raise DatasetError(f"{path}: {key}: {first['msg']}: {DOWNLOAD}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DatasetError(f"{path}: no YAML: {DOWNLOAD}") from error
    projection, distortion = values.projection_parameters, values.distortion_parameters
    K = np.array([[projection.gamma1, 0, projection.u0], [0, projection.gamma2, projection.v0], [0, 0, 1]])
    bends = np.array([distortion.k1, distortion.k2, distortion.p1, distortion.p2])
    try:
        return OmnidirectionalCamera(values.image_width, values.image_height, K, values.mirror_parameters.xi, bends)
    except CameraError as error:
        raise CameraError(f"{path}: {error}") from error


def _perspective(entries: dict[str, str], name: str, path: Path) -> PinholeCamera:
    number = name.removeprefix("image_")
    K = numbers_of(entries, f"P_rect_{number}", (3, 4), path, DOWNLOAD)[:, :3].copy()
    width, height = numbers_of(entries, f"S_rect_{number}", (2,), path, DOWNLOAD)
    try:
        return PinholeCamera(int(width), int(height), K)
    except CameraError as error:
        raise CameraError(f"{path}: {error}") from error


def _rectification(entries: dict[str, str], name: str, path: Path) -> Pose:
    key = name.replace("image_", "R_rect_")
    R = numbers_of(entries, key, (3, 3), path, DOWNLOAD)
    return rigid(np.column_stack([R, np.zeros(3)]).ravel(), f"{path}: {key}", DOWNLOAD)
