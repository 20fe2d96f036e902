"""Calibration files of a KITTI raw recording day (Geiger et al., "Vision meets Robotics", IJRR 2013)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liploc_ros.datasets.frame import DatasetError
from liploc_ros.geometry import CameraError, MountedCamera, PinholeCamera, Pose, inverse

OPTICAL_FRAMES = {"02": "camera_color_left_optical", "03": "camera_color_right_optical"}
"""Optical frame of each colour camera, by KITTI's number."""

DOWNLOAD = "download the calibration of this day from cvlibs.net/datasets/kitti and put it beside the drives"


@dataclass(frozen=True)
class KittiCalibration:
    """Where the sensors are, and the rectified colour cameras by optical frame. The base is the OXTS unit."""

    T_base_lidar: Pose
    cameras: Mapping[str, MountedCamera]


def read_kitti_calibration(folder: Path) -> KittiCalibration:
    """Read ``calib_cam_to_cam.txt``, ``calib_velo_to_cam.txt`` and ``calib_imu_to_velo.txt`` of a date folder.

    The images of ``_sync`` drives are rectified, so the cameras have the intrinsics of P_rect and no distortion. Camera
    0's rectified frame is the reference: R_rect_00 turns into it, and K^-1 P_rect[:, 3] moves to each camera.

    Raises:
        DatasetError: a file or an entry is missing or damaged.
    """
    cam_to_cam = _read_entries(folder / "calib_cam_to_cam.txt")
    T_base_lidar = inverse(_rigid(folder / "calib_imu_to_velo.txt"))
    T_cam0_lidar = _rigid(folder / "calib_velo_to_cam.txt")
    T_rect0_cam0 = np.eye(4)
    T_rect0_cam0[:3, :3] = _entry(cam_to_cam, "R_rect_00", (3, 3), folder / "calib_cam_to_cam.txt")
    T_base_rect0 = T_base_lidar @ inverse(T_rect0_cam0 @ T_cam0_lidar)
    cameras = {}
    for number, frame_id in OPTICAL_FRAMES.items():
        P = _entry(cam_to_cam, f"P_rect_{number}", (3, 4), folder / "calib_cam_to_cam.txt")
        width, height = _entry(cam_to_cam, f"S_rect_{number}", (2,), folder / "calib_cam_to_cam.txt")
        T_camera_rect0 = np.eye(4)
        try:
            T_camera_rect0[:3, 3] = np.linalg.solve(P[:, :3], P[:, 3])
            camera = PinholeCamera(int(width), int(height), P[:, :3].copy())
        except (np.linalg.LinAlgError, CameraError) as error:
            raise DatasetError(
                f"{folder / 'calib_cam_to_cam.txt'}: P_rect_{number} is no projection ({error}): {DOWNLOAD}"
            ) from error
        cameras[frame_id] = MountedCamera(frame_id, camera, T_base_rect0 @ inverse(T_camera_rect0))
    return KittiCalibration(T_base_lidar, cameras)


def _rigid(path: Path) -> Pose:
    entries = _read_entries(path)
    T = np.eye(4)
    T[:3, :3] = _entry(entries, "R", (3, 3), path)
    T[:3, 3] = _entry(entries, "T", (3,), path)
    return T


def _read_entries(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise DatasetError(f"{path}: calibration is missing: {DOWNLOAD}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: calibration cannot be read ({error}): {DOWNLOAD}") from error
    return {key.strip(): value for key, colon, value in (line.partition(":") for line in lines) if colon}


def _entry(entries: dict[str, str], key: str, shape: tuple[int, ...], path: Path) -> NDArray[np.float64]:
    if key not in entries:
        raise DatasetError(f"{path}: has no entry {key}: {DOWNLOAD}")
    try:
        numbers = np.array(entries[key].split(), dtype=np.float64).reshape(shape)
    except ValueError as error:
        raise DatasetError(
            f"{path}: entry {key} is {entries[key].strip()!r}, not numbers {shape}: {DOWNLOAD}"
        ) from error
    if not np.all(np.isfinite(numbers)):
        raise DatasetError(f"{path}: entry {key} is not finite: {DOWNLOAD}")
    return numbers
