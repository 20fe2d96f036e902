# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The doctor's checks of the ROS graph, over DDS with the real nodes; each finds what was broken."""

import copy
import threading
import time

import pytest

pytest.importorskip("rclpy")

from nav_msgs.msg import Odometry
from rosgraph_msgs.msg import Clock
from std_msgs.msg import String
from support.ros_bench import BEST_EFFORT, DOMAIN, IMAGE, INFO, RELIABLE, localizer_settings, messages_of

from liploc_ros.client import Connection
from liploc_ros.doctor import DoctorRequest, Level, examine
from liploc_ros.doctor.checks import CHECKS
from liploc_ros.doctor.graph.shared_memory import own_gid, segment_of_publisher
from liploc_ros.geometry import pose_from_yaw
from liploc_ros.nodes.common.conversions import header_at, pose_to_message
from liploc_ros.nodes.localizer.node import LocalizerNode
from liploc_ros.nodes.map_builder.node import MapBuilderNode

OK, WARN, ERROR = Level.OK, Level.WARN, Level.ERROR
GRAPH = [check for check in CHECKS if check.area == "ROS graph"]
SECOND = 1_000_000_000


@pytest.fixture(scope="module")
def recorded(demo_bag):
    return messages_of(demo_bag, IMAGE, INFO, "/odom")


@pytest.fixture
def settings(demo_map_folder, demo_camera):
    return localizer_settings(demo_map_folder, demo_camera)


@pytest.fixture
def drive(bench, recorded):
    """Publish images, CameraInfo and odometry at 10 Hz; a function can change them. Returns how to start."""
    is_over = threading.Event()
    threads = []

    def start(change=lambda image, info, odometry: None, period=0.1, profile=RELIABLE):
        topics = (IMAGE, type(recorded[IMAGE][0])), (INFO, type(recorded[INFO][0])), ("/odom", Odometry)
        publishers = [bench.peer.create_publisher(kind, topic, profile) for topic, kind in topics]

        def run():
            while not is_over.wait(period):
                messages = [copy.deepcopy(recorded[topic][10]) for topic, _ in topics]
                for message in messages:
                    message.header = header_at(time.time_ns(), message.header.frame_id)
                change(*messages)
                for publisher, message in zip(publishers, messages, strict=True):
                    publisher.publish(message)

        threads.append(threading.Thread(target=run, daemon=True))
        threads[-1].start()

    yield start
    is_over.set()
    for thread in threads:
        thread.join()


def findings(duration=1.5):
    report = examine(DoctorRequest(duration=duration, domain_id=DOMAIN), GRAPH)
    found = [(check.name, finding) for check, finding in report.findings]
    assert all(finding.remedy for _, finding in found if finding.level is not OK), report.lines()
    return found


def has(found, name, level, *words):
    return any(
        check == name
        and finding.level is level
        and all(word in f"{finding.message}: {finding.remedy}" for word in words)
        for check, finding in found
    )


def test_an_empty_graph_is_told_and_no_fault(bench):
    ((name, finding),) = findings()
    assert (name, finding.level) == ("nodes", OK)
    assert "ROS_DOMAIN_ID" in finding.message


def test_nodes_and_inputs_without_a_fault_have_good_lines(bench, settings, drive):
    drive()
    bench.start(LocalizerNode, **settings, odometry_topic="/odom")
    found = findings(duration=2.5)
    bad = [(name, finding) for name, finding in found if finding.level is not OK and name != "diagnostics"]
    assert bad == []
    assert has(found, "nodes", OK, "/localizer (localizer) on ", settings["map"])
    assert has(found, "topics", OK, IMAGE, "sensor_msgs/CompressedImage", "Hz")
    assert has(found, "stamps", OK, IMAGE, "ms old")
    assert has(found, "frames", OK, "'camera_color_left_optical' is at 1.08, -0.25, 0.73 m in 'base_link'")
    assert has(found, "cameras", OK, "1242 x 375 pixels, sees 9")
    assert has(found, "quality of service", OK, "3 topics")
    assert has(found, "diagnostics", OK, "localizer: map: map is loaded")


def test_nodes_without_inputs_are_errors(bench, settings):
    bench.start(LocalizerNode, **settings, use_sim_time=True)
    bench.start(MapBuilderNode)
    found = findings()
    assert has(found, "topics", ERROR, f"{IMAGE} has no publisher", "start the driver")
    assert has(found, "topics", ERROR, "/points has no publisher")
    assert has(found, "clock", ERROR, "/localizer: use_sim_time is set, but /clock has no publisher")
    assert has(found, "diagnostics", WARN, "localizer: camera", "no image on")


def test_a_driver_with_bad_messages_has_an_error_for_each(bench, settings, drive):
    def spoil(image, info, odometry):
        image.header = header_at(time.time_ns() + 30 * SECOND, "roof_camera")
        info.width = 640
        odometry.header.frame_id = ""
        odometry.child_frame_id = "gnss"

    drive(spoil)
    bench.start(LocalizerNode, **settings, odometry_topic="/odom")
    found = findings()
    assert has(found, "stamps", ERROR, IMAGE, "in the future", "synchronize the clocks")
    assert has(found, "stamps", ERROR, f"the stamps of {IMAGE} are", "newer than those of /odom")
    assert has(found, "frames", ERROR, "pose of 'roof_camera' in 'base_link' is not known", "sensor_mounts")
    assert has(found, "frames", WARN, "/odom: header.frame_id is empty")
    assert has(found, "frames", ERROR, "/odom: is of the frame 'gnss'", "nothing connects the two")
    assert has(found, "cameras", WARN, "has the frame 'camera_color_left_optical'", "'roof_camera'")
    assert has(found, "cameras", ERROR, "images of 1242 x 375 pixels, but", "640 x 375")


def test_a_slow_driver_without_stamps_and_frames_and_of_another_quality_of_service(bench, settings, drive):
    def spoil(image, info, odometry):
        image.header = header_at(0, "")
        odometry.header = header_at(time.time_ns() - 400 * 24 * 3600 * SECOND, "odom")

    drive(spoil, period=1.2, profile=BEST_EFFORT)
    bench.start(LocalizerNode, **settings, odometry_topic="/odom", reliability="reliable")
    found = findings(duration=4.0)
    assert has(found, "stamps", ERROR, IMAGE, "stamps are zero")
    assert has(found, "stamps", WARN, "/odom", "400 days old", "use_sim_time")
    assert has(found, "frames", ERROR, IMAGE, "no frame_id")
    assert has(found, "topics", WARN, "/odom: 0.", "at least 5 Hz")
    assert has(found, "topics", WARN, f"{IMAGE}: 0.", "at least 1 Hz")
    assert has(found, "quality of service", ERROR, IMAGE, "reliable is requested", "reliability to auto")


def test_another_type_a_node_that_is_not_configured_and_a_clock_that_nobody_uses(bench, settings):
    with Connection("other", domain_id=DOMAIN) as other:  # in a process, a topic has one type
        other.node.create_publisher(String, "/points", RELIABLE)
        _check_another_type(bench, settings)


def _check_another_type(bench, settings):
    clock = bench.peer.create_publisher(Clock, "/clock", 10)
    bench.peer.create_timer(0.1, lambda: clock.publish(Clock()))
    bench.start(LocalizerNode, **settings, autostart=False)
    bench.start(MapBuilderNode)
    found = findings()
    assert has(found, "topics", ERROR, "/points is published as std_msgs/String, not as sensor_msgs/PointCloud2")
    assert has(found, "nodes", WARN, "/localizer is not configured", "ros2 lifecycle set /localizer configure")
    assert has(found, "clock", WARN, "/clock is published by peer", "does not use it")


def test_drivers_are_checked_before_a_node_of_this_package_runs(bench, drive):
    drive(lambda image, info, odometry: setattr(image, "header", header_at(time.time_ns(), "")))
    found = findings()
    assert has(found, "nodes", OK, "no localizer and no map_builder runs; 3 topics of sensors")
    assert has(found, "frames", ERROR, "messages have no frame_id")


def test_images_without_camera_info_are_an_error(bench, settings, recorded):
    publisher = bench.peer.create_publisher(type(recorded[IMAGE][0]), IMAGE, RELIABLE)
    bench.peer.create_timer(0.1, lambda: publisher.publish(recorded[IMAGE][10]))
    bench.start(LocalizerNode, **settings)
    assert has(findings(), "cameras", ERROR, f"no CameraInfo on {INFO}", "camera_info_topics")


def test_the_segment_of_a_publisher_of_this_computer_is_found(bench):
    publisher = bench.peer.create_publisher(String, "/text", 1)
    bench.wait(lambda: bench.peer.get_publishers_info_by_topic("/text"), "not discovered")
    (info,) = bench.peer.get_publishers_info_by_topic("/text")
    size = segment_of_publisher(info.endpoint_gid, own_gid(bench.peer))
    assert size is None or size > 500_000  # None without shared memory
    other_computer = [*info.endpoint_gid[:2], 1, 2, *info.endpoint_gid[4:]]
    assert segment_of_publisher(other_computer, own_gid(bench.peer)) is None
    assert publisher.topic_name == "/text"
    assert pose_to_message(pose_from_yaw(0, 0, 0, 0)).orientation.w == 1
