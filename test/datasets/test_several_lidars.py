# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Scans of several LiDARs are joined by their mounts, and corrected for the motion of the vehicle."""

import logging

import numpy as np
import pytest
from support.bag_maker import write_bag

from liploc_ros.datasets import BagOptions, BagTopics
from liploc_ros.datasets.bag import messages
from liploc_ros.datasets.bag.point_times import deskewed, point_times
from liploc_ros.datasets.bag.reader import read_bag
from liploc_ros.datasets.trajectory import Trajectory
from liploc_ros.geometry import pose_from_yaw
from liploc_ros.views import PointsError

MS = 1_000_000
SPEED = 10.0  # m/s
MOUNTS = {"front": pose_from_yaw(2, 0, 1, 0), "rear": pose_from_yaw(-2, 0, 1, np.pi)}
TOPICS = BagTopics(points="/front/points", more_points=("/rear/points",))


def bag_of_two(tmp_path, rear_delay_ms=20, rear_scans=4):
    """Write a bag of a vehicle that passes a post at (8, 0, 2) m, which both LiDARs see in each scan."""
    items = [("/tf_static", 0, messages.transforms(0, "base_link", MOUNTS))]
    for k in range(0, 60):
        T = pose_from_yaw(SPEED * k / 100, 0, 0, 0)
        items.append(
            (
                "/odom",
                1 + k * 10 * MS,
                messages.odometry(1 + k * 10 * MS, "map", "base_link", T, np.zeros(6), [1.0] * 12),
            )
        )
    for k in range(4):
        for name, delay_ms in [("front", 0), ("rear", rear_delay_ms)]:
            stamp = 1 + (100 * k + delay_ms) * MS
            if name == "front" or k < rear_scans:
                T_map_lidar = pose_from_yaw(SPEED * (stamp - 1) / 1e9, 0, 0, 0) @ MOUNTS[name]
                post = np.linalg.inv(T_map_lidar) @ [8, 0, 2, 1]
                cloud = np.array([[*post[:3], 0.5]], np.float32)
                items.append((f"/{name}/points", stamp, messages.point_cloud(stamp, name, cloud)))
    return write_bag(tmp_path / "bag.mcap", sorted(items, key=lambda item: item[1]))


def test_scans_are_joined_by_mounts_and_by_the_motion_between_their_stamps(tmp_path):
    drive = read_bag(bag_of_two(tmp_path), TOPICS)
    scans = [frame.read_points() for frame in drive.scans()]
    assert [len(points) for points in scans] == [2, 2, 2, 2]
    for points in scans:
        np.testing.assert_allclose(points[0], points[1], atol=1e-3)


def test_scans_without_one_of_the_other_lidar_are_counted(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        drive = read_bag(bag_of_two(tmp_path, rear_scans=1), TOPICS)
    assert [len(frame.read_points()) for frame in drive.scans()] == [2, 1, 1, 1]
    assert "3 of 4 scans have no scan of /rear/points within 60 ms" in caplog.text


@pytest.mark.parametrize(("dtype", "unit"), [("u4", 1e9), ("f4", 1.0)])
def test_points_are_corrected_for_the_motion_during_a_scan(dtype, unit):
    seconds = np.linspace(0, 0.1, 101)
    trajectory = Trajectory([0, 10**9], [pose_from_yaw(0, 0, 0, 0), pose_from_yaw(SPEED, 0, 0, 0)])
    points = np.zeros((101, 4), np.float32)
    points[:, 0] = 20 - SPEED * seconds  # a wall, seen from nearer and nearer
    cloud = messages.point_cloud(0, "lidar", points)
    cloud.fields[3].name, cloud.fields[3].datatype = "t", {"u4": 6, "f4": 7}[dtype]
    data = cloud.data.copy().reshape(101, -1)
    data[:, cloud.fields[3].offset :][:, :4] = (seconds * unit).astype(dtype).view(np.uint8).reshape(101, 4)
    cloud.data = data.ravel()
    times = point_times(cloud, 0, "/points")
    np.testing.assert_allclose(times, seconds, atol=1e-6)
    moved = deskewed(points, times, 0, trajectory, np.eye(4))
    np.testing.assert_allclose(moved[:, 0], 20, atol=SPEED * 0.1 / 20)


def test_points_without_a_time_are_named(tmp_path):
    drive = read_bag(bag_of_two(tmp_path), TOPICS, options=BagOptions(deskew=True))
    with pytest.raises(PointsError, match=r"points have no time .* leave out --deskew"):
        next(drive.scans()).read_points()
