# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""KITTI-360: a synthetic drive in the published layout, with the published extrinsics and one real pose."""

import re
import shutil

import numpy as np
import pytest
from support.kitti_360_maker import CAM0_TO_WORLD, CAM_TO_POSE, CAM_TO_VELO, DRIVE, PERSPECTIVE, POSE, make_360_drive

from liploc_ros.datasets import DatasetError, open_drive, read_kitti_360
from liploc_ros.datasets.kitti.kitti_360_calibration import read_fisheye
from liploc_ros.geometry import CameraError, OmnidirectionalCamera, PinholeCamera, inverse, transform_points

AHEAD, LEFT = "camera_perspective_left_optical", "camera_fisheye_left_optical"


@pytest.fixture
def images(tmp_path):
    return make_360_drive(tmp_path)


def numbers(text):
    return {key: np.array(row.split(), float) for key, _, row in (line.partition(": ") for line in text.splitlines())}


def matrix(row):
    return np.vstack([row.reshape(3, 4), [0, 0, 0, 1]])


def test_frames_follow_the_numbers_of_the_files_and_have_only_published_poses(images):
    drive = open_drive(images)
    assert [frame.T_map_base is None for frame in drive.frames] == [False, True, False]
    assert [frame.stamp_ns % 10_000_000_000 for frame in drive.frames] == [5_000_000_000, 5_100_000_000, 5_200_000_000]
    assert [list(frame.images) for frame in drive.frames] == [[AHEAD, LEFT]] * 3
    assert drive.frames[0].images[LEFT]().shape == (70, 70, 3)
    assert drive.frames[0].read_points().shape == (50, 4)
    assert len(drive.complete().frames) == 2
    assert drive.name == "2013_05_28_drive_0099"


def test_the_folder_of_scans_is_the_same_drive(images, tmp_path):
    drive = open_drive(tmp_path / "data_3d_raw" / DRIVE)
    assert [list(frame.images) for frame in drive.frames] == [[AHEAD, LEFT]] * 3


def test_scans_alone_and_images_alone_are_drives_too(images, tmp_path):
    shutil.rmtree(tmp_path / "data_3d_raw")
    assert [frame.read_points for frame in read_kitti_360(images).frames] == [None] * 3
    shutil.rmtree(tmp_path)
    make_360_drive(tmp_path)
    shutil.rmtree(images)
    assert [len(frame.images) for frame in read_kitti_360(tmp_path / "data_3d_raw" / DRIVE).scans()] == [0, 0]


def test_the_vehicle_is_upright_and_the_sensors_are_at_their_published_poses(images):
    drive = read_kitti_360(images)
    T = drive.frames[0].T_map_base
    assert T[2, 2] > 0.99
    assert T[:3, 3] == pytest.approx([3639.236961, 1708.205377, 122.056814])
    assert drive.T_base_lidar[:3, :3] == pytest.approx(np.eye(3), abs=0.02)
    assert drive.T_base_lidar[2, 3] == pytest.approx(0.84, abs=0.01)
    optical_axes = {name: camera.T_base_camera[:3, 2] for name, camera in drive.cameras.items()}
    assert optical_axes[AHEAD] == pytest.approx([1, 0, 0], abs=0.11)
    assert optical_axes[LEFT] == pytest.approx([0, 1, 0], abs=0.05)
    assert isinstance(drive.cameras[AHEAD].camera, PinholeCamera)
    assert isinstance(drive.cameras[LEFT].camera, OmnidirectionalCamera)


def test_a_real_pose_is_the_same_in_both_pose_files(images, tmp_path):
    expected = read_kitti_360(images).frames[0].T_map_base
    poses = tmp_path / "data_poses" / DRIVE / "poses.txt"
    poses.with_name("cam0_to_world.txt").write_text(f"250 {CAM0_TO_WORLD}\n")
    poses.unlink()
    assert read_kitti_360(images).frames[0].T_map_base == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("name", ["image_00", "image_02"])
def test_points_are_transformed_to_the_cameras_by_the_published_chain(images, name, rng):
    drive, to_pose = read_kitti_360(images), numbers(CAM_TO_POSE)
    T_velo_camera0 = matrix(np.array(CAM_TO_VELO.split(), float))
    T_camera0_camera = np.linalg.inv(matrix(to_pose["image_00"])) @ matrix(to_pose[name])
    T_camera_velo = np.linalg.inv(T_velo_camera0 @ T_camera0_camera)
    if name == "image_00":
        R_rect = np.eye(4)
        R_rect[:3, :3] = numbers(PERSPECTIVE)["R_rect_00"].reshape(3, 3)
        T_camera_velo = R_rect @ T_camera_velo
    points = rng.normal(0, 10, (20, 3))
    slow = [(T_camera_velo @ [*point, 1])[:3] for point in points]
    mounted = drive.cameras[AHEAD if name == "image_00" else LEFT]
    fast = transform_points(inverse(mounted.T_base_camera) @ drive.T_base_lidar, points)
    assert fast == pytest.approx(np.array(slow), abs=1e-3)


def test_stamps_of_a_part_of_a_drive_belong_to_its_files_in_order(images):
    for path in images.parents[1].glob("**/timestamps.txt"):
        path.write_text("".join(path.read_text().splitlines(keepends=True)[-3:]))
    assert [frame.stamp_ns % 10**10 for frame in read_kitti_360(images).frames] == [5 * 10**9, 51 * 10**8, 52 * 10**8]


def test_a_drive_without_poses_has_frames_without_them(images, tmp_path):
    shutil.rmtree(tmp_path / "data_poses")
    assert [frame.T_map_base for frame in read_kitti_360(images).frames] == [None] * 3


def test_a_fisheye_file_without_spaces_after_colons_is_read(images, tmp_path):
    path = tmp_path / "calibration/image_02.yaml"
    path.write_text(re.sub(": +", ":", path.read_text()))
    assert read_fisheye(path).K[0].tolist() == [66.8, 0, 35.8]


def test_an_invalid_fisheye_calibration_is_refused_with_its_name(images, tmp_path):
    path = tmp_path / "calibration/image_02.yaml"
    path.write_text(path.read_text().replace("gamma1: 66.8", "gamma1: -1"))
    with pytest.raises(CameraError, match=r"image_02\.yaml: .*not finite with positive focal lengths"):
        read_kitti_360(images)


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda root: shutil.rmtree(root / "calibration"), r"calib_cam_to_pose\.txt: is missing: download KITTI-360's"),
        (lambda root: (root / "calibration/image_02.yaml").unlink(), r"image_02\.yaml: cannot be read"),
        (lambda root: (root / "calibration/image_02.yaml").write_text("a: 1"), r"image_02\.yaml: image_width: .*requ"),
        (lambda root: (root / f"data_poses/{DRIVE}/poses.txt").write_text(f"1.5 {POSE}"), "starts with 1.5, not a fra"),
        (lambda root: (root / f"data_poses/{DRIVE}/poses.txt").write_text(POSE), "not 13 finite numbers"),
        (lambda root: [path.unlink() for path in root.glob("**/timestamps.txt")], "0000000250 has no timestamp"),
        (lambda root: [path.write_text("") for path in root.glob("**/timestamps.txt")], "has 0 lines"),
        (lambda root: [path.unlink() for path in root.glob("data_*_raw/**/*.*")], "has 0 images and 0 scans"),
    ],
)
def test_missing_or_damaged_files_are_named_on_one_line(images, tmp_path, damage, complaint):
    damage(tmp_path)
    with pytest.raises(DatasetError, match=complaint) as caught:
        open_drive(images)
    assert "\n" not in str(caught.value)
