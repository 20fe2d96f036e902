# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Scans and odometry of which no map can be made are named and counted, and the map is made of the others."""

import copy
import time

import numpy as np
import pytest

pytest.importorskip("rclpy")

from sensor_msgs.msg import PointCloud2
from support.ros_bench import messages_of

from liploc_ros.datasets.mounts import format_mount
from liploc_ros.nodes.map_builder.node import MapBuilderNode

WARN, ERROR = 1, 2
POINTS, ODOMETRY = "/points", "/odom"


@pytest.fixture(scope="module")
def recorded(demo_bag):
    return messages_of(demo_bag, POINTS, ODOMETRY)


@pytest.fixture
def builder(bench, demo_drive, recorded):
    """A builder that has received odometry."""
    mount = format_mount(demo_drive.lidar_frame, demo_drive.T_base_lidar)
    node = bench.start(
        MapBuilderNode, points_topic=POINTS, odometry_topic=ODOMETRY, sensor_mounts=[mount], reliability="reliable"
    )
    for message in recorded[ODOMETRY][:20]:
        bench.publish(ODOMETRY, message)
    return node


def values_of(health):
    return {pair.key: pair.value for pair in health.values}


def scan_of(recorded, points):
    """Return a scan whose points are these (N, 3) alone."""
    scan = recorded[POINTS][0]
    data = np.asarray(points, "<f4")
    return PointCloud2(
        header=scan.header,
        height=1,
        width=len(data),
        fields=[field for field in scan.fields if field.name in "xyz"],
        point_step=12,
        row_step=12 * len(data),
        data=data.tobytes(),
    )


@pytest.mark.parametrize(
    ("points", "words"),
    [
        (np.zeros((0, 3)), "a scan has no points"),
        (np.full((200, 3), np.nan), "all 200 points of a scan are NaN or infinite"),
        (np.full((200, 3), np.inf), "all 200 points of a scan are NaN or infinite"),
        (np.zeros((200, 3)), "all 200 points of a scan are at the origin"),
    ],
)
def test_a_scan_without_usable_points_is_named_and_counted(bench, builder, recorded, points, words):
    bench.publish(POINTS, scan_of(recorded, points))
    health = bench.wait_for_health(ERROR, [POINTS, words])
    assert values_of(health)["scans dropped"] == "1"
    assert values_of(health)["scans dropped, by reason"] == "PointsError: 1"
    assert builder.collector.keyframes == 0


def test_scans_without_reflectance_are_used_and_counted(bench, builder, recorded):
    bench.publish(POINTS, scan_of(recorded, [[5, 0, 0], [6, 1, 0]]))
    health = bench.wait_for_health(WARN, [POINTS, "1 of 1 keyframes have no reflectance"])
    assert values_of(health)["keyframes without reflectance"] == "1"


def test_odometry_of_another_frame_is_named_and_counted(bench, builder, recorded):
    other = copy.deepcopy(recorded[ODOMETRY][20])
    other.header.frame_id = "elsewhere"
    bench.publish(ODOMETRY, other)
    health = bench.wait_for_health(ERROR, ["odometry in the frame 'elsewhere', earlier it was in"])
    assert values_of(health)["odometry refused"] == "1"


def test_a_scan_of_another_lidar_is_named_and_counted(bench, builder, recorded):
    bench.publish(POINTS, recorded[POINTS][0])
    bench.wait(lambda: builder.collector.keyframes == 1, "no keyframe")  # which removes faults
    other = copy.deepcopy(recorded[POINTS][1])
    other.header.frame_id = "second_lidar"
    bench.publish(POINTS, other)
    health = bench.wait_for_health(ERROR, ["a scan in the frame 'second_lidar', earlier they were in"])
    assert values_of(health)["scans dropped, by reason"] == "PoseError: 1"


def test_scans_that_never_arrived_are_counted(bench, builder, recorded):
    step = 100_000_000
    for number in [*range(20), 22, 23]:
        scan = scan_of(recorded, [[5, 0, 0]])
        stamp = scan.header.stamp.sec * 1_000_000_000 + scan.header.stamp.nanosec + number * step
        scan = copy.deepcopy(scan)
        scan.header.stamp.sec, scan.header.stamp.nanosec = divmod(stamp, 1_000_000_000)
        time.sleep(0.05 if number != 22 else 0.15)
        bench.publish(POINTS, scan)
    bench.wait(lambda: builder.inputs.lost_scans.total == 2, "lost scans are not counted")
