# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Odometry as a topic of poses, over DDS: the type is that of the publisher."""

import pytest

pytest.importorskip("rclpy")

import rclpy
from geometry_msgs.msg import Point, PoseStamped, PoseWithCovarianceStamped, TransformStamped
from nav_msgs.msg import Odometry
from rclpy.context import Context
from rclpy.node import Node
from support.ros_bench import DOMAIN, RELIABLE, messages_of

from liploc_ros.datasets.mounts import format_mount
from liploc_ros.nodes.common.conversions import header_at
from liploc_ros.nodes.localizer.node import LocalizerNode
from liploc_ros.nodes.map_builder.node import MapBuilderNode

OK, WARN, ERROR = 0, 1, 2
SECOND = 1_000_000_000
TYPES = [Odometry, PoseStamped, PoseWithCovarianceStamped]


def message(message_type, seconds, x):
    """Return a pose at this time, x metres ahead; with a moving frame if the type has one."""
    msg = message_type(header=header_at(int(seconds * SECOND), "world"))
    pose = msg.pose if message_type is PoseStamped else msg.pose.pose
    pose.position, pose.orientation.w = Point(x=float(x)), 1.0
    if message_type is Odometry:
        msg.child_frame_id = "base_link"
    return msg


@pytest.fixture
def other_process():
    """A node that does not share topics with the bench: in a process, a topic has one type."""
    context = Context()
    rclpy.init(context=context, domain_id=DOMAIN)
    node = Node("other", context=context)
    yield node
    node.destroy_node()
    rclpy.shutdown(context=context)


@pytest.fixture
def late_publisher(bench, other_process):
    """Return a function that publishes a message from another process until a condition holds."""

    def publish(msg, condition, failure):
        publisher = other_process.create_publisher(type(msg), "/odom", RELIABLE)
        bench.wait(lambda: publisher.publish(msg) or condition(), failure)
        other_process.destroy_publisher(publisher)

    return publish


@pytest.mark.parametrize("message_type", TYPES)
def test_the_localizer_takes_odometry_of_each_type(bench, settings, message_type):
    bench.publishers["/odom"] = bench.peer.create_publisher(message_type, "/odom", RELIABLE)
    node = bench.start(LocalizerNode, **settings, odometry_topic="/odom")
    odometry = node._resources._odometry
    for second in range(3):
        bench.publish("/odom", message(message_type, 100 + second, 2 * second))
    bench.wait(lambda: odometry.pose_at(102 * SECOND) is not None, "no odometry")
    assert odometry.pose_at(int(100.5 * SECOND))[0, 3] == pytest.approx(1.0)
    status = bench.wait_for_health(OK, ["odometry arrives"])
    assert {item.key: item.value for item in status.values}["odometry frame"] == "world"


@pytest.mark.parametrize("message_type", TYPES)
def test_the_map_builder_takes_poses_of_each_type(bench, demo_bag, demo_drive, message_type):
    scan = messages_of(demo_bag, "/points")["/points"][0]
    bench.publishers["/odom"] = bench.peer.create_publisher(message_type, "/odom", RELIABLE)
    mount = format_mount(demo_drive.lidar_frame, demo_drive.T_base_lidar)
    node = bench.start(MapBuilderNode, sensor_mounts=[mount], reliability="reliable")
    bench.publish("/points", scan)
    seconds = scan.header.stamp.sec + 1e-9 * scan.header.stamp.nanosec
    for number in range(3):
        bench.publish("/odom", message(message_type, seconds - 0.5 + number, 10 * number))
    keyframes = bench.wait(lambda: node.collector.snapshot().keyframes, "no keyframe")
    assert keyframes[0].T_map_base[0, 3] == pytest.approx(5.0, abs=0.01)
    assert node.inputs.base.name == "base_link"


def test_the_subscription_follows_the_type_of_a_later_publisher(bench, late_publisher):
    node = bench.start(MapBuilderNode)
    for second, message_type in enumerate([PoseStamped, Odometry, PoseWithCovarianceStamped], start=1):
        newest = lambda second=second: node.collector.newest_odometry_ns == second * SECOND  # noqa: E731
        late_publisher(message(message_type, second, 0), newest, f"no {message_type.__name__}")


def test_poses_without_a_moving_frame_are_those_of_the_base_frame_with_one_warning(bench, capfd):
    bench.publishers["/odom"] = bench.peer.create_publisher(PoseStamped, "/odom", RELIABLE)
    node = bench.start(MapBuilderNode, base_frame="car")
    for second in (1, 2):
        bench.publish("/odom", message(PoseStamped, second, 0))
    bench.wait(lambda: node.collector.newest_odometry_ns == 2 * SECOND, "no odometry")
    warning = "/odom: messages name no child frame: the poses are taken as those of 'car'"
    assert capfd.readouterr().err.count(warning) == 1


def test_a_pose_that_cannot_be_used_is_an_error_in_each_type(bench, settings):
    bench.publishers["/odom"] = bench.peer.create_publisher(PoseStamped, "/odom", RELIABLE)
    bench.start(LocalizerNode, **settings, odometry_topic="/odom")
    broken = message(PoseStamped, 1, 0)
    broken.pose.orientation.w = 0.0
    bench.publish("/odom", broken)
    bench.wait_for_health(ERROR, ["/odom", "has the norm 0 instead of 1"])


def test_a_topic_of_another_type_is_named_with_the_types_that_can_be_used(bench, settings, other_process):
    bench.start(LocalizerNode, **settings, odometry_topic="/odom")
    other_process.create_publisher(TransformStamped, "/odom", RELIABLE)
    words = ["published as geometry_msgs/TransformStamped, not as nav_msgs/Odometry or geometry_msgs/PoseStamped"]
    bench.wait_for_health(WARN, words)
