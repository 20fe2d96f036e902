# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Drives that are read from bags, and the selection of topics."""

from pathlib import Path

import numpy as np
import pytest
from support.bag_maker import write_bag

from liploc_ros.datasets import BagTopics, DatasetError, open_drive, read_bag
from liploc_ros.datasets.bag import messages
from liploc_ros.geometry import MountedCamera, PinholeCamera, ViewGrid
from liploc_ros.learning.aligned.recipe import VirtualViews
from liploc_ros.learning.aligned.samples import DrawnSamples

EXCERPT = Path(__file__).parents[2] / "demo/kitti_0013_excerpt.mcap"
CAMERA = "camera_color_left_optical"
K = np.array([[40.0, 0, 32], [0, 40, 16], [0, 0, 1]])


def test_the_demo_excerpt_has_17_scans_and_40_images_between_them() -> None:
    drive = open_drive(EXCERPT)
    scans, images = list(drive.scans()), list(drive.images())
    assert (len(scans), len(images)) == (17, 40)
    scan_positions = np.array([frame.T_map_base[:3, 3] for frame in scans if frame.T_map_base is not None])
    image_positions = np.array([frame.T_map_base[:3, 3] for frame in images if frame.T_map_base is not None])
    assert np.linalg.norm(np.diff(scan_positions, axis=0), axis=1).min() > 9.5
    nearest = np.linalg.norm(image_positions[:, None] - scan_positions, axis=2).min(axis=1)
    assert np.median(nearest) > 2
    assert nearest.max() < 6
    assert EXCERPT.stat().st_size <= 12e6


def test_images_and_scans_of_the_demo_excerpt_are_complete() -> None:
    drive = open_drive(EXCERPT)
    image = next(drive.images()).images[CAMERA]()
    scan = next(drive.scans()).read_points
    assert image.shape == (375, 1242, 3)
    assert scan is not None
    points = scan()
    assert len(points) > 50_000
    assert np.all(np.isfinite(points))
    assert 0 <= points[:, 3].min() < points[:, 3].max() <= 1


def test_training_on_a_bag_without_complete_frames_is_refused_with_the_reason() -> None:
    with pytest.raises(DatasetError, match=r"in a bag they are separate frames\): give the folder of a KITTI raw"):
        list(DrawnSamples(open_drive(EXCERPT), ViewGrid(), VirtualViews(), seed=0))


def test_a_missing_topic_is_refused_with_the_topics_of_the_bag(bag_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"has no topic /lidar for points: .*/points \(sensor_msgs/PointCloud2\)"):
        open_drive(bag_path, BagTopics(points="/lidar"))
    with pytest.raises(DatasetError, match=r"topic /odom for points is a nav_msgs/msg/Odometry"):
        open_drive(bag_path, BagTopics(points="/odom"))


def test_a_bag_without_the_required_data_is_refused_with_its_topics(tmp_path: Path) -> None:
    odometry = messages.odometry(5, "odom", "base_link", np.eye(4), np.zeros(6), [1.0] * 12)
    path = write_bag(tmp_path / "poor.mcap", [("/odom", 5, odometry)])
    complaint = r"no topic of type sensor_msgs/PointCloud2 for points: give another recording \(topics: /odom "
    with pytest.raises(DatasetError, match=complaint):
        read_bag(path, needs=["points", "odometry"])
    with pytest.raises(DatasetError, match="neither points nor images"):
        read_bag(path)


def test_several_topics_of_a_type_need_a_choice(tmp_path: Path) -> None:
    points = messages.point_cloud(5, "base_link", np.zeros((1, 4), np.float32))
    path = write_bag(tmp_path / "two.mcap", [("/front", 5, points), ("/rear", 5, points)])
    with pytest.raises(DatasetError, match="several topics for points: choose one of /front, /rear"):
        read_bag(path)
    assert len(read_bag(path, BagTopics(points="/rear")).frames) == 1


def test_several_image_topics_of_a_frame_need_a_choice(tmp_path: Path) -> None:
    info = messages.camera_info(5, MountedCamera("base_link", PinholeCamera(64, 32, K), np.eye(4)))
    image = messages.image(5, "base_link", np.zeros((32, 64, 3), np.uint8))
    items = [("/a/camera_info", 5, info), ("/a/image_raw", 5, image), ("/a/image_mono", 5, image)]
    path = write_bag(tmp_path / "twice.mcap", items)
    with pytest.raises(DatasetError, match=r"choose one of /a/image_mono, /a/image_raw \(--image-topic\)"):
        read_bag(path)
    assert len(read_bag(path, BagTopics(images=("/a/image_raw",))).frames) == 1


def test_required_images_without_camera_info_are_refused(tmp_path: Path) -> None:
    image = messages.image(5, "camera", np.zeros((32, 64, 3), np.uint8))
    path = write_bag(tmp_path / "blind.mcap", [("/camera/image_raw", 5, image)])
    with pytest.raises(
        DatasetError, match="no CameraInfo for /camera/image_raw, expected /camera/camera_info: give --calibration"
    ):
        read_bag(path, needs=["images"])


def test_a_sensor_without_a_static_transform_is_refused_with_both_frames(tmp_path: Path) -> None:
    info = messages.camera_info(5, MountedCamera("camera", PinholeCamera(64, 32, K), np.eye(4)))
    image = messages.image(5, "camera", np.zeros((32, 64, 3), np.uint8))
    path = write_bag(tmp_path / "lost.mcap", [("/camera/camera_info", 5, info), ("/camera/image_raw", 5, image)])
    with pytest.raises(DatasetError, match="no static transform from 'camera' to 'base_link'"):
        read_bag(path)


def test_frames_far_from_all_odometry_have_no_pose(tmp_path: Path) -> None:
    odometry = messages.odometry(0, "odom", "base_link", np.eye(4), np.zeros(6), [1.0] * 12)
    clouds = [messages.point_cloud(t, "base_link", np.zeros((1, 4), np.float32)) for t in (50_000_000, 5_000_000_000)]
    items = [("/odom", 1, odometry), ("/points", 2, clouds[0]), ("/points", 3, clouds[1])]
    drive = read_bag(write_bag(tmp_path / "bag.mcap", items))
    assert [frame.T_map_base is None for frame in drive.frames] == [False, True]
