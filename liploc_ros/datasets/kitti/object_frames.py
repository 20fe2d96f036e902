# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Reader of single frames of KITTI's object benchmark: many different places, without poses and sequences."""

from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np

from liploc_ros.datasets.drive import DatasetError, Drive, Frame
from liploc_ros.datasets.kitti.image_size import first_image_size
from liploc_ros.datasets.kitti.rectified_camera import OPTICAL_FRAMES, rectified_camera
from liploc_ros.datasets.kitti.text_files import entry_as_array, read_entries
from liploc_ros.datasets.kitti.velodyne import LIDAR_FRAME, read_scan
from liploc_ros.geometry import inverse
from liploc_ros.views.image_file import read_image

CAMERA_FRAME = OPTICAL_FRAMES["02"]
REMEDY = "expected numbers in the rows P2, R0_rect, Tr_velo_to_cam"


def read_kitti_object(folder: Path) -> list[Drive]:
    """Return a drive with one frame for each image of a folder with ``image_2``, ``velodyne`` and ``calib``.

    The base frame is the IMU, or the LiDAR if a calibration has no IMU. Each drive has its own map, in which the pose
    of its frame is the identity. Images without scan or calibration are skipped.

    Raises:
        DatasetError: there is no complete frame, or a calibration lacks a row.
        ImageError: no image can be read.
    """
    names = sorted(path.stem for path in (folder / "image_2").glob("*.png"))
    names = [n for n in names if (folder / f"velodyne/{n}.bin").exists() and (folder / f"calib/{n}.txt").exists()]
    if not names:
        raise DatasetError(f"{folder}: 0 frames have image_2, velodyne and calib: give a split of the object benchmark")
    images = [folder / f"image_2/{name}.png" for name in names]
    # A damaged image is reported when it is read. Until then the size of another image is used.
    return [
        _single_frame(folder, name, first_image_size(chain([image], images)))
        for name, image in zip(names, images, strict=True)
    ]


def _single_frame(folder: Path, name: str, size: tuple[int, int]) -> Drive:
    image_path, scan_path = folder / f"image_2/{name}.png", folder / f"velodyne/{name}.bin"
    path = folder / f"calib/{name}.txt"
    entries = read_entries(path, REMEDY)
    T_cam0_lidar, T_rect0_cam0 = np.eye(4), np.eye(4)
    T_cam0_lidar[:3] = entry_as_array(entries, "Tr_velo_to_cam", (3, 4), path, REMEDY)
    T_rect0_cam0[:3, :3] = entry_as_array(entries, "R0_rect", (3, 3), path, REMEDY)
    T_lidar_base = np.eye(4)
    if "Tr_imu_to_velo" in entries:
        T_lidar_base[:3] = entry_as_array(entries, "Tr_imu_to_velo", (3, 4), path, REMEDY)
    T_base_lidar = inverse(T_lidar_base)
    T_base_rect0 = T_base_lidar @ inverse(T_rect0_cam0 @ T_cam0_lidar)
    P = entry_as_array(entries, "P2", (3, 4), path, REMEDY)
    camera = rectified_camera(CAMERA_FRAME, P, size, T_base_rect0, f"{path}: P2", REMEDY)
    images = {CAMERA_FRAME: partial(read_image, image_path)}
    frame = Frame(0, np.eye(4), images, partial(read_scan, scan_path))
    return Drive(
        name=f"object_{folder.name}_{name}",
        source=image_path,
        frames=[frame],
        cameras={CAMERA_FRAME: camera},
        T_base_lidar=T_base_lidar,
        lidar_frame=LIDAR_FRAME,
        datum="the vehicle when this single frame was taken",
    )
