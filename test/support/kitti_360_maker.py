# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Synthetic drives in the layout of KITTI-360."""

from pathlib import Path

import cv2
import numpy as np

DRIVE = "2013_05_28_drive_0099_sync"

# The published extrinsics, for smaller images.
CAM_TO_POSE = """image_00: 0.0371783278 -0.0986182135 0.9944306009 1.5752681039 0.9992675562 -0.0053553387 \
-0.0378902567 0.0043914093 0.0090621821 0.9951109327 0.0983468786 -0.6500000000
image_01: 0.0194000864 -0.1051529641 0.9942668106 1.5977241400 0.9997374956 -0.0100836652 \
-0.0205732716 0.5981494900 0.0121891942 0.9944049345 0.1049297370 -0.6488433108
image_02: 0.9995185086 0.0041276589 -0.0307524527 0.7264036936 -0.0307926666 0.0100608424 \
-0.9994751579 -0.1499658517 -0.0038160970 0.9999408692 0.0101830998 -1.0686400091
image_03: -0.9996821702 0.0005703407 -0.0252038325 0.7016842127 -0.0252033830 0.0007820814 \
0.9996820384 0.7463650950 0.0005898709 0.9999995315 -0.0007674583 -1.0751978255
"""
CAM_TO_VELO = """0.04307104361 -0.08829286498 0.995162929 0.8043914418 -0.999004371 0.007784614041 0.04392796942 \
0.2993489574 -0.01162548558 -0.9960641394 -0.08786966659 -0.1770225824
"""
PERSPECTIVE = """S_rect_00: 64.000000 32.000000
R_rect_00: 0.999974 -0.007141 -0.000089 0.007141 0.999969 -0.003247 0.000112 0.003247 0.999995
P_rect_00: 25.000000 0.000000 31.000000 0.000000 0.000000 25.000000 20.000000 0.000000 0.000000 0.000000 1.000000 0.0
S_rect_01: 64.000000 32.000000
R_rect_01: 0.999778 -0.012115 0.017222 0.012059 0.999922 0.003351 -0.017261 -0.003143 0.999846
P_rect_01: 25.000000 0.000000 31.000000 -14.85 0.000000 25.000000 20.000000 0.000000 0.000000 0.000000 1.000000 0.0
"""
FISHEYE = """%YAML:1.0
---
model_type: MEI
camera_name: image_02
image_width: 70
image_height: 70
mirror_parameters:
   xi: 2.2134047507854890e+00
distortion_parameters:
   k1: 1.6798235660113681e-02
   k2: 1.6548773243373522e+00
   p1: 4.2223943394772046e-04
   p2: 4.2462134260997584e-04
projection_parameters:
   gamma1: 66.8
   gamma2: 66.7
   u0: 35.8
   v0: 35.2
"""
# The pose of one real frame in poses.txt and in cam0_to_world.txt.
POSE = """0.6804458798 -0.7314378405 0.0446328361 3639.236961 -0.7298356009 -0.6819080306 -0.0483883609 1708.205377 \
0.0658285676 0.000351028 -0.9978308857 122.056814"""
CAM0_TO_WORLD = """-0.705111 -0.02610952 0.708616 3640.277 -0.709097 0.02470034 -0.704678 1707.084 \
0.000896 -0.9993541 -0.035930 122.8091 0 0 0 1"""


def make_360_drive(root: Path, numbers: tuple[int, ...] = (250, 251, 252), posed: tuple[int, ...] = (250, 252)) -> Path:
    """Write a drive with these frame numbers, some of them with a pose, and return its folder of images."""
    write(root / "calibration/calib_cam_to_pose.txt", CAM_TO_POSE)
    write(root / "calibration/calib_cam_to_velo.txt", CAM_TO_VELO)
    write(root / "calibration/perspective.txt", PERSPECTIVE)
    write(root / "calibration/image_02.yaml", FISHEYE)
    write(root / f"data_poses/{DRIVE}/poses.txt", "".join(f"{number} {POSE}\n" for number in posed))
    images, scans = root / "data_2d_raw" / DRIVE, root / "data_3d_raw" / DRIVE / "velodyne_points"
    lines = [f"2013-05-28 08:46:0{i / 10 % 10:.6f}\n" for i in range(numbers[-1] + 1)]
    for folder in (images / "image_00", images / "image_02", scans):
        write(folder / "timestamps.txt", "".join(lines))
    rng = np.random.default_rng(0)
    for number in numbers:
        for folder, size in (("image_00/data_rect", (32, 64, 3)), ("image_02/data_rgb", (70, 70, 3))):
            (images / folder).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(images / folder / f"{number:010d}.png"), rng.integers(0, 255, size, dtype=np.uint8))
        (scans / "data").mkdir(exist_ok=True)
        rng.normal(0, 20, (50, 4)).astype(np.float32).tofile(scans / f"data/{number:010d}.bin")
    return images


def write(path: Path, text: str) -> None:
    """Write a file and create its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
