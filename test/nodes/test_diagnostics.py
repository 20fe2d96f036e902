# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Diagnostics of docs/nodes.md that no other test triggers."""

import pytest

pytest.importorskip("rclpy")

from nav_msgs.msg import Odometry
from support.ros_bench import IMAGE, INFO, messages_of

from liploc_ros.nodes.common.conversions import header_at, stamp_ns_of
from liploc_ros.nodes.localizer.node import LocalizerNode
from liploc_ros.nodes.map_builder.node import MapBuilderNode

OK, WARN, ERROR = 0, 1, 2


@pytest.fixture
def scan(demo_bag):
    return messages_of(demo_bag, "/points")["/points"][0]


@pytest.fixture
def builder(bench, demo_drive):
    from liploc_ros.datasets.mounts import format_mount

    mount = format_mount(demo_drive.lidar_frame, demo_drive.T_base_lidar)
    settings = {"points_topic": "/points", "odometry_topic": "/odom", "reliability": "reliable"}
    return bench.start(MapBuilderNode, **settings, sensor_mounts=[mount], odometry_timeout=0.1)


def test_a_camera_that_stops_and_returns(bench, settings, image, info):
    bench.start(LocalizerNode, **settings)
    bench.wait_for_health(WARN, [f"no image on {IMAGE} yet", "has no publisher", "set image_topics"])
    bench.publish(INFO, info)
    image.header.stamp = bench.peer.get_clock().now().to_msg()
    bench.publish(IMAGE, image)
    bench.wait_for_health(WARN, [f"no image on {IMAGE} for "])
    image.header.stamp = bench.peer.get_clock().now().to_msg()
    bench.publish(IMAGE, image)
    bench.wait_for_health(OK, ["images arrive"])


def test_a_camera_whose_mount_stays_unknown_is_an_error(bench, settings, image, info):
    bench.start(LocalizerNode, **{**settings, "sensor_mounts": ["other 0 0 0 0 0 0"]}, camera_info_timeout=0.01)
    bench.publish(INFO, info)
    bench.wait(lambda: bench.publish(IMAGE, image) or bench.nodes[1].cameras[0].is_overdue(), "not overdue")
    bench.publish(IMAGE, image)
    bench.wait_for_health(ERROR, [image.header.frame_id, "is not known", "sensor_mounts"])


def test_twenty_images_of_which_none_is_accepted_are_a_warning(bench, settings, image, info):
    node = bench.start(LocalizerNode, **{**settings, "acceptance.min_confidence": 1.0, "tracking.enabled": False})
    bench.publish(INFO, info)
    bench.publish(IMAGE, image)
    camera = node.cameras[0]
    bench.wait(lambda: camera.latest and camera._info, "no image or no CameraInfo")
    for _ in range(20):
        node.localize_image(camera, camera.latest)
    bench.wait_for_health(WARN, ["none of the last 20 images was accepted"])
    bench.wait_for_health(OK, ["map is loaded"])


def test_an_image_on_which_the_program_fails_is_an_error(bench, settings, image, info, monkeypatch):
    node = bench.start(LocalizerNode, **settings)
    monkeypatch.setattr(type(node.engine), "track", lambda *arguments: 1 / 0)
    bench.publish(INFO, info)
    bench.publish(IMAGE, image)
    bench.wait_for_health(ERROR, ["internal error", "ZeroDivisionError"])


def test_odometry_that_does_not_arrive_is_a_warning(bench, settings):
    bench.start(LocalizerNode, **settings, odometry_topic="/odom")
    status = bench.wait_for_health(WARN, ["no odometry on /odom yet", "has no publisher"])
    assert "/localizer/pose" not in status.message  # its own poses are no odometry


def test_odometry_that_is_not_a_pose_is_an_error(bench, settings):
    bench.start(LocalizerNode, **settings, odometry_topic="/odom")
    odometry = Odometry(header=header_at(1, "odom"), child_frame_id="base_link")
    odometry.pose.pose.orientation.w = 0.0
    bench.publish("/odom", odometry)
    bench.wait_for_health(ERROR, ["/odom", "has the norm 0 instead of 1"])


def test_a_scan_without_odometry_is_an_error_until_a_scan_is_used(bench, builder, scan):
    bench.publish("/points", scan)
    bench.wait_for_health(ERROR, ["/points", "no odometry at the time of a scan", "check the topic"])
    for seconds in (-1, 0, 1):
        stamp_ns = stamp_ns_of(scan) + seconds * 10**7
        bench.publish("/odom", Odometry(header=header_at(stamp_ns, "odom"), child_frame_id="base_link"))
    bench.publish("/points", scan)
    bench.wait_for_health(OK, ["1 keyframes"])
    scan.header.stamp.nanosec -= 1
    bench.publish("/points", scan)
    bench.wait_for_health(ERROR, ["late, or a bag is played in a loop"])
