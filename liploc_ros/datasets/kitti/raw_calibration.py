# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Calibration files of a KITTI raw recording day (Geiger et al., "Vision meets Robotics", IJRR 2013)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from liploc_ros.datasets.kitti.rectified_camera import OPTICAL_FRAMES, rectified_camera
from liploc_ros.datasets.kitti.text_files import entry_as_array, read_entries
from liploc_ros.geometry import MountedCamera, Pose, inverse

REMEDY = "download the calibration of this day from cvlibs.net/datasets/kitti and put it next to the drives"


@dataclass(frozen=True)
class KittiCalibration:
    """The pose of the LiDAR, and the rectified colour cameras by optical frame."""

    T_base_lidar: Pose
    cameras: Mapping[str, MountedCamera]


def read_kitti_calibration(folder: Path) -> KittiCalibration:
    """Read ``calib_cam_to_cam.txt``, ``calib_velo_to_cam.txt`` and ``calib_imu_to_velo.txt`` of a date folder.

    The base frame is the OXTS unit. The images of ``_sync`` drives are rectified. Their common reference is the
    rectified frame of camera 0, into which R_rect_00 rotates.

    Raises:
        DatasetError: a file or an entry is missing or damaged.
    """
    path = folder / "calib_cam_to_cam.txt"
    cam_to_cam = read_entries(path, REMEDY)
    T_base_lidar = inverse(_read_transform(folder / "calib_imu_to_velo.txt"))
    T_cam0_lidar = _read_transform(folder / "calib_velo_to_cam.txt")
    T_rect0_cam0 = np.eye(4)
    T_rect0_cam0[:3, :3] = entry_as_array(cam_to_cam, "R_rect_00", (3, 3), path, REMEDY)
    T_base_rect0 = T_base_lidar @ inverse(T_rect0_cam0 @ T_cam0_lidar)
    cameras = {}
    for number, frame_id in OPTICAL_FRAMES.items():
        P = entry_as_array(cam_to_cam, f"P_rect_{number}", (3, 4), path, REMEDY)
        width, height = entry_as_array(cam_to_cam, f"S_rect_{number}", (2,), path, REMEDY)
        source = f"{path}: P_rect_{number}"
        cameras[frame_id] = rectified_camera(frame_id, P, (int(width), int(height)), T_base_rect0, source, REMEDY)
    return KittiCalibration(T_base_lidar, cameras)


def _read_transform(path: Path) -> Pose:
    entries = read_entries(path, REMEDY)
    T = np.eye(4)
    T[:3, :3] = entry_as_array(entries, "R", (3, 3), path, REMEDY)
    T[:3, 3] = entry_as_array(entries, "T", (3,), path, REMEDY)
    return T
