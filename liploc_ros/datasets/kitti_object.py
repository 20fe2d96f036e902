"""Single frames of KITTI's object benchmark: no poses, no sequences, but many different places."""

from functools import partial
from pathlib import Path

import numpy as np

from liploc_ros.datasets.frame import DatasetError, Drive, Frame
from liploc_ros.datasets.kitti_raw import read_scan
from liploc_ros.geometry import CameraError, MountedCamera, PinholeCamera, inverse
from liploc_ros.views import read_image

CAMERA_FRAME = "camera_color_left_optical"


def read_kitti_object(folder: Path) -> list[Drive]:
    """Return a drive of one frame for each image of a folder with ``image_2``, ``velodyne`` and ``calib``.

    Raises:
        DatasetError: no complete frame, or a calibration without the needed rows.
    """
    names = sorted(path.stem for path in (folder / "image_2").glob("*.png"))
    names = [n for n in names if (folder / f"velodyne/{n}.bin").exists() and (folder / f"calib/{n}.txt").exists()]
    if not names:
        raise DatasetError(
            f"{folder}: no frames with image_2, velodyne and calib: give a split of the object benchmark"
        )
    return [_single_frame(folder, name) for name in names]


def _single_frame(folder: Path, name: str) -> Drive:
    calibration = folder / f"calib/{name}.txt"
    image_path, scan_path = folder / f"image_2/{name}.png", folder / f"velodyne/{name}.bin"
    height, width = read_image(image_path).shape[:2]
    try:
        rows = (line.partition(":") for line in calibration.read_text(encoding="utf-8").splitlines() if line.strip())
        values = {key: np.array(numbers.split(), dtype=np.float64) for key, _, numbers in rows}
        P, R_rect = values["P2"].reshape(3, 4), values["R0_rect"].reshape(3, 3)
        T_camera0_velo = _rigid(values["Tr_velo_to_cam"])
        # Some published calibrations lack the IMU: the LiDAR is the base frame then.
        T_velo_imu = _rigid(values.get("Tr_imu_to_velo", np.eye(4)[:3].ravel()))
        t_camera_rect = np.linalg.solve(P[:, :3], P[:, 3])
        pinhole = PinholeCamera(width, height, P[:, :3])
    except (OSError, KeyError, ValueError, np.linalg.LinAlgError, CameraError) as error:
        raise DatasetError(
            f"{calibration}: {error}: expected numbers in the rows P2, R0_rect, Tr_velo_to_cam"
        ) from error
    T_rect_velo = np.eye(4)
    T_rect_velo[:3, :3] = R_rect
    T_rect_velo = T_rect_velo @ T_camera0_velo
    T_rect_velo[:3, 3] += t_camera_rect
    T_base_lidar = inverse(T_velo_imu)
    camera = MountedCamera(CAMERA_FRAME, pinhole, T_base_lidar @ inverse(T_rect_velo))
    images = {CAMERA_FRAME: partial(read_image, image_path)}
    frame = Frame(0, np.eye(4), images, partial(read_scan, scan_path))
    return Drive(f"object_{folder.name}_{name}", image_path, [frame], {CAMERA_FRAME: camera}, T_base_lidar)


def _rigid(values: np.ndarray) -> np.ndarray:
    T = np.eye(4)
    T[:3] = values.reshape(3, 4)
    return T
