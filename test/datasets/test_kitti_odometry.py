# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Sequences of the odometry benchmark: synthetic sequences in its layout, and its real pose files."""

from pathlib import Path

import numpy as np
import pytest
from support.kitti_maker import TR, make_sequence

from liploc_ros.datasets import DatasetError, open_drive, read_kitti_odometry
from liploc_ros.geometry import inverse, pose_from_yaw, transform_points, yaw_of
from liploc_ros.views.image_file import ImageError

REAL_POSES = sorted((Path(__file__).parents[3] / "shared/kitti/poses").glob("*.txt"))
LEFT, RIGHT = "camera_color_left_optical", "camera_color_right_optical"
CURVE = [pose_from_yaw(2.0 * i, 0.1 * i * i, 0.02 * i, 0.1 * i) for i in range(5)]


@pytest.fixture
def sequence(tmp_path):
    return make_sequence(tmp_path, CURVE)


def test_poses_are_those_of_the_lidar_with_axes_forward_left_up(sequence):
    drive = open_drive(sequence)
    assert np.allclose([frame.T_map_base for frame in drive.frames], CURVE, atol=1e-6)
    assert np.array_equal(drive.T_base_lidar, np.eye(4))
    assert drive.name == "kitti_odometry_08" and "poses/08.txt" in drive.datum


def test_a_camera_motion_right_down_and_forward_is_a_lidar_motion_forward_right_and_down(sequence):
    path = sequence.parents[1] / "poses/08.txt"
    path.write_text("1 0 0 0 0 1 0 0 0 0 1 0\n" + "1 0 0 1 0 1 0 2 0 0 1 3\n" * 4)
    position = read_kitti_odometry(sequence).frames[1].T_map_base[:3, 3]
    assert position == pytest.approx([3, -1, -2])


@pytest.mark.skipif(not REAL_POSES, reason="the poses of the benchmark are not next to the repository")
@pytest.mark.parametrize("poses", REAL_POSES, ids=lambda path: path.stem)
def test_with_real_poses_the_car_drives_forward_on_a_nearly_level_map(tmp_path, poses):
    rows = np.loadtxt(poses).reshape(-1, 3, 4)
    sequence = make_sequence(tmp_path, [np.eye(4)] * 2, poses.stem)
    (sequence / "times.txt").write_text("".join(f"{i * 0.1:e}\n" for i in range(len(rows))))
    (tmp_path / f"dataset/poses/{poses.name}").write_text(poses.read_text())
    for path in [*sequence.glob("*/*.png"), *sequence.glob("*/*.bin")]:
        path.unlink()
    for i in range(0, len(rows), 5):
        (sequence / f"velodyne/{i:06d}.bin").touch()
    T = np.array([frame.T_map_base for frame in read_kitti_odometry(sequence).frames])
    steps = (inverse(T[:-1]) @ T[1:])[:, :3, 3]
    moving = steps[np.linalg.norm(steps, axis=1) > 0.3]
    assert np.median(moving[:, 0] / np.linalg.norm(moving, axis=1)) > 0.99
    extent = np.ptp(T[:, :3, 3], axis=0)
    assert extent[2] < 0.3 * np.linalg.norm(extent[:2])
    # Camera 0 is in front of the LiDAR: their positions differ by at most twice their distance.
    assert np.linalg.norm(T[:, :2, 3], axis=1) == pytest.approx(np.linalg.norm(rows[::5, ::2, 3], axis=1), abs=0.6)


def test_points_project_as_defined_by_the_benchmark(sequence, rng):
    drive = read_kitti_odometry(sequence)
    points = rng.uniform([5, -3, -1], [30, 3, 1], (30, 3))
    P2 = np.array([[40, 0, 32, 2.4], [0, 40, 16, 0], [0, 0, 1, 0]])
    pixels = P2 @ TR @ np.c_[points, np.ones(30)].T
    rays = transform_points(inverse(drive.cameras[LEFT].T_base_camera) @ drive.T_base_lidar, points).astype(float)
    assert drive.cameras[LEFT].camera.project(rays)[0] == pytest.approx((pixels[:2] / pixels[2]).T, abs=1e-3)


def test_images_scans_and_stamps_equal_the_files(sequence):
    (sequence / "image_3").mkdir()
    (sequence / "image_2/000003.png").rename(sequence / "image_3/000003.png")
    (sequence / "velodyne/000004.bin").unlink()
    drive = read_kitti_odometry(sequence)
    assert [list(frame.images) for frame in drive.frames] == [[LEFT]] * 3 + [[RIGHT], [LEFT]]
    assert [frame.read_points is None for frame in drive.frames] == [False] * 4 + [True]
    assert [frame.stamp_ns for frame in drive.frames][:2] == [0, 103_700_000]
    assert drive.frames[3].images[RIGHT]().shape == (32, 64, 3)
    assert drive.frames[3].read_points().shape == (50, 4)
    assert (drive.cameras[RIGHT].camera.width, drive.cameras[RIGHT].camera.height) == (64, 32)


def test_a_sequence_without_poses_has_frames_without_them(sequence):
    (sequence.parents[1] / "poses/08.txt").unlink()
    drive = read_kitti_odometry(sequence)
    assert [frame.T_map_base for frame in drive.frames] == [None] * 5
    with pytest.raises(DatasetError, match="a scan and a pose"):
        drive.complete()


def test_poses_of_semantic_kitti_are_used_without_ground_truth(sequence):
    (sequence.parents[1] / "poses/08.txt").rename(sequence / "poses.txt")
    drive = read_kitti_odometry(sequence)
    assert yaw_of(drive.frames[4].T_map_base) == pytest.approx(0.4)
    assert "poses of 08/poses.txt" in drive.datum


def test_a_damaged_image_is_refused_when_it_is_read(sequence):
    (sequence / "image_2/000000.png").write_bytes(b"")
    read = read_kitti_odometry(sequence).complete().frames[0].images[LEFT]
    with pytest.raises(ImageError, match=r"000000\.png: 0 bytes are not an image"):
        read()


@pytest.mark.parametrize(
    ("file", "text", "complaint"),
    [
        ("calib.txt", "P2: 40 0 32 0 0 40 16 0 0 0 1 0\n", "has no entry Tr: download the benchmark's"),
        ("calib.txt", "Tr: 0 0 0 0 0 0 0 0 0 0 0 0\n", "is not a rigid transform"),
        ("times.txt", "0\n0.1\n", "has 5 poses, but times.txt 2 frames"),
        ("times.txt", "0\n2\n1\n3\n4\n", "not increasing seconds since the start"),
        ("../../poses/08.txt", "1 2 3\n", r"line 1 is '1 2 3', not 12 finite numbers"),
        ("../../poses/08.txt", "2 0 0 0 0 1 0 0 0 0 1 0\n" * 5, "line 1: .* is not a rigid transform"),
    ],
)
def test_a_damaged_file_is_refused_with_its_name_and_the_fault(sequence, file, text, complaint):
    (sequence / file).write_text(text)
    with pytest.raises(DatasetError, match=complaint) as caught:
        read_kitti_odometry(sequence)
    assert "\n" not in str(caught.value)
