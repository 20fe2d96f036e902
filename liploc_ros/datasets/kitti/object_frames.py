"""Single frames of KITTI's object benchmark: no poses, no sequences, but many different places."""

from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np

from liploc_ros.datasets.drive import DatasetError, Drive, Frame
from liploc_ros.datasets.image_size import first_image_size
from liploc_ros.datasets.kitti.calibration import OPTICAL_FRAMES, rectified_camera
from liploc_ros.datasets.kitti.raw import LIDAR_FRAME, read_scan
from liploc_ros.datasets.kitti.text_files import numbers_of, read_entries
from liploc_ros.geometry import inverse
from liploc_ros.views.image_file import read_image

CAMERA_FRAME = OPTICAL_FRAMES["02"]
ROWS = "expected numbers in the rows P2, R0_rect, Tr_velo_to_cam"


def read_kitti_object(folder: Path) -> list[Drive]:
    """Return a drive of one frame for each image of a folder with ``image_2``, ``velodyne`` and ``calib``.

    The base frame is the IMU, or where a calibration lacks it, the LiDAR; each frame's pose is the identity of a map of
    its own. Images without scan or calibration are left out.

    Raises:
        DatasetError: no complete frame, or a calibration without the needed rows.
        ImageError: not one image can be read.
    """
    names = sorted(path.stem for path in (folder / "image_2").glob("*.png"))
    names = [n for n in names if (folder / f"velodyne/{n}.bin").exists() and (folder / f"calib/{n}.txt").exists()]
    if not names:
        raise DatasetError(
            f"{folder}: no frames with image_2, velodyne and calib: give a split of the object benchmark"
        )
    images = [folder / f"image_2/{name}.png" for name in names]
    # Of a damaged image only reading tells: until then it has the size of the others.
    return [
        _single_frame(folder, name, first_image_size(chain([image], images)))
        for name, image in zip(names, images, strict=True)
    ]


def _single_frame(folder: Path, name: str, size: tuple[int, int]) -> Drive:
    image_path, scan_path = folder / f"image_2/{name}.png", folder / f"velodyne/{name}.bin"
    path = folder / f"calib/{name}.txt"
    entries = read_entries(path, ROWS)
    T_cam0_lidar, T_rect0_cam0 = np.eye(4), np.eye(4)
    T_cam0_lidar[:3] = numbers_of(entries, "Tr_velo_to_cam", (3, 4), path, ROWS)
    T_rect0_cam0[:3, :3] = numbers_of(entries, "R0_rect", (3, 3), path, ROWS)
    T_lidar_base = np.eye(4)
    if "Tr_imu_to_velo" in entries:
        T_lidar_base[:3] = numbers_of(entries, "Tr_imu_to_velo", (3, 4), path, ROWS)
    T_base_lidar = inverse(T_lidar_base)
    T_base_rect0 = T_base_lidar @ inverse(T_rect0_cam0 @ T_cam0_lidar)
    P = numbers_of(entries, "P2", (3, 4), path, ROWS)
    camera = rectified_camera(CAMERA_FRAME, P, size, T_base_rect0, f"{path}: P2", ROWS)
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
