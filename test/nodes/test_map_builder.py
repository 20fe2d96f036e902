# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The map builder node and its scan collector."""

import signal
import time

import numpy as np
import pytest

pytest.importorskip("rclpy")

from nav_msgs.msg import Path as PathMsg
from sensor_msgs.msg import PointField
from support.ros_bench import BEST_EFFORT, LATCHED, messages_of, run_process

from liploc_ros.datasets.mounts import format_mount
from liploc_ros.errors import LiplocError
from liploc_ros.geometry import pose_from_yaw
from liploc_ros.mapping import LidarMap
from liploc_ros.mapping.places import path_distance
from liploc_ros.msg import MapProgress
from liploc_ros.nodes.common.conversions import stamp_ns_of
from liploc_ros.nodes.common.mounts import MountError
from liploc_ros.nodes.map_builder.node import MapBuilderNode
from liploc_ros.nodes.map_builder.scan_collector import ScanCollector
from liploc_ros.srv import SaveMap

WARN, ERROR = 1, 2
POINTS, ODOMETRY = "/points", "/odom"
SECOND = 1_000_000_000
START_NODE = "import sys; from liploc_ros.nodes.map_builder.node import main; sys.exit(main(sys.argv))"
DIE_WHILE_SAVING = """
import os, signal
from liploc_ros.mapping import lidar_map
lidar_map.write_manifest = lambda folder, manifest: os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def recorded(demo_bag):
    """The first three scans, and the odometry around them."""
    found = messages_of(demo_bag, POINTS, ODOMETRY)
    scans = found[POINTS][:3]
    return scans, [msg for msg in found[ODOMETRY] if stamp_ns_of(msg) < stamp_ns_of(scans[-1]) + SECOND]


@pytest.fixture
def settings(demo_drive, tmp_path):
    return {
        "map_path": str(tmp_path / "map"),
        "points_topic": POINTS,
        "odometry_topic": ODOMETRY,
        "sensor_mounts": [format_mount(demo_drive.lidar_frame, demo_drive.T_base_lidar)],
        "reliability": "reliable",
        "queue": 100,
        "index_size": 4096,  # no compression is trained, which is fast
    }


@pytest.fixture
def ros_arguments(settings):
    values = [f"{name}:={value}" for name, value in settings.items()]
    return ["--ros-args", *(part for value in values for part in ("-p", value))]


@pytest.fixture
def drops():
    return []


@pytest.fixture
def collector(drops):
    return ScanCollector(5.0, 0.05, lambda key, reason: drops.append(reason))


def one_point():
    return np.array([[5, 0, 0, 0.5]], np.float32)


def drive(bench, recorded):
    """Publish scans and odometry in the order of their stamps."""
    scans, odometry = recorded
    for message in sorted([*scans, *odometry], key=stamp_ns_of):
        bench.publish(POINTS if message in scans else ODOMETRY, message)


def test_a_scan_between_two_poses_gets_the_pose_between_them(collector):
    collector.add_odometry(0, pose_from_yaw(0, 0, 0, 0))
    assert collector.add_scan(50_000_000, lambda: np.eye(4), one_point) == 0
    assert collector.add_odometry(100_000_000, pose_from_yaw(2, 0, 0, 0)) == 1
    assert collector.snapshot().keyframes[0].T_map_base[0, 3] == pytest.approx(1.0)


@pytest.mark.parametrize("scan_after", [0, 1, 2])
def test_a_scan_before_the_first_pose_is_extrapolated_whatever_arrives_first(collector, scan_after):
    odometry = [(100_000_000, pose_from_yaw(1, 0, 0, 0)), (200_000_000, pose_from_yaw(2, 0, 0, 0))]
    for number in range(3):
        if number == scan_after:
            collector.add_scan(50_000_000, lambda: np.eye(4), one_point)
        if number < 2:
            collector.add_odometry(*odometry[number])
    assert collector.snapshot().keyframes[0].T_map_base[0, 3] == pytest.approx(0.5)


def test_a_scan_without_odometry_is_dropped_after_a_while(collector, drops):
    collector.add_scan(SECOND, lambda: np.eye(4), one_point)
    time.sleep(0.06)
    collector.process_waiting()
    assert collector.dropped == 1
    assert "no odometry at the time of a scan" in drops[0]


def test_scans_of_a_bag_played_again_are_late(collector, drops):
    for _ in range(2):
        for seconds in range(3):
            collector.add_odometry(seconds * SECOND, pose_from_yaw(10.0 * seconds, 0, 0, 0))
            collector.add_scan(seconds * SECOND, lambda: np.eye(4), one_point)
    assert len(collector.snapshot().keyframes) == 3
    assert "played in a loop" in drops[0]


def test_a_scan_of_a_lidar_without_mount_is_dropped_after_a_while(collector, drops):
    def unknown():
        raise MountError("where is it?")

    collector.add_odometry(0, np.eye(4))
    collector.add_scan(0, unknown, one_point)
    assert drops == []
    time.sleep(0.06)
    collector.process_waiting()
    assert drops == ["where is it?"]


def test_the_path_between_scans_is_kept_up_to_the_last_scan(collector):
    for tenths in range(20):
        collector.add_odometry(tenths * SECOND // 10, pose_from_yaw(float(tenths), 0, 0, 0))
    collector.add_scan(SECOND, lambda: np.eye(4), one_point)
    assert [T[0, 3] for T in collector.snapshot().path] == list(range(11))


def test_the_path_length_is_updated_with_each_scan(collector):
    for second in range(10):
        collector.add_odometry(second * SECOND, pose_from_yaw(float(second), second % 3, 0, 0))
        collector.add_scan(second * SECOND, lambda: np.eye(4), one_point)
    collected = collector.snapshot()
    assert collector.path_length == pytest.approx(path_distance(np.stack(collected.path))[-1])
    assert collector.keyframes == len(collected.keyframes) > 1


def test_a_folder_with_other_content_is_refused_as_map_path(bench, settings, tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(LiplocError, match="choose another folder"):
        bench.start(MapBuilderNode, **{**settings, "map_path": str(tmp_path)})
    node = bench.start(MapBuilderNode, **settings)
    with pytest.raises(LiplocError, match="choose another folder"):
        node.save(str(tmp_path))


def test_scans_and_odometry_become_a_map_on_request(bench, settings, recorded, bundle):
    paths = bench.subscribe(PathMsg, "/map_builder/path", LATCHED)
    progress = bench.subscribe(MapProgress, "/map_builder/progress")
    bench.start(MapBuilderNode, **settings)
    drive(bench, recorded)
    bench.wait(lambda: progress and progress[-1].keyframes == 3, "scans are missing")
    response = bench.call(SaveMap, "/map_builder/save_map", SaveMap.Request(), seconds=30)
    assert (response.success, response.path) == (True, settings["map_path"])
    lidar_map = LidarMap.load(settings["map_path"], bundle)
    assert (lidar_map.manifest.keyframes, lidar_map.manifest.places) == (3, response.places)
    assert (lidar_map.manifest.map_frame, lidar_map.manifest.base_frame) == ("map", "base_link")
    bench.wait(lambda: paths and len(paths[-1].poses) == 3, "the path is not shown")


def test_saving_without_scans_reports_what_is_missing(bench, settings):
    bench.start(MapBuilderNode, **settings)
    response = bench.call(SaveMap, "/map_builder/save_map", SaveMap.Request())
    assert not response.success
    assert POINTS in response.message


def test_points_without_x_y_z_are_reported_by_topic_and_fields(bench, settings, recorded):
    bench.start(MapBuilderNode, **settings)
    scan = recorded[0][0]
    renamed = type(scan)(header=scan.header, height=1, width=1, point_step=16, row_step=16, data=bytes(16))
    renamed.fields = [PointField(name=name, offset=4 * i, datatype=7, count=1) for i, name in enumerate("abcd")]
    bench.publish(POINTS, renamed)
    bench.wait_for_health(ERROR, [POINTS, "a, b, c, d"])


def test_a_publisher_of_another_quality_of_service_is_reported(bench, settings, recorded):
    bench.start(MapBuilderNode, **settings)
    bench.peer.create_publisher(type(recorded[0][0]), POINTS, BEST_EFFORT)
    bench.wait_for_health(ERROR, [POINTS, "peer", "does not match"])


def test_silence_is_a_warning(bench, settings):
    bench.start(MapBuilderNode, **settings)
    bench.wait_for_health(WARN, ["no scan on", POINTS])


def test_an_unknown_parameter_in_a_yaml_is_refused_by_name(bench, tmp_path):
    yaml = tmp_path / "parameters.yaml"
    yaml.write_text("map_builder:\n  ros__parameters:\n    keyframes_spacing: 5.0\n")
    with pytest.raises(LiplocError, match=r"keyframes_spacing .* did you mean keyframe_spacing\?"):
        bench.start(MapBuilderNode, yaml=yaml)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_builder_that_is_stopped_writes_its_map_first(bench, settings, ros_arguments, recorded, bundle, number):
    progress = bench.subscribe(MapProgress, "/map_builder/progress")
    process = run_process(START_NODE, *ros_arguments)
    drive(bench, recorded)
    bench.wait(lambda: progress and progress[-1].keyframes == 3, "scans are missing")
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert LidarMap.load(settings["map_path"], bundle).manifest.keyframes == 3


def test_a_builder_that_is_killed_while_saving_leaves_the_old_map_complete(
    bench, settings, saved_map, recorded, bundle
):
    before = LidarMap.load(saved_map, bundle).id
    settings["map_path"] = str(saved_map)
    values = [part for name, value in settings.items() for part in ("-p", f"{name}:={value}")]
    progress = bench.subscribe(MapProgress, "/map_builder/progress")
    process = run_process(DIE_WHILE_SAVING + START_NODE, "--ros-args", *values)
    drive(bench, recorded)
    bench.wait(lambda: progress and progress[-1].keyframes == 3, "scans are missing")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert LidarMap.load(saved_map, bundle).id == before
