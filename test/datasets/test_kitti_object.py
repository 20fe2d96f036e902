# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Single frames of KITTI's object benchmark."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from liploc_ros.datasets import DatasetError
from liploc_ros.datasets.kitti.object_frames import read_kitti_object


@pytest.fixture
def object_folder(tmp_path: Path) -> Path:
    for name in ("image_2", "velodyne", "calib"):
        (tmp_path / name).mkdir()
    cv2.imwrite(str(tmp_path / "image_2/000007.png"), np.zeros((32, 64, 3), np.uint8))
    np.ones((5, 4), np.float32).tofile(tmp_path / "velodyne/000007.bin")
    rows = "P2: 40 0 32 4 0 40 16 0 0 0 1 0\nR0_rect: 1 0 0 0 1 0 0 0 1\nTr_velo_to_cam: 0 -1 0 0 0 0 -1 0 1 0 0 0\n"
    (tmp_path / "calib/000007.txt").write_text(rows)
    return tmp_path


def test_a_single_frame_has_image_scan_and_calibration(object_folder: Path) -> None:
    frame = read_kitti_object(object_folder)[0].complete().frames[0]
    assert frame.read_points is not None
    assert frame.read_points().shape == (5, 4)


@pytest.mark.parametrize(
    "calibration",
    [
        b"P2: one two\n",
        b"\xff\xfe",
        b"P2: 0 0 0 0 0 0 0 0 0 0 0 0\nR0_rect: 1 0 0 0 1 0 0 0 1\nTr_velo_to_cam: " + b"0 " * 12,
    ],
)
def test_a_damaged_calibration_is_refused_with_its_name(object_folder: Path, calibration: bytes) -> None:
    (object_folder / "calib/000007.txt").write_bytes(calibration)
    with pytest.raises(DatasetError, match=r"000007\.txt: .*expected numbers in the rows P2"):
        read_kitti_object(object_folder)


def test_a_truncated_scan_of_a_single_frame_is_refused_with_its_name(object_folder: Path) -> None:
    (object_folder / "velodyne/000007.bin").write_bytes(bytes(7))
    read = read_kitti_object(object_folder)[0].frames[0].read_points
    assert read is not None
    with pytest.raises(DatasetError, match=r"000007\.bin: scan of 7 bytes is cut off"):
        read()
