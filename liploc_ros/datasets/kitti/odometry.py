"""Reader of the sequences of KITTI's odometry benchmark, as published there and in SemanticKITTI.

Layout: ``sequences/08/{image_2,image_3,velodyne,calib.txt,times.txt}``, with poses in ``poses/08.txt`` beside
``sequences`` (the benchmark's ground truth, 00 to 10) or in ``sequences/08/poses.txt`` (SemanticKITTI's, 00 to 21, by
a SLAM system). Poses are of rectified camera 0, whose axes are x right, y down, z forward: not those of the map here.
"""

from functools import partial
from pathlib import Path

import numpy as np

from liploc_ros.datasets.drive import DatasetError, Drive, Frame
from liploc_ros.datasets.image_size import first_image_size
from liploc_ros.datasets.kitti.calibration import OPTICAL_FRAMES, rectified_camera
from liploc_ros.datasets.kitti.files import numbered_files
from liploc_ros.datasets.kitti.raw import LIDAR_FRAME, read_scan
from liploc_ros.datasets.kitti.text_files import numbers_of, read_entries, read_table, rigid
from liploc_ros.geometry import MountedCamera, Pose, inverse
from liploc_ros.views.image_file import read_image

LAYOUT = "expected sequences/NN with calib.txt, times.txt, and image_2 or velodyne or both"
CALIBRATION = "take the benchmark's calibration files (data_odometry_calib.zip), which have P2, P3 and Tr"
TIMES = "take it from the benchmark's calibration files (data_odometry_calib.zip)"
POSES = "take the benchmark's poses (data_odometry_poses.zip), or SemanticKITTI's"
LONGEST = 1e6  # seconds; the longest sequence has 493
CAMERAS = {f"image_{int(number)}": frame_id for number, frame_id in OPTICAL_FRAMES.items()}


def read_kitti_odometry(folder: Path) -> Drive:
    """Return a sequence such as ``dataset/sequences/08``; images and scans are read when called for.

    The base frame is the LiDAR's (x forward, y left, z up; the benchmark does not say where the OXTS unit is), and the
    map frame is the base frame of the sequence's first frame: T_map_base = Tr^-1 T_i Tr, with T_i the published pose of
    camera 0 and Tr from LiDAR to camera 0. Stamps count from the sequence's start, as ``times.txt`` does. The
    benchmark's ground truth is preferred to SemanticKITTI's poses; without either, frames have no pose.

    Raises:
        DatasetError: a file or folder is missing or damaged.
        ImageError: there are images, but not one can be read.
    """
    folder = Path(folder).absolute()  # not resolved: a sequence is often linked to from a folder with poses
    files = {name: numbered_files(folder / name) for name in (*CAMERAS, "velodyne")}
    if not any(files.values()):
        raise DatasetError(f"{folder}: has no images and no scans: {LAYOUT}")
    T_camera0_base, cameras = _read_calibration(folder / "calib.txt", files)
    times = _read_times(folder / "times.txt")
    poses, datum = _read_poses(folder, T_camera0_base, len(times))
    frames = []
    for index in sorted({index for numbered in files.values() for index in numbered}):
        if index >= len(times):
            raise DatasetError(
                f"{folder / 'times.txt'}: has {len(times)} lines but frame {index:06d} needs one: {TIMES}"
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
    """Return Tr, from the base (the LiDAR) to camera 0, and the cameras of which there are images."""
    entries = read_entries(path, CALIBRATION)
    T_camera0_base = rigid(numbers_of(entries, "Tr", (12,), path, CALIBRATION), f"{path}: Tr", CALIBRATION)
    T_base_camera0 = inverse(T_camera0_base)
    cameras: dict[str, MountedCamera] = {}
    for name, frame_id in CAMERAS.items():
        if files[name]:
            key = name.replace("image_", "P")
            P = numbers_of(entries, key, (3, 4), path, CALIBRATION)
            size = first_image_size(files[name].values())
            cameras[frame_id] = rectified_camera(frame_id, P, size, T_base_camera0, f"{path}: {key}", CALIBRATION)
    return T_camera0_base, cameras


def _read_times(path: Path) -> list[int]:
    """Return the time of each frame since the start [ns]."""
    seconds = read_table(path, 1, TIMES)[:, 0]
    if seconds.min() < 0 or seconds.max() > LONGEST or np.any(np.diff(seconds) < 0):
        raise DatasetError(f"{path}: times are no seconds since the start, in order: {TIMES}")
    return [round(value) for value in seconds * 1e9]


def _read_poses(folder: Path, T_camera0_base: Pose, count: int) -> tuple[list[Pose], str]:
    """Return T_map_base of every frame, or nothing, and what the origin of the map is."""
    sources = [folder.parent.parent / "poses" / f"{folder.name}.txt", folder / "poses.txt"]
    path = next((path for path in sources if path.exists()), None)
    origin = "the LiDAR at the first frame of the sequence; axes forward, left, up"
    if path is None:
        return [], f"{origin}; no poses are given"
    rows = read_table(path, 12, POSES)
    if len(rows) != count:
        raise DatasetError(f"{path}: has {len(rows)} poses, but times.txt {count} frames: {POSES}")
    T_base_camera0 = inverse(T_camera0_base)
    poses = [rigid(row, f"{path}: line {i + 1}", POSES) for i, row in enumerate(rows)]
    return [T_base_camera0 @ T @ T_camera0_base for T in poses], f"{origin}; poses of {path.parent.name}/{path.name}"
