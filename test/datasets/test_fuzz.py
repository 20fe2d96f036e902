# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Text files of drives with random changes are read, or refused with an error for users."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.kitti_360_maker import DRIVE, make_360_drive
from support.kitti_maker import make_drive, make_sequence

from liploc_ros.datasets import open_drive
from liploc_ros.errors import LiplocError
from liploc_ros.geometry import pose_from_yaw

TEXTS = {
    "odometry": ["calib.txt", "times.txt", "../../poses/08.txt"],
    "360": [
        *(f"../../calibration/{n}" for n in ("calib_cam_to_pose.txt", "calib_cam_to_velo.txt", "perspective.txt")),
        "../../calibration/image_02.yaml",
        f"../../data_poses/{DRIVE}/poses.txt",
        "image_00/timestamps.txt",
    ],
    "raw": [
        "../calib_cam_to_cam.txt",
        "../calib_velo_to_cam.txt",
        "image_02/timestamps.txt",
        "oxts/data/0000000000.txt",
    ],
}
NUMBERS = st.sampled_from(
    ["0", "1", "-1", "nan", "inf", "1e308", "-1e308", "1e-320", "9" * 40, "1_0", "x", "", "2013-05-28"]
)
PIECES = st.one_of(st.binary(max_size=40), st.lists(NUMBERS, max_size=14).map(lambda words: " ".join(words).encode()))


def error_of(folder):
    try:
        frames = open_drive(folder).frames
    except LiplocError as error:
        return str(error)
    return (
        ""
        if all(f.T_map_base is None or np.isfinite(f.T_map_base).all() for f in frames)
        else "a pose \n is not finite"
    )


@pytest.fixture(scope="module")
def drives(tmp_path_factory):
    root = tmp_path_factory.mktemp("fuzz")
    return {
        "odometry": make_sequence(root, [pose_from_yaw(i, 0, 0, 0) for i in range(3)]),
        "360": make_360_drive(root, (1, 2), (1, 2)),
        "raw": make_drive(root, 2),
    }


@pytest.mark.parametrize(("layout", "name"), [(layout, name) for layout, names in TEXTS.items() for name in names])
def test_a_damaged_text_file_is_read_or_refused_on_one_line(drives, layout, name):
    file = drives[layout] / name
    whole = file.read_bytes()

    @settings(max_examples=60, deadline=None)
    @given(PIECES, st.integers(0, len(whole)), st.integers(0, len(whole)))
    def check(piece, start, end):
        file.write_bytes(whole[:start] + piece + whole[max(start, end) :])
        assert "\n" not in error_of(drives[layout])

    try:
        check()
    finally:
        file.write_bytes(whole)
