# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Synthetic drives in the layouts of KITTI raw and of the KITTI odometry benchmark."""

from pathlib import Path

import cv2
import numpy as np

from liploc_ros.geometry import Pose, inverse

# Calibration of 2011_09_26, with the intrinsics of a smaller image.
R_RECT = "9.999239e-01 9.837760e-03 -7.445048e-03 -9.869795e-03 9.999421e-01 -4.278459e-03 7.402527e-03 4.351614e-03 "
R_CAMERA = "7.533745e-03 -9.999714e-01 -6.166020e-04 1.480249e-02 7.280733e-04 -9.998902e-01 9.998621e-01 7.523790e-03 "
R_LIDAR = "9.999976e-01 7.553071e-04 -2.035826e-03 -7.854027e-04 9.998898e-01 -1.482298e-02 2.024406e-03 1.482454e-02 "
CAM_TO_CAM = f"""calib_time: 09-Jan-2012 13:57:47
R_rect_00: {R_RECT}9.999631e-01
S_rect_02: 6.400000e+01 3.200000e+01
P_rect_02: 4.0e+01 0.0 3.2e+01 4.5e+00 0.0 4.0e+01 1.6e+01 2.0e-01 0.0 0.0 1.0 2.7e-03
S_rect_03: 6.400000e+01 3.200000e+01
P_rect_03: 4.0e+01 0.0 3.2e+01 -3.4e+01 0.0 4.0e+01 1.6e+01 2.2e+00 0.0 0.0 1.0 2.7e-03
"""
VELO_TO_CAM = f"""calib_time: 15-Mar-2012 11:37:16
R: {R_CAMERA}1.480755e-02
T: -4.069766e-03 -7.631618e-02 -2.717806e-01
"""
IMU_TO_VELO = f"""calib_time: 25-May-2012 16:47:16
R: {R_LIDAR}9.998881e-01
T: -8.086759e-01 3.195559e-01 -7.997231e-01
"""


def make_drive(folder: Path, frames: int = 6, every: int = 1) -> Path:
    """Write a drive that goes north-east at 10 m/s, with an image and a scan in each ``every``-th frame."""
    day = folder / "2011_09_26"
    drive = day / "2011_09_26_drive_0099_sync"
    for name in ("image_02", "velodyne_points", "oxts"):
        (drive / name / "data").mkdir(parents=True)
        offset_ms = {"image_02": 10, "velodyne_points": 0, "oxts": 17}[name]
        lines = [f"2011-09-26 13:10:5{i // 10}.{i % 10}{offset_ms:02d}000000\n" for i in range(frames)]
        (drive / name / "timestamps.txt").write_text("".join(lines))
    (day / "calib_cam_to_cam.txt").write_text(CAM_TO_CAM)
    (day / "calib_velo_to_cam.txt").write_text(VELO_TO_CAM)
    (day / "calib_imu_to_velo.txt").write_text(IMU_TO_VELO)
    rng = np.random.default_rng(0)
    for i in range(frames):
        record = np.zeros(30)
        record[:6] = 49.0 + 6e-6 * i, 8.4 + 1e-5 * i, 112.8 + 0.01 * i, 0.02, -0.01, 0.7 + 0.01 * i
        record[8:11], record[17:20], record[23:25] = (10, 0.1, 0), (0, 0, 0.1), (0.3, 0.05)
        (drive / f"oxts/data/{i:010d}.txt").write_text(" ".join(map(repr, record.tolist())))
        if i % every == 0:
            image = rng.integers(0, 255, (32, 64, 3), dtype=np.uint8)
            cv2.imwrite(str(drive / f"image_02/data/{i:010d}.png"), image)
            points = np.c_[rng.normal(0, 20, (200, 3)), rng.random(200)].astype(np.float32)
            points.tofile(drive / f"velodyne_points/data/{i:010d}.bin")
    return drive


# Camera 0 is 27 cm in front of the LiDAR and 8 cm below it; its axes are x right, y down, z forward.
TR = np.array([[0, -1, 0, 0], [0, 0, -1, -0.08], [1, 0, 0, -0.27], [0, 0, 0, 1.0]])
P2, P3 = (f"40 0 32 {offset} 0 40 16 0 0 0 1 0" for offset in (2.4, -18.9))


def make_sequence(folder: Path, T_map_base: list[Pose], name: str = "08") -> Path:
    """Write a sequence with images of camera 2 and scans, whose LiDAR poses are these, relative to the first one."""
    sequence = folder / "dataset/sequences" / name
    for sensor in ("image_2", "velodyne"):
        (sequence / sensor).mkdir(parents=True)
    (sequence / "calib.txt").write_text(f"P0: {P2}\nP1: {P2}\nP2: {P2}\nP3: {P3}\nTr: {_row(TR)}\n")
    (sequence / "times.txt").write_text("".join(f"{i * 0.1037:e}\n" for i in range(len(T_map_base))))
    (folder / "dataset/poses").mkdir(exist_ok=True)
    rows = [_row(TR @ inverse(T_map_base[0]) @ T @ inverse(TR)) for T in T_map_base]
    (folder / f"dataset/poses/{name}.txt").write_text("\n".join(rows) + "\n")
    rng = np.random.default_rng(0)
    for i in range(len(T_map_base)):
        cv2.imwrite(str(sequence / f"image_2/{i:06d}.png"), rng.integers(0, 255, (32, 64, 3), dtype=np.uint8))
        rng.normal(0, 20, (50, 4)).astype(np.float32).tofile(sequence / f"velodyne/{i:06d}.bin")
    return sequence


def _row(T: Pose) -> str:
    return " ".join(f"{value:.9e}" for value in T[:3].ravel())
