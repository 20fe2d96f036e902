# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""KITTI raw drives: synthetic drives in the published layout, and a real calibration."""

import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.kitti_maker import make_drive

from liploc_ros.datasets import BagTopics, DatasetError, open_drive, read_kitti_raw
from liploc_ros.datasets.kitti.oxts import EARTH_RADIUS, read_oxts
from liploc_ros.datasets.kitti.to_bag import write_kitti_bag
from liploc_ros.geometry import inverse, quaternion_of, transform_points, yaw_of

CAMERA = "camera_color_left_optical"
PACKED_KITTI = Path(__file__).parents[3] / "shared/kitti/2011_09_26"


@pytest.fixture
def drive_folder(tmp_path: Path) -> Path:
    return make_drive(tmp_path)


def test_a_drive_has_a_frame_for_each_image_or_scan(tmp_path: Path) -> None:
    drive = read_kitti_raw(make_drive(tmp_path, frames=6, every=2))
    assert len(drive.frames) == 3
    assert [frame.stamp_ns % 1_000_000_000 for frame in drive.frames] == [10_000_000, 210_000_000, 410_000_000]
    assert drive.name == "2011_09_26_drive_0099"


def test_a_drive_without_scans_has_its_images(drive_folder: Path) -> None:
    shutil.rmtree(drive_folder / "velodyne_points")
    frames = read_kitti_raw(drive_folder).frames
    assert [frame.read_points for frame in frames] == [None] * 6
    assert frames[5].images[CAMERA]().shape == (32, 64, 3)


def test_a_drive_without_images_has_its_scans_at_their_stamps(drive_folder: Path) -> None:
    shutil.rmtree(drive_folder / "image_02")
    drive = read_kitti_raw(drive_folder)
    assert [len(frame.images) for frame in drive.scans()] == [0] * 6
    assert drive.frames[1].stamp_ns % 1_000_000_000 == 100_000_000
    with pytest.raises(DatasetError, match="no frame has an image, a scan and a pose"):
        drive.complete()


def test_only_complete_frames_are_converted_to_a_bag(drive_folder: Path) -> None:
    (drive_folder / "velodyne_points/data/0000000002.bin").unlink()
    (drive_folder / "image_02/data/0000000004.png").unlink()
    complete = read_kitti_raw(drive_folder).complete()
    write_kitti_bag(complete, drive_folder / "out.mcap")
    bag = open_drive(drive_folder / "out.mcap")
    assert len(complete.frames) == len(list(bag.images())) == len(list(bag.scans())) == 4


def test_topics_of_a_kitti_drive_are_refused(drive_folder: Path) -> None:
    with pytest.raises(DatasetError, match="KITTI raw drive has no topics: give none for points"):
        open_drive(drive_folder, BagTopics(points="/points"))


def test_images_and_scans_equal_the_files(drive_folder: Path) -> None:
    frame = read_kitti_raw(drive_folder).frames[3]
    image = cv2.imread(str(drive_folder / "image_02/data/0000000003.png"))
    scan = np.fromfile(drive_folder / "velodyne_points/data/0000000003.bin", np.float32).reshape(-1, 4)
    assert np.array_equal(frame.images[CAMERA](), image[..., ::-1])
    assert frame.read_points is not None
    assert np.array_equal(frame.read_points(), scan)


def test_poses_equal_those_of_the_development_kit(drive_folder: Path) -> None:
    def slow_pose(values: list[float], scale: float) -> np.ndarray:
        latitude, longitude, altitude, roll, pitch, yaw = values[:6]
        x = scale * longitude * np.pi * EARTH_RADIUS / 180
        y = scale * EARTH_RADIUS * np.log(np.tan((90 + latitude) * np.pi / 360))
        rx = np.array([[1, 0, 0], [0, np.cos(roll), -np.sin(roll)], [0, np.sin(roll), np.cos(roll)]])
        ry = np.array([[np.cos(pitch), 0, np.sin(pitch)], [0, 1, 0], [-np.sin(pitch), 0, np.cos(pitch)]])
        rz = np.array([[np.cos(yaw), -np.sin(yaw), 0], [np.sin(yaw), np.cos(yaw), 0], [0, 0, 1]])
        return np.r_[np.c_[rz @ ry @ rx, [x, y, altitude]], [[0, 0, 0, 1]]]

    files = sorted((drive_folder / "oxts/data").glob("*.txt"))
    values = [[float(v) for v in path.read_text().split()] for path in files]
    scale = np.cos(values[0][0] * np.pi / 180)
    origin = slow_pose(values[0], scale)[:3, 3]
    for row, frame in zip(values, read_kitti_raw(drive_folder).frames, strict=True):
        expected = slow_pose(row, scale)
        expected[:3, 3] -= origin
        assert frame.T_map_base == pytest.approx(expected, abs=1e-6)


def test_the_map_starts_at_the_first_record_with_axes_east_north_up(drive_folder: Path) -> None:
    drive = read_kitti_raw(drive_folder)
    first, last = drive.frames[0].T_map_base, drive.frames[-1].T_map_base
    assert first is not None
    assert last is not None
    assert first[:3, 3] == pytest.approx([0, 0, 0])
    assert yaw_of(first) == pytest.approx(0.7, abs=1e-3)
    assert np.all(last[:2, 3] > 3)
    assert "latitude 49.0" in drive.datum


def test_points_project_as_with_the_published_chain_of_matrices(drive_folder: Path) -> None:
    drive = read_kitti_raw(drive_folder)
    numbers = {}
    for file in drive_folder.parent.glob("calib_*.txt"):
        for line in file.read_text().splitlines()[1:]:
            key, values = line.split(":")
            numbers[file.stem, key] = np.array(values.split(), float)
    points = np.random.default_rng(1).uniform([5, -5, -2], [30, 5, 1], (50, 3))
    R, T = numbers["calib_velo_to_cam", "R"].reshape(3, 3), numbers["calib_velo_to_cam", "T"]
    rect = numbers["calib_cam_to_cam", "R_rect_00"].reshape(3, 3) @ (R @ points.T + T[:, None])
    pixels = numbers["calib_cam_to_cam", "P_rect_02"].reshape(3, 4) @ np.r_[rect, np.ones((1, 50))]
    assert drive.T_base_lidar is not None
    T_camera_lidar = inverse(drive.cameras[CAMERA].T_base_camera) @ drive.T_base_lidar
    rays = transform_points(T_camera_lidar, points).astype(float)
    assert drive.cameras[CAMERA].camera.project(rays)[0] == pytest.approx((pixels[:2] / pixels[2]).T, abs=1e-3)


def test_the_camera_looks_forward_in_the_base_frame(drive_folder: Path) -> None:
    T = read_kitti_raw(drive_folder).cameras[CAMERA].T_base_camera
    assert T[:3, 2] == pytest.approx([1, 0, 0], abs=0.05)
    assert T[:3, 0] == pytest.approx([0, -1, 0], abs=0.05)


def test_there_is_an_oxts_record_for_every_original_frame(tmp_path: Path) -> None:
    records = read_oxts(make_drive(tmp_path, frames=6, every=2) / "oxts")
    assert [record.index for record in records] == list(range(6))
    assert np.linalg.norm(quaternion_of(records[0].T_map_base)) == pytest.approx(1)


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        ("missing drive", "does not exist"),
        ("date folder", "did you mean one of 2011_09_26_drive_0099_sync"),
        ("no calibration", "calib_velo_to_cam.txt: is missing"),
        ("no entry", "has no entry P_rect_02"),
        ("bad entry", "entry T is"),
        ("cut-off record", "OXTS record is cut off, it has 5 of 30 numbers"),
        ("few stamps", "has 1 lines but frame 0000000001"),
        ("bad stamp", "line 1 is 'yesterday'"),
        ("no sensors", "no frame number has an OXTS record and an image or a scan"),
        ("singular projection", "calib_cam_to_cam.txt: P_rect_02 is not a projection matrix"),
        ("invalid name", "not a frame number"),
    ],
)
def test_a_damaged_drive_is_refused_on_one_line(drive_folder: Path, damage: str, complaint: str) -> None:
    day, path = drive_folder.parent, drive_folder
    match damage:
        case "missing drive":
            path = day / "nowhere"
        case "date folder":
            path = day
        case "no calibration":
            (day / "calib_velo_to_cam.txt").unlink()
        case "no entry":
            (day / "calib_cam_to_cam.txt").write_text("R_rect_00: 1 0 0 0 1 0 0 0 1\n")
        case "bad entry":
            (day / "calib_imu_to_velo.txt").write_text("R: 1 0 0 0 1 0 0 0 1\nT: 1 two 3\n")
        case "cut-off record":
            (path / "oxts/data/0000000002.txt").write_text("1 2 3 4 5")
        case "few stamps":
            (path / "oxts/timestamps.txt").write_text("2011-09-26 13:10:50.0\n")
        case "bad stamp":
            (path / "image_02/timestamps.txt").write_text("yesterday\n")
        case "no sensors":
            for file in [*path.glob("velodyne_points/data/*"), *path.glob("image_02/data/*")]:
                file.unlink()
        case "singular projection":
            file = day / "calib_cam_to_cam.txt"
            file.write_text(re.sub("P_rect_02: .*", "P_rect_02:" + " 0" * 12, file.read_text()))
        case "invalid name":
            (path / "oxts/data/old.txt").write_text("")
    with pytest.raises(DatasetError) as caught:
        read_kitti_raw(path)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_truncated_scan_is_refused_with_its_name(drive_folder: Path) -> None:
    path = drive_folder / "velodyne_points/data/0000000001.bin"
    path.write_bytes(path.read_bytes()[:-3])
    read = read_kitti_raw(drive_folder).frames[1].read_points
    assert read is not None
    with pytest.raises(DatasetError, match=r"0000000001\.bin: scan of 3197 bytes is cut off"):
        read()


@pytest.mark.skipif(not PACKED_KITTI.is_dir(), reason="the packed KITTI drives are not next to the repository")
def test_real_calibration_puts_the_camera_27_cm_ahead_of_the_lidar(tmp_path: Path) -> None:
    drive_folder = make_drive(tmp_path)
    for file in PACKED_KITTI.glob("calib_*.txt"):
        (drive_folder.parent / file.name).write_text(file.read_text())
    drive = read_kitti_raw(drive_folder)
    assert drive.T_base_lidar is not None
    offset = drive.cameras[CAMERA].T_base_camera[:3, 3] - drive.T_base_lidar[:3, 3]
    assert offset == pytest.approx([0.27, 0.06, -0.07], abs=0.03)
    assert (drive.cameras[CAMERA].camera.width, drive.cameras[CAMERA].camera.height) == (1242, 375)


def test_an_empty_line_of_timestamps_is_an_error_only_if_its_frame_exists(drive_folder: Path) -> None:
    stamps = drive_folder / "image_02/timestamps.txt"
    lines = stamps.read_text().splitlines(keepends=True)
    stamps.write_text("".join([*lines[:3], "\n", *lines[4:]]))
    with pytest.raises(DatasetError, match="the line of frame 0000000003 is empty"):
        read_kitti_raw(drive_folder)
    for file in drive_folder.glob("*/data/0000000003.*"):
        file.unlink()
    (drive_folder / "oxts/data/0000000003.txt").write_text((drive_folder / "oxts/data/0000000002.txt").read_text())
    assert len(read_kitti_raw(drive_folder).frames) == 5
