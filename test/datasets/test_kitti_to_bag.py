# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Sequences of KITTI odometry and drives of KITTI-360 as bags; both are synthetic, in the published layouts."""

import numpy as np
import pytest
from support.kitti_360_maker import make_360_drive
from support.kitti_maker import make_sequence
from typer.testing import CliRunner

from liploc_ros.cli.main import app
from liploc_ros.datasets import open_drive
from liploc_ros.datasets.bag.file import BagFile
from liploc_ros.datasets.kitti.to_bag import EPOCH_NS
from liploc_ros.geometry import pose_from_yaw

CURVE = [pose_from_yaw(2.0 * i, 0.1 * i * i, 0.02 * i, 0.1 * i) for i in range(5)]


def to_bag(drive, out):
    result = CliRunner().invoke(app, ["kitti", "to-bag", str(drive), str(out)], catch_exceptions=False)
    assert result.exit_code == 0
    return result


def check_frames(original, bag):
    """Every frame of the drive that has an image, a scan and a pose is in the bag, with the same data."""
    originals, written = original.complete().frames, bag.complete().frames
    assert len(written) == len(originals) > 0
    for one, other in zip(originals, written, strict=True):
        assert other.T_map_base == pytest.approx(one.T_map_base, abs=1e-6)
        assert np.allclose(other.read_points()[:, :3], one.read_points()[:, :3], atol=1e-4)
        name = next(iter(bag.cameras))
        assert np.array_equal(other.images[name](), one.images[name]())
        assert bag.cameras[name].T_base_camera == pytest.approx(original.cameras[name].T_base_camera, abs=1e-6)


def test_a_sequence_of_the_odometry_benchmark_becomes_a_bag(tmp_path):
    sequence = make_sequence(tmp_path, CURVE)
    to_bag(sequence, tmp_path / "08.mcap")
    bag = open_drive(tmp_path / "08.mcap")
    check_frames(open_drive(sequence), bag)
    assert bag.frames[0].stamp_ns == EPOCH_NS  # a stamp of zero would count as none


def test_the_velocity_is_that_between_two_poses(tmp_path):
    to_bag(make_sequence(tmp_path, [pose_from_yaw(2.0 * i, 0, 0, 0) for i in range(3)]), tmp_path / "08.mcap")
    for _, odometry in BagFile(tmp_path / "08.mcap").messages(["/odom"]):
        assert odometry.twist.twist.linear.x == pytest.approx(2 / 0.1037, rel=1e-4)


def test_a_sequence_without_poses_becomes_a_bag_without_odometry(tmp_path):
    sequence = make_sequence(tmp_path, CURVE)
    (sequence.parents[1] / "poses/08.txt").unlink()
    assert "has no poses" in to_bag(sequence, tmp_path / "08.mcap").output
    with BagFile(tmp_path / "08.mcap") as bag:
        assert "/points" in bag.topics and "/odom" not in bag.topics


def test_a_kitti_360_drive_becomes_a_bag_with_its_perspective_cameras(tmp_path):
    images = make_360_drive(tmp_path)
    to_bag(images, tmp_path / "out.mcap")
    bag = open_drive(tmp_path / "out.mcap")
    check_frames(open_drive(images), bag)
    assert list(bag.cameras) == ["camera_perspective_left_optical"]


def test_a_bag_is_not_converted_again(tmp_path, demo_bag):
    result = CliRunner().invoke(app, ["kitti", "to-bag", str(demo_bag), str(tmp_path / "out.mcap")])
    assert "is a bag already" in str(result.exception)
