# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The transform from map to odometry frame, and the odometry input."""

import threading
from unittest.mock import MagicMock

import numpy as np
import pytest

pytest.importorskip("rclpy")

from nav_msgs.msg import Odometry

from liploc_ros.datasets.base_frame import BaseFrame
from liploc_ros.geometry import pose_from_yaw
from liploc_ros.nodes.common import ros_libraries
from liploc_ros.nodes.common.conversions import header_at, pose_to_message
from liploc_ros.nodes.common.diagnostics import Level
from liploc_ros.nodes.common.mounts import Mounts
from liploc_ros.nodes.localizer.map_to_odom import MapToOdom
from liploc_ros.nodes.localizer.odometry import OdometryInput

SECOND = 1_000_000_000


@pytest.fixture
def broadcast():
    """Broadcast transforms, as pairs of map frame and child frame."""
    return []


@pytest.fixture
def odometry():
    node = MagicMock()
    node.get_publishers_info_by_topic.return_value = []
    node.get_clock.return_value.now.return_value.nanoseconds = 0  # not known yet
    base = BaseFrame("base_link", Mounts(["footprint 0 0 -0.5 0 0 0"]).lookup, MagicMock())
    return OdometryInput(node, "/odom", "odom", base, MagicMock(), MagicMock())


@pytest.fixture
def broadcaster(monkeypatch, broadcast, odometry):
    monkeypatch.setattr(ros_libraries, "tf_message_type", lambda: lambda transforms: transforms[0])
    node = MagicMock()
    node.create_publisher().publish = lambda t: broadcast.append((t.header.frame_id, t.child_frame_id))
    return MapToOdom(node, odometry, "map", MagicMock())


def drive(odometry, *seconds, base_frame="base_link"):
    for second in seconds:
        message = Odometry(header=header_at(int(second * SECOND), "odom"), child_frame_id=base_frame)
        message.pose.pose = pose_to_message(pose_from_yaw(float(second), 0, 0, 0))
        odometry._on_odometry(message)


def test_a_transform_of_the_old_map_is_not_broadcast_after_the_map_is_replaced(odometry, broadcaster, broadcast):
    drive(odometry, 1, 2)
    broadcaster.update(SECOND, np.eye(4))
    drive(odometry, 3)
    broadcaster.set_map_frame("other_map")
    drive(odometry, 4, 5)
    broadcaster.update(4 * SECOND, np.eye(4))
    drive(odometry, 6)
    assert broadcast == [("map", "odom"), ("other_map", "odom")]


def test_nothing_is_broadcast_after_time_jumped_back_until_the_next_pose(odometry, broadcaster, broadcast):
    drive(odometry, 10)
    broadcaster.update(10 * SECOND, np.eye(4))
    drive(odometry, 11, 2, 3)
    assert len(broadcast) == 1


def test_odometry_of_another_base_frame_is_an_error_until_valid_odometry_arrives(odometry, broadcaster):
    drive(odometry, 1, base_frame="trailer")
    for health in (odometry.health(), broadcaster.health()):
        assert (health.level, "'trailer'" in health.message) == (Level.ERROR, True)
    drive(odometry, 2)
    assert odometry.health().level == broadcaster.health().level == Level.OK


def test_odometry_of_a_frame_that_is_fixed_to_the_base_frame_is_used(odometry):
    drive(odometry, 1, base_frame="footprint")
    assert odometry.pose_at(SECOND)[:3, 3] == pytest.approx([1, 0, 0.5])


def test_a_pose_without_odometry_at_its_time_is_an_error_until_one_with_odometry(odometry, broadcaster):
    drive(odometry, 1)
    broadcaster.update(9 * SECOND, np.eye(4))
    drive(odometry, 2)
    assert "no odometry on" in broadcaster.health().message
    broadcaster.update(2 * SECOND, np.eye(4))
    assert broadcaster.health().level == Level.OK


def test_an_image_waits_for_odometry_that_arrives_later(odometry):
    drive(odometry, 0.9, 1)
    threading.Timer(0.05, drive, (odometry, 1.1)).start()
    assert odometry.pose_at(int(1.05 * SECOND), timeout=5.0)[0, 3] == pytest.approx(1.05)


def test_an_image_does_not_wait_if_no_odometry_arrives(odometry):
    assert odometry.pose_at(SECOND, timeout=60.0) is None
    drive(odometry, 1)
    assert odometry.pose_at(9 * SECOND, timeout=60.0) is None
    health = odometry.health()
    assert health.level == Level.WARN and "8.00 s older" in health.message


def test_odometry_from_before_a_clock_reset_is_removed(odometry):
    drive(odometry, 100, 2)
    assert odometry.pose_at(100 * SECOND) is None
    assert odometry.pose_at(2 * SECOND)[0, 3] == pytest.approx(2.0)
