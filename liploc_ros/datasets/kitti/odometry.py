# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Reader of the sequences of KITTI's odometry benchmark, as published there and in SemanticKITTI.

Layout: ``sequences/08/{image_2,image_3,velodyne,calib.txt,times.txt}``. Poses are in ``poses/08.txt`` next to
``sequences`` (ground truth of the benchmark, 00 to 10) or in ``sequences/08/poses.txt`` (SemanticKITTI, 00 to 21, from
a SLAM system). They are poses of rectified camera 0, whose axes are x right, y down, z forward.
"""

from functools import partial
from pathlib import Path

import numpy as np

from liploc_ros.datasets.drive import DatasetError, Drive, Frame
from liploc_ros.datasets.kitti.frame_files import numbered_files
from liploc_ros.datasets.kitti.image_size import first_image_size
from liploc_ros.datasets.kitti.rectified_camera import OPTICAL_FRAMES, rectified_camera
from liploc_ros.datasets.kitti.text_files import entry_as_array, read_entries, read_table, rigid_transform
from liploc_ros.datasets.kitti.velodyne import LIDAR_FRAME, read_scan
from liploc_ros.geometry import MountedCamera, Pose, inverse
from liploc_ros.views.image_file import read_image

LAYOUT = "expected sequences/NN with calib.txt, times.txt, and image_2 or velodyne or both"
CALIBRATION_REMEDY = "download the benchmark's calibration files (data_odometry_calib.zip), which have P2, P3 and Tr"
TIMES_REMEDY = "download it from the benchmark's calibration files (data_odometry_calib.zip)"
POSES_REMEDY = "download the benchmark's poses (data_odometry_poses.zip), or SemanticKITTI's"
MAX_DURATION = 1e6  # [s]; the longest sequence has 493 s
CAMERAS = {f"image_{int(number)}": frame_id for number, frame_id in OPTICAL_FRAMES.items()}


def read_kitti_odometry(folder: Path) -> Drive:
    """Return a sequence such as ``dataset/sequences/08``. Images and scans are loaded on demand.

    The base frame is the LiDAR frame (x forward, y left, z up), because the benchmark does not publish the pose of the
    OXTS unit. The map frame is the base frame of the first frame: T_map_base = Tr^-1 T_i Tr, with the published pose
    T_i of camera 0 and Tr from LiDAR to camera 0. Stamps are the times of ``times.txt``, which start at 0. The ground
    truth of the benchmark is preferred to the poses of SemanticKITTI. Without both, frames have no pose.

    Raises:
        DatasetError: a file or folder is missing or damaged.
        ImageError: there are images, but none can be read.
    """
    folder = Path(folder).absolute()  # links are not resolved: a sequence is often a link in a folder with poses
    files = {name: numbered_files(folder / name) for name in (*CAMERAS, "velodyne")}
    if not any(files.values()):
        raise DatasetError(f"{folder}: has 0 images and 0 scans: {LAYOUT}")
    T_camera0_base, cameras = _read_calibration(folder / "calib.txt", files)
    times = _read_times(folder / "times.txt")
    poses, datum = _read_poses(folder, T_camera0_base, len(times))
    frames = []
    for index in sorted({index for numbered in files.values() for index in numbered}):
        if index >= len(times):
            raise DatasetError(
                f"{folder / 'times.txt'}: has {len(times)} lines but frame {index:06d} needs one: {TIMES_REMEDY}"
            )
        readers = {
            frame_id: partial(read_image, files[name][index])
            for name, frame_id in CAMERAS.items()
            if index in files[name]
        }
        scan = files["velodyne"].get(index)
        points = None if scan is None else partial(read_scan, scan)
        frames.append(Frame(times[index], poses[index] if poses else None, readers, points))
    return Drive(
        name=f"kitti_odometry_{folder.name}",
        source=folder,
        frames=tuple(frames),
        cameras=cameras,
        T_base_lidar=np.eye(4),
        lidar_frame=LIDAR_FRAME,
        datum=datum,
    )


def _read_calibration(path: Path, files: dict[str, dict[int, Path]]) -> tuple[Pose, dict[str, MountedCamera]]:
    """Return Tr, from the base frame (the LiDAR) to camera 0, and the cameras that have images."""
    entries = read_entries(path, CALIBRATION_REMEDY)
    T_camera0_base = rigid_transform(
        entry_as_array(entries, "Tr", (12,), path, CALIBRATION_REMEDY), f"{path}: Tr", CALIBRATION_REMEDY
    )
    T_base_camera0 = inverse(T_camera0_base)
    cameras: dict[str, MountedCamera] = {}
    for name, frame_id in CAMERAS.items():
        if files[name]:
            key = name.replace("image_", "P")
            P = entry_as_array(entries, key, (3, 4), path, CALIBRATION_REMEDY)
            size = first_image_size(files[name].values())
            cameras[frame_id] = rectified_camera(
                frame_id, P, size, T_base_camera0, f"{path}: {key}", CALIBRATION_REMEDY
            )
    return T_camera0_base, cameras


def _read_times(path: Path) -> list[int]:
    """Return the time of each frame since the start of the sequence [ns]."""
    seconds = read_table(path, 1, TIMES_REMEDY)[:, 0]
    if seconds.min() < 0 or seconds.max() > MAX_DURATION or np.any(np.diff(seconds) < 0):
        raise DatasetError(
            f"{path}: times from {seconds.min()} to {seconds.max()} are not increasing seconds since the start: "
            f"{TIMES_REMEDY}"
        )
    return [round(value) for value in seconds * 1e9]


def _read_poses(folder: Path, T_camera0_base: Pose, count: int) -> tuple[list[Pose], str]:
    """Return T_map_base of all frames, or an empty list, and the description of the map origin."""
    sources = [folder.parent.parent / "poses" / f"{folder.name}.txt", folder / "poses.txt"]
    path = next((path for path in sources if path.exists()), None)
    origin = "the LiDAR at the first frame of the sequence; axes forward, left, up"
    if path is None:
        return [], f"{origin}; no poses are given"
    rows = read_table(path, 12, POSES_REMEDY)
    if len(rows) != count:
        raise DatasetError(f"{path}: has {len(rows)} poses, but times.txt {count} frames: {POSES_REMEDY}")
    T_base_camera0 = inverse(T_camera0_base)
    poses = [rigid_transform(row, f"{path}: line {i + 1}", POSES_REMEDY) for i, row in enumerate(rows)]
    return [T_base_camera0 @ T @ T_camera0_base for T in poses], f"{origin}; poses of {path.parent.name}/{path.name}"
