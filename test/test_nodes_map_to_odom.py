from unittest.mock import MagicMock

import numpy as np
import pytest

pytest.importorskip("rclpy")

from nav_msgs.msg import Odometry

from liploc_ros.geometry import pose_from_yaw
from liploc_ros.nodes import map_to_odom
from liploc_ros.nodes.conversions import header_at, pose_to_message
from liploc_ros.nodes.diagnostics import Level
from liploc_ros.nodes.map_to_odom import MapToOdom

SECOND = 1_000_000_000


@pytest.fixture
def broadcast():
    """What is broadcast: pairs of map frame and child frame."""
    return []


@pytest.fixture
def broadcaster(monkeypatch, broadcast):
    monkeypatch.setattr(map_to_odom, "tf_message_type", lambda: lambda transforms: transforms[0])
    node = MagicMock()
    node.create_publisher().publish = lambda t: broadcast.append((t.header.frame_id, t.child_frame_id))
    return MapToOdom(node, "/odom", "map", "base_link", MagicMock(), MagicMock())


def drive(broadcaster, *seconds, base_frame="base_link"):
    for second in seconds:
        message = Odometry(header=header_at(second * SECOND, "odom"), child_frame_id=base_frame)
        message.pose.pose = pose_to_message(pose_from_yaw(float(second), 0, 0, 0))
        broadcaster._on_odometry(message)


def test_a_transform_of_the_old_map_is_not_broadcast_into_the_new(broadcaster, broadcast):
    drive(broadcaster, 1, 2)
    broadcaster.accept(SECOND, np.eye(4))
    drive(broadcaster, 3)
    broadcaster.use_frames("other_map", "base_link")
    drive(broadcaster, 4, 5)
    broadcaster.accept(4 * SECOND, np.eye(4))
    drive(broadcaster, 6)
    assert broadcast == [("map", "odom"), ("other_map", "odom")]


def test_odometry_of_another_base_frame_is_an_error_until_good_odometry_comes(broadcaster):
    drive(broadcaster, 1, base_frame="trailer")
    assert "'trailer'" in broadcaster.health().message
    drive(broadcaster, 2)
    assert broadcaster.health().level == Level.OK


def test_a_pose_without_odometry_at_its_time_is_an_error_until_one_with_it_is_accepted(broadcaster):
    drive(broadcaster, 1)
    broadcaster.accept(9 * SECOND, np.eye(4))
    drive(broadcaster, 2)
    assert "no odometry on" in broadcaster.health().message
    broadcaster.accept(2 * SECOND, np.eye(4))
    assert broadcaster.health().level == Level.OK
