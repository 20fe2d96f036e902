"""Calibration files of a KITTI raw recording day (Geiger et al., "Vision meets Robotics", IJRR 2013)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liploc_ros.datasets.drive import DatasetError
from liploc_ros.datasets.kitti.text_files import numbers_of, read_entries
from liploc_ros.geometry import CameraError, MountedCamera, PinholeCamera, Pose, inverse

OPTICAL_FRAMES = {"02": "camera_color_left_optical", "03": "camera_color_right_optical"}
"""Optical frame of each colour camera, by KITTI's number."""

DOWNLOAD = "download the calibration of this day from cvlibs.net/datasets/kitti and put it beside the drives"


@dataclass(frozen=True)
class KittiCalibration:
    """Where the sensors are, and the rectified colour cameras by optical frame."""

    T_base_lidar: Pose
    cameras: Mapping[str, MountedCamera]


def read_kitti_calibration(folder: Path) -> KittiCalibration:
    """Read ``calib_cam_to_cam.txt``, ``calib_velo_to_cam.txt`` and ``calib_imu_to_velo.txt`` of a date folder.

    The base is the OXTS unit. The images of ``_sync`` drives are rectified. Camera 0's rectified frame is the
    reference: R_rect_00 turns into it.

    Raises:
        DatasetError: a file or an entry is missing or damaged.
    """
    path = folder / "calib_cam_to_cam.txt"
    cam_to_cam = read_entries(path, DOWNLOAD)
    T_base_lidar = inverse(_rotation_and_translation(folder / "calib_imu_to_velo.txt"))
    T_cam0_lidar = _rotation_and_translation(folder / "calib_velo_to_cam.txt")
    T_rect0_cam0 = np.eye(4)
    T_rect0_cam0[:3, :3] = numbers_of(cam_to_cam, "R_rect_00", (3, 3), path, DOWNLOAD)
    T_base_rect0 = T_base_lidar @ inverse(T_rect0_cam0 @ T_cam0_lidar)
    cameras = {}
    for number, frame_id in OPTICAL_FRAMES.items():
        P = numbers_of(cam_to_cam, f"P_rect_{number}", (3, 4), path, DOWNLOAD)
        width, height = numbers_of(cam_to_cam, f"S_rect_{number}", (2,), path, DOWNLOAD)
        source = f"{path}: P_rect_{number}"
        cameras[frame_id] = rectified_camera(frame_id, P, (int(width), int(height)), T_base_rect0, source, DOWNLOAD)
    return KittiCalibration(T_base_lidar, cameras)


def rectified_camera(
    frame_id: str, P: NDArray[np.float64], size: tuple[int, int], T_base_rect0: Pose, source: str, remedy: str
) -> MountedCamera:
    """Return the camera of rectified images: intrinsics of its projection P (3, 4), and no distortion.

    K^-1 P[:, 3] moves from camera 0's rectified frame to the camera's.

    Args:
        frame_id: optical frame.
        P: from camera 0's rectified frame to the camera's pixels.
        size: width and height of the image.
        T_base_rect0: where camera 0's rectified frame is.
        source: names the projection in errors.
        remedy: what to do about them.

    Raises:
        DatasetError: the numbers are no projection.
    """
    T_camera_rect0 = np.eye(4)
    try:
        T_camera_rect0[:3, 3] = np.linalg.solve(P[:, :3], P[:, 3])
        camera = PinholeCamera(*size, P[:, :3].copy())
    except (np.linalg.LinAlgError, CameraError) as error:
        raise DatasetError(f"{source} is no projection ({error}): {remedy}") from error
    return MountedCamera(frame_id, camera, T_base_rect0 @ inverse(T_camera_rect0))


def _rotation_and_translation(path: Path) -> Pose:
    entries = read_entries(path, DOWNLOAD)
    T = np.eye(4)
    T[:3, :3] = numbers_of(entries, "R", (3, 3), path, DOWNLOAD)
    T[:3, 3] = numbers_of(entries, "T", (3,), path, DOWNLOAD)
    return T
