# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Diagnostics of docs/nodes.md that no other test triggers, and their keys."""

import re
from pathlib import Path

import pytest

pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseArray
from nav_msgs.msg import Odometry
from support.ros_bench import IMAGE, INFO, messages_of

from liploc_ros.localization.tilt import MIN_IMAGES, Tilt
from liploc_ros.nodes.common import ros_libraries
from liploc_ros.nodes.common.conversions import header_at, stamp_ns_of
from liploc_ros.nodes.localizer.node import LocalizerNode
from liploc_ros.nodes.map_builder.node import MapBuilderNode

OK, WARN, ERROR = 0, 1, 2
DOCS = Path(__file__).parents[2] / "docs" / "nodes.md"


class Transforms(PoseArray):
    """Stands in for tf2_msgs/TFMessage, which comes with a ROS 2 installation only. Its transforms are not sent."""

    def __init__(self, *, transforms=()):
        super().__init__()


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
    for _ in range(2):  # the second is overdue
        image.header.stamp.nanosec += 1
        bench.publish(IMAGE, image)
        bench.wait(lambda: bench.nodes[1].cameras[0].is_overdue(), "not overdue")
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
    monkeypatch.setattr(type(node.engine), "track", lambda *arguments, **options: 1 / 0)
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


def test_a_scan_of_a_lidar_whose_mount_is_not_known_is_an_error(bench, scan):
    bench.start(MapBuilderNode, odometry_timeout=0.1)
    for shift in (-1, 1):
        header = header_at(stamp_ns_of(scan) + shift, "odom")
        bench.publish("/odom", Odometry(header=header, child_frame_id="base_link"))
    bench.publish("/points", scan)
    bench.wait_for_health(ERROR, ["/points", "'velo_link' in 'base_link' is not known", "sensor_mounts"])


def test_odometry_of_the_map_builder_of_an_unconnected_frame_is_an_error(bench):
    bench.start(MapBuilderNode, base_frame="base_link")
    bench.publish("/odom", Odometry(header=header_at(1, "odom"), child_frame_id="trailer"))
    bench.wait_for_health(ERROR, ["/odom", "'trailer'", "'base_link'"])


def test_silent_odometry_of_the_map_builder_is_a_warning(bench, scan):
    publisher = bench.peer.create_publisher(type(scan), "/points", 1)
    bench.start(MapBuilderNode)
    timer = bench.peer.create_timer(0.5, lambda: publisher.publish(scan))
    bench.wait_for_health(WARN, ["no odometry on /odom for more than 5 s", "has no publisher"])
    bench.peer.destroy_timer(timer)


def test_a_node_that_is_not_configured_or_not_active_says_so_in_all_its_statuses(bench, settings):
    node = bench.start(LocalizerNode, **settings, autostart=False)
    bench.wait_for_health(OK, ["not configured"])
    node.trigger_configure()
    bench.wait_for_health(OK, ["not active"])
    node.trigger_activate()
    bench.wait_for_health(OK, ["no image yet"])


def test_the_transform_from_map_to_odometry_follows_odometry_and_poses(
    bench, settings, image, info, monkeypatch, recorded
):
    monkeypatch.setattr(ros_libraries, "tf_message_type", lambda: Transforms)
    bench.start(LocalizerNode, **settings, odometry_topic="/odom", publish_tf=True)
    arrays = bench.subscribe(DiagnosticArray, "/diagnostics")

    def wait_for(level, words):
        def found():
            statuses = [s for a in list(arrays[-1:]) for s in a.status if s.name.endswith("map to odometry")]
            return any(s.level == bytes([level]) and words in s.message for s in statuses)

        bench.wait(found, f"no status of level {level} with {words}")

    wait_for(WARN, "no odometry on /odom yet")
    stamp_ns = stamp_ns_of(image)
    bench.publish("/odom", Odometry(header=header_at(stamp_ns - 10**9, "odom"), child_frame_id="base_link"))
    wait_for(OK, "no pose yet")
    bench.publish(INFO, info)
    bench.wait(lambda: bench.publish(IMAGE, image) or bench.nodes[1].outcomes._recent, "no pose")
    wait_for(ERROR, "no odometry on /odom at the time of the image")
    image.header = header_at(stamp_ns - 10**9, image.header.frame_id)
    bench.publish(IMAGE, image)
    wait_for(OK, "transform is broadcast")


def documented_keys(docs):
    """Return the keys in the tables of the documentation, by status."""
    rows = [row for table in re.findall(r"\| status \| keys \|\n.*\n((?:\|.*\n)+)", docs) for row in table.splitlines()]
    cells = [[cell.strip(" `") for cell in row.strip("|").split(" | ")] for row in rows]
    return {status: {key.partition(" [ms]")[0] for key in keys.split("; ")} for status, keys in cells}


def test_the_keys_of_all_statuses_are_documented(bench, settings, image, info, monkeypatch):
    monkeypatch.setattr(ros_libraries, "tf_message_type", lambda: Transforms)
    bench.start(LocalizerNode, **settings, odometry_topic="/odom", publish_tf=True)
    bench.start(MapBuilderNode)
    bench.publish(INFO, info)
    bench.wait(lambda: bench.publish(IMAGE, image) or bench.nodes[1].outcomes._recent, "no result")
    arrays = bench.subscribe(DiagnosticArray, "/diagnostics")
    bench.wait(lambda: len({array.status[0].hardware_id for array in arrays}) == 2, "a node has no diagnostics")
    found = {}
    for status in (status for array in arrays for status in array.status):
        name = status.name.partition(": ")[2]
        keys = {value.key for value in status.values if not re.match(r"(?!latency).* \[ms\]", value.key)}
        found["camera TOPIC" if name.startswith("camera ") else name] = {key.removesuffix(" [ms]") for key in keys}
    assert found == documented_keys(DOCS.read_text())


def test_a_camera_that_looks_lower_than_its_mount_says_is_a_warning(bench, settings, image, info):
    node = bench.start(LocalizerNode, **settings)
    bench.publish(INFO, info)
    bench.publish(IMAGE, image)
    camera = node.cameras[0]
    bench.wait(lambda: camera.mounted_camera, "no mount")
    for _ in range(MIN_IMAGES):
        node.engine.localizer.tilt_of(camera.mounted_camera).add(Tilt(0.03))
    status = bench.wait_for_health(WARN, ["looks 1.7 degrees lower than its mount says", "liploc calibrate-mount"])
    assert {value.key: value.value for value in status.values}["tilt [deg]"].startswith("pitch 1.7, roll 0.0 (")
