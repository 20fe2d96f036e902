# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Reader of KITTI-360 drives (Liao, Xie, Geiger, PAMI 2022), in the published layout.

Under a common root: ``data_2d_raw/DRIVE/{image_00,image_01}/data_rect``, ``data_2d_raw/DRIVE/{image_02,image_03}/
data_rgb`` (fisheyes), ``data_3d_raw/DRIVE/velodyne_points/data``, each with ``timestamps.txt``; ``data_poses/DRIVE/
{poses.txt,cam0_to_world.txt}``; ``calibration``. All use the same frame numbers, which do not start at 0 in every
drive. There are no poses while the vehicle stands still, and none in test drives.

This reader was tested with synthetic recordings only. Layout and transforms follow the documentation of the dataset and
kitti360Scripts. The chain of transforms was checked with one real pose of both pose files.
"""

from functools import partial
from pathlib import Path

import numpy as np

from liploc_ros.datasets.drive import DatasetError, Drive, Frame
from liploc_ros.datasets.kitti.frame_files import numbered_files
from liploc_ros.datasets.kitti.kitti_360_calibration import (
    IS_FISHEYE,
    OPTICAL_FRAMES,
    T_POSE_BASE,
    Kitti360Calibration,
    read_kitti_360_calibration,
)
from liploc_ros.datasets.kitti.text_files import read_table, rigid_transform
from liploc_ros.datasets.kitti.timestamps import read_timestamps, stamp_of
from liploc_ros.datasets.kitti.velodyne import LIDAR_FRAME, read_scan
from liploc_ros.geometry import Pose, inverse
from liploc_ros.views.image_file import read_image

LAYOUT = "expected ROOT/data_2d_raw/DRIVE_sync or ROOT/data_3d_raw/DRIVE_sync, and ROOT/calibration"
FOLDERS = ("data_2d_raw", "data_3d_raw")
SCANS = "velodyne_points"
MAX_FRAME_NUMBER = 10**10 - 1  # file names have ten digits
POSES_REMEDY = "download KITTI-360's poses (data_poses.zip)"
TIMES_REMEDY = "download KITTI-360's timestamps (data_timestamps_perspective.zip, ..._fisheye.zip, ..._velodyne.zip)"
DATUM = "latitude 48.9843445, longitude 8.4295857 degrees, altitude 0 m (Mercator); axes east, north, up"


def read_kitti_360(folder: Path) -> Drive:
    """Return a drive such as ``data_2d_raw/2013_05_28_drive_0000_sync``. Images and scans are loaded on demand.

    The base frame is the GPS/IMU unit, rotated from x forward, y right, z down to x forward, y left, z up. The map
    frame is KITTI-360's world frame: east, north, up, the same for all drives. There is a frame for each number with an
    image or a scan. Its stamp is that of its first image, or that of its scan if it has no image. Scans are not
    corrected for the motion of the vehicle during a LiDAR revolution.

    Raises:
        DatasetError: a file or folder is missing or damaged.
        CameraError: a calibration is not a valid camera.
    """
    folder = Path(
        folder
    ).absolute()  # links are not resolved: a drive can be a link in a root with calibration and poses
    if folder.parent.name not in FOLDERS:
        raise DatasetError(
            f"{folder}: not a KITTI-360 drive, {folder.parent.name} is not {' or '.join(FOLDERS)}: {LAYOUT}"
        )
    root, name = folder.parent.parent, folder.name
    sensors = {
        camera: root / "data_2d_raw" / name / camera / ("data_rgb" if is_fisheye else "data_rect")
        for camera, is_fisheye in IS_FISHEYE.items()
    }
    sensors[SCANS] = root / "data_3d_raw" / name / SCANS / "data"
    files = {sensor: numbered_files(data) for sensor, data in sensors.items()}
    if not any(files.values()):
        raise DatasetError(f"{folder}: has 0 images and 0 scans: {LAYOUT}")
    cameras = [camera for camera in OPTICAL_FRAMES if files[camera]]
    calibration = read_kitti_360_calibration(root / "calibration", cameras)
    poses = _read_poses(root / "data_poses" / name, calibration)
    stamps = _read_stamps(sensors, files)
    frames = []
    for index in sorted({index for numbered in files.values() for index in numbered}):
        if index not in stamps:
            raise DatasetError(f"{folder}: frame {index:010d} has no timestamp in any timestamps.txt: {TIMES_REMEDY}")
        readers = {
            OPTICAL_FRAMES[camera]: partial(read_image, files[camera][index])
            for camera in cameras
            if index in files[camera]
        }
        scan = files[SCANS].get(index)
        points = None if scan is None else partial(read_scan, scan)
        frames.append(Frame(stamps[index], poses.get(index), readers, points))
    return Drive(
        name=name.removesuffix("_sync"),
        source=folder,
        frames=tuple(frames),
        cameras=calibration.cameras,
        T_base_lidar=calibration.T_base_lidar,
        lidar_frame=LIDAR_FRAME,
        datum=DATUM,
    )


def _read_poses(folder: Path, calibration: Kitti360Calibration) -> dict[int, Pose]:
    """Return T_map_base by frame number from ``poses.txt``, or from ``cam0_to_world.txt`` if it is missing."""
    path, T_pose_sensor, columns = folder / "poses.txt", np.eye(4), 13
    if not path.exists():
        path, T_pose_sensor, columns = folder / "cam0_to_world.txt", calibration.T_pose_rect0, 17
    if not path.exists():
        return {}
    T_sensor_base = inverse(T_pose_sensor) @ T_POSE_BASE
    poses = {}
    for i, row in enumerate(read_table(path, columns, POSES_REMEDY)):
        source = f"{path}: line {i + 1}"
        if not (0 <= row[0] <= MAX_FRAME_NUMBER and row[0].is_integer()):
            raise DatasetError(f"{source} starts with {row[0]}, not a frame number: {POSES_REMEDY}")
        poses[int(row[0])] = rigid_transform(row[1:13], source, POSES_REMEDY) @ T_sensor_base
    return poses


def _read_stamps(sensors: dict[str, Path], files: dict[str, dict[int, Path]]) -> dict[int, int]:
    """Return stamps [ns] by frame number, from the first sensor that has them.

    A line of ``timestamps.txt`` belongs to the frame with its number. If there are fewer lines than frame numbers, but
    as many as files, the lines belong to the files in order. Parts of longer drives can have such files.
    """
    found: dict[int, int] = {}
    for sensor, data in sensors.items():
        path, numbers = data.parent / "timestamps.txt", sorted(files[sensor])
        if not numbers or not path.exists():
            continue
        stamps = read_timestamps(path)
        is_by_file = len(stamps) <= numbers[-1] and len(stamps) == len(numbers)
        for i, number in enumerate(numbers):
            found.setdefault(number, stamp_of(i if is_by_file else number, stamps, path))
    return found
