# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""A small KITTI raw drive, and a bag of it."""

from pathlib import Path

import pytest
from support.kitti_maker import make_drive

from liploc_ros.datasets import read_kitti_raw
from liploc_ros.datasets.kitti.to_bag import write_kitti_bag


@pytest.fixture(scope="module")
def drive_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_drive(tmp_path_factory.mktemp("kitti"), frames=12, every=2)


@pytest.fixture(scope="module")
def bag_path(drive_folder: Path) -> Path:
    path = drive_folder.parent / "drive.mcap"
    write_kitti_bag(read_kitti_raw(drive_folder), path)
    return path
