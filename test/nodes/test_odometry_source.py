# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Odometry from the transforms on /tf."""

from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy")

from geometry_msgs.msg import TransformStamped
from support.ros_bench import LATCHED

from liploc_ros.nodes.common.ros_libraries import tf_message_type
from liploc_ros.nodes.inputs.odometry_source import OdometrySource, TfOdometry
from liploc_ros.nodes.map_builder.node import MapBuilderNode


def transform(parent, child, x=0.0, second=0, w=1.0):
    item = TransformStamped(child_frame_id=child)
    item.header.frame_id, item.header.stamp.sec = parent, second
    item.transform.translation.x, item.transform.rotation.w = x, w
    return item


def message(*transforms):
    return SimpleNamespace(transforms=list(transforms))


@pytest.fixture
def received():
    return []


@pytest.fixture
def reader(received):
    reader = TfOdometry("odom", "base_link", received.append)
    reader.add_static(message(transform("base_footprint", "base_link", 0.5), transform("base_link", "camera")))
    return reader


def test_a_transform_that_moves_the_base_frame_is_an_odometry_message(reader, received):
    reader.add(message(transform("/odom", "base_footprint", 3.0, second=7)))
    assert [(m.header.stamp.sec, m.header.frame_id, m.child_frame_id) for m in received] == [(7, "odom", "base_link")]
    assert received[0].pose.pose.position.x == 3.5


def test_other_transforms_are_no_odometry(reader, received):
    reader.add(message(transform("map", "odom"), transform("base_link", "wheel")))
    reader.add(message(transform("odom", "trailer")))
    assert received == []


def test_a_transform_that_is_not_valid_gives_no_odometry(reader, received):
    reader.add(message(transform("odom", "base_footprint", w=0.0)))
    assert received == []
    reader.add(message(transform("odom", "base_footprint", 1.0)))
    assert len(received) == 1


@pytest.mark.parametrize(("topic", "name"), [("/tf", "TFMessage"), ("/car/tf", "TFMessage"), ("/odom_tf", "Odometry")])
def test_a_topic_called_tf_has_transforms(topic, name):
    assert OdometrySource.types_of(topic)[0].endswith(name)


@pytest.mark.skipif(tf_message_type() is not None, reason="tf2_msgs is installed")
def test_transforms_without_tf2_msgs_are_refused_in_one_line(bench):
    with pytest.raises(Exception, match="odometry_topic = /tf needs tf2_msgs, which is not installed: apt install"):
        bench.start(MapBuilderNode, odometry_topic="/tf")


@pytest.mark.skipif(tf_message_type() is None, reason="tf2_msgs comes with a ROS 2 installation only")
def test_poses_of_the_map_builder_can_come_from_transforms(bench):
    node = bench.start(MapBuilderNode, odometry_topic="/tf", odometry_frame="map")
    message_type = tf_message_type()
    bench.publish("/tf_static", message_type(transforms=[transform("base_footprint", "base_link")]), LATCHED)
    for second in range(3):
        bench.publish("/tf", message_type(transforms=[transform("map", "base_footprint", 1.0 * second, second)]))
    bench.wait(lambda: node.collector._newest_odometry_ns == 2_000_000_000, "no odometry from /tf")
