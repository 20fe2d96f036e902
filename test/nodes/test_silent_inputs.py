# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Inputs of which nothing arrives or nothing can be used: the log and the exit status tell it. All over DDS."""

import signal
import time

import pytest

pytest.importorskip("rclpy")

from nav_msgs.msg import Odometry
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2
from support.ros_bench import BEST_EFFORT, IMAGE, INFO, LATCHED, RELIABLE, messages_of, run_process

from liploc_ros.datasets.bag.topics import IMAGE_TYPES
from liploc_ros.msg import MapProgress, PoseHypothesisArray
from liploc_ros.nodes.bag_player.node import BagPlayerNode
from liploc_ros.nodes.common.conversions import header_at
from liploc_ros.nodes.common.qos import qos_mismatch
from liploc_ros.nodes.inputs.silence import SilenceLog, why_silent
from liploc_ros.nodes.localizer.node import LocalizerNode
from liploc_ros.nodes.map_builder.node import MapBuilderNode

START = "import sys; from liploc_ros.nodes.{}.node import main; sys.exit(main(sys.argv))"
WARN, ERROR = 1, 2


def start(name, **parameters):
    values = [part for key, value in parameters.items() for part in ("-p", f"{key}:={value}")]
    return run_process(START.format(name), "--ros-args", *values)


def end(process):
    """Stop a process as Ctrl-C does; return its exit status and its log."""
    process.send_signal(signal.SIGINT)
    _, log = process.communicate(timeout=60)
    return process.returncode, log.strip().splitlines()


def wait_for_line(process, words):
    """Return the first line of the log that contains these words."""
    return next((line for line in process.stderr if words in line), "")


def test_a_silent_topic_of_the_map_builder_is_logged_with_the_topic_that_could_be_meant(bench, tmp_path):
    bench.peer.create_publisher(PointCloud2, "/lidar/points", RELIABLE)
    process = start("map_builder", map_path=tmp_path / "map", points_topic="/points")
    line = wait_for_line(process, "no scan on /points")
    assert "/points has no publisher; topics of type sensor_msgs/PointCloud2: /lidar/points" in line
    status, log = end(process)
    assert status == 1
    assert "no map written: 0 of 0 scans on /points kept" in log[-1] and "/lidar/points" in log[-1]
    assert not (tmp_path / "map").exists()


def test_a_builder_that_dropped_all_scans_ends_with_status_1_and_the_reason(bench, tmp_path, demo_bag):
    options = {"points_topic": "/points", "odometry_timeout": 1.0, "reliability": "reliable"}
    process = start("map_builder", map_path=tmp_path / "map", **options)
    scan = messages_of(demo_bag, "/points")["/points"][0]
    for _ in range(10):  # messages to a subscription that was just discovered may be lost
        bench.publish("/odom", Odometry(header=scan.header, child_frame_id="base_link"))
        time.sleep(0.1)
    bench.publish("/points", scan)
    assert "'velo_link' in 'base_link' is not known" in wait_for_line(process, "[WARN]")
    status, log = end(process)
    assert status == 1
    assert "no map written: 0 of 1 scans" in log[-1] and "velo_link x y z" in log[-1]


def test_a_localizer_without_images_ends_with_status_1_and_the_reason(bench, settings):
    bench.peer.create_publisher(Image, "/front/image_raw", RELIABLE)
    mounts = str(settings["sensor_mounts"])
    process = start("localizer", map=settings["map"], image_topics="[/camera/image_raw]", sensor_mounts=mounts)
    assert "/front/image_raw" in wait_for_line(process, "no image on /camera/image_raw")
    time.sleep(1)
    status, log = end(process)
    assert status == 1
    assert "no image was localized: no image on /camera/image_raw" in log[-1] and "/front/image_raw" in log[-1]


def test_a_silent_publisher_a_wrong_type_and_a_mismatch_are_told_apart(bench):
    bench.peer.create_publisher(CompressedImage, "/silent", RELIABLE)
    bench.peer.create_publisher(CameraInfo, "/calibration", RELIABLE)
    bench.peer.create_publisher(Image, "/image", BEST_EFFORT)

    def why(topic):
        return why_silent(bench.peer, topic, IMAGE_TYPES, qos_mismatch(bench.peer, topic, RELIABLE))

    bench.wait(lambda: "/silent has the publisher peer" in why("/silent"), why("/silent"))
    assert "give the camera driver a shared-memory segment larger than an image" in why("/silent")
    assert "published as sensor_msgs/CameraInfo, not as sensor_msgs/Image or" in why("/calibration")
    assert "quality of service of peer" in why("/image")
    assert why("/imag").endswith("topics of type sensor_msgs/Image or sensor_msgs/CompressedImage: /image, /silent")


def test_silence_is_logged_once_and_its_end_too():
    lines = []

    class Logger:
        info = warning = lines.append

    log = SilenceLog(Logger(), "scan", started_at=0.0)
    for received_at, now in [(0, 4), (0, 6), (0, 7), (8, 8), (8, 9), (8, 14)]:
        log.update(received_at, now, "/points", lambda: "it has no publisher")
    silent = "no scan on /points for 5 s: it has no publisher"
    assert lines == [silent, "/points is received again", silent]


@pytest.mark.parametrize("profile", [LATCHED, RELIABLE, BEST_EFFORT], ids=["latched", "reliable", "best effort"])
def test_a_calibration_is_heard_from_every_kind_of_publisher(bench, settings, image, info, profile):
    received = bench.subscribe(PoseHypothesisArray, "/localizer/hypotheses")
    if profile is LATCHED:  # once, before the localizer starts
        bench.peer.create_publisher(CameraInfo, INFO, profile).publish(info)
    bench.start(LocalizerNode, **settings)
    if profile is not LATCHED:
        bench.publish(INFO, info, profile)
    bench.wait(lambda: bench.publish(IMAGE, image) or any(a.hypotheses for a in received), "no hypotheses")


def test_a_message_that_cannot_be_deserialized_is_reported_and_the_node_continues(bench, settings, tmp_path):
    progress = bench.subscribe(MapProgress, "/map_builder/progress")
    bench.start(MapBuilderNode, map_path=str(tmp_path / "map"))
    publisher = bench.peer.create_publisher(PointCloud2, "/points", RELIABLE)
    bench.wait(publisher.get_subscription_count, "no subscriber")
    publisher.publish(b"\x00\x01\x00\x00" + b"\xff" * 40)
    bench.wait_for_health(ERROR, ["/points", "cannot be deserialized", "check its publisher"])
    bench.publish("/points", PointCloud2())
    bench.wait(lambda: progress[-1].scans_received == 1, "the next message is not received")


def test_a_callback_that_fails_is_reported_and_the_node_continues(bench, monkeypatch):
    node = bench.start(MapBuilderNode)
    monkeypatch.setattr(node.collector, "add_odometry", lambda stamp, pose: 1 / 0)
    for _ in range(2):
        bench.publish("/odom", Odometry(header=header_at(1, "odom"), child_frame_id="base_link"))
    bench.wait_for_health(ERROR, ["/odom", "internal error", "ZeroDivisionError"])
    assert bench.thread.is_alive()


def test_the_player_names_similar_topics_of_one_that_the_bag_lacks(bench, demo_bag, capfd):
    bench.start(BagPlayerNode, bag=str(demo_bag), wait_for_topics=["/camera/camera_info"])
    assert f"has no topic /camera/camera_info; similar ones: {INFO}" in capfd.readouterr().err


def test_a_home_folder_in_a_path_is_found_by_all_nodes(bench, settings, monkeypatch, demo_map_folder, tmp_path):
    monkeypatch.setenv("HOME", str(demo_map_folder.parent))
    node = bench.start(LocalizerNode, **{**settings, "map": f"~/{demo_map_folder.name}"})
    assert node.engine.lidar_map.path == demo_map_folder
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "letter.txt").touch()
    with pytest.raises(Exception, match=f"{tmp_path}: exists and has no manifest"):
        bench.start(MapBuilderNode, map_path="~")
