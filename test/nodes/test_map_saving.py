# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The map builder node: autosave, pause, and saves that fail."""

import shutil
import signal
import threading

import pytest

pytest.importorskip("rclpy")

from std_srvs.srv import Trigger
from support.file_systems import read_only, small_disk, unmount
from support.ros_bench import messages_of, run_process

from liploc_ros.datasets.mounts import format_mount
from liploc_ros.mapping import LidarMap
from liploc_ros.mapping.manifest import read_manifest
from liploc_ros.msg import MapProgress
from liploc_ros.nodes.common.conversions import stamp_ns_of
from liploc_ros.nodes.map_builder import saver
from liploc_ros.nodes.map_builder.node import MapBuilderNode
from liploc_ros.nodes.map_builder.statuses import saving_health
from liploc_ros.srv import SaveMap

OK, WARN, ERROR = 0, 1, 2
POINTS, ODOMETRY = "/points", "/odom"
SECOND = 1_000_000_000
START_NODE = "import sys; from liploc_ros.nodes.map_builder.node import main; sys.exit(main(sys.argv))"


@pytest.fixture(scope="module")
def recorded(demo_bag):
    """The first four scans, and the odometry around them, in the order of their stamps."""
    found = messages_of(demo_bag, POINTS, ODOMETRY)
    scans = found[POINTS][:4]
    odometry = [msg for msg in found[ODOMETRY] if stamp_ns_of(msg) < stamp_ns_of(scans[-1]) + SECOND]
    both = [(POINTS, msg) for msg in scans] + [(ODOMETRY, msg) for msg in odometry]
    return sorted(both, key=lambda item: stamp_ns_of(item[1]))


@pytest.fixture
def settings(demo_drive, tmp_path):
    return {
        "map_path": str(tmp_path / "disk" / "map"),
        "points_topic": POINTS,
        "odometry_topic": ODOMETRY,
        "sensor_mounts": [format_mount(demo_drive.lidar_frame, demo_drive.T_base_lidar)],
        "reliability": "reliable",
        "queue": 100,
        "index_size": 4096,  # no compression is trained, which is fast
        "lateral_reach": 0.0,
    }


@pytest.fixture
def drive(bench, recorded):
    """Publishes scans and odometry up to a number of scans, and waits until the node has received them."""
    progress = bench.subscribe(MapProgress, "/map_builder/progress")
    messages = iter(recorded)
    sent = [0]

    def publish(scans):
        for topic, message in messages:
            bench.publish(topic, message)
            sent[0] += topic == POINTS
            if sent[0] == scans:
                break
        bench.wait(lambda: progress and progress[-1].scans_received == scans, "scans are missing")
        return progress

    return publish


def keyframes_of(path):
    try:
        return read_manifest(path).keyframes
    except Exception:
        return 0


def save(bench, path="", seconds=30):
    return bench.call(SaveMap, "/map_builder/save_map", SaveMap.Request(path=str(path)), seconds)


def test_the_map_is_saved_in_the_background_every_few_keyframes(bench, settings, drive):
    node = bench.start(MapBuilderNode, **settings, autosave_keyframes=2)
    drive(4)
    bench.wait(lambda: keyframes_of(settings["map_path"]) >= 2, "no autosave", 30)
    bench.wait_for_health(OK, ["autosaved", settings["map_path"]])
    values = saving_health(node.saver, 2).values
    assert values["autosave"] == "every 2 keyframes" and "took" in values["last save"]


def test_scans_are_received_while_the_map_is_saved(bench, settings, drive, monkeypatch):
    goes_on, build = threading.Event(), saver.build_map_from_keyframes

    def slow_build(*arguments, **named):
        assert goes_on.wait(30)
        return build(*arguments, **named)

    monkeypatch.setattr(saver, "build_map_from_keyframes", slow_build)
    bench.start(MapBuilderNode, **settings, autosave_keyframes=1)
    progress = drive(2)
    bench.wait(lambda: progress[-1].saving, "no autosave")
    assert drive(4)[-1].saving
    goes_on.set()
    bench.wait(lambda: keyframes_of(settings["map_path"]), "no map", 30)


def test_a_save_replaces_an_autosave_of_fewer_scans(bench, settings, drive, monkeypatch):
    started, build = threading.Event(), saver.build_map_from_keyframes

    def slow_build(*arguments, on_place, **named):
        started.set()
        return build(*arguments, on_place=lambda *done: threading.Event().wait(0.05) or on_place(*done), **named)

    monkeypatch.setattr(saver, "build_map_from_keyframes", slow_build)
    bench.start(MapBuilderNode, **settings, autosave_keyframes=2)
    drive(3)
    assert started.wait(10)
    drive(4)
    response = save(bench)
    assert response.success and " 4 of 4 scans" in response.message
    assert keyframes_of(settings["map_path"]) == 4


def test_a_save_without_new_scans_writes_nothing(bench, settings, drive):
    bench.start(MapBuilderNode, **settings)
    drive(2)
    first, second = save(bench), save(bench)
    assert second.success and "up to date" in second.message and second.places == first.places
    shutil.rmtree(settings["map_path"])
    assert "up to date" not in save(bench).message
    assert keyframes_of(settings["map_path"]) == 2


def test_two_saves_at_a_time_follow_each_other(bench, settings, drive):
    node = bench.start(MapBuilderNode, **settings)
    drive(2)
    other = threading.Thread(target=node.save)
    other.start()
    assert save(bench).success
    other.join()
    assert keyframes_of(settings["map_path"]) == 2


def test_scans_of_a_pause_are_counted_and_not_used(bench, settings, drive):
    bench.start(MapBuilderNode, **settings)
    drive(2)
    answers = [bench.call(Trigger, "/map_builder/pause", Trigger.Request()) for _ in range(2)]
    assert all(answer.success for answer in answers) and answers[1].message == "already paused"
    progress = drive(3)
    assert progress[-1].paused and progress[-1].scans_paused == 1
    bench.wait_for_health(WARN, ["paused, 1 scans were not used"])
    assert save(bench).success and keyframes_of(settings["map_path"]) == 2
    answers = [bench.call(Trigger, "/map_builder/resume", Trigger.Request()) for _ in range(2)]
    assert "1 scans were not used" in answers[0].message and "not paused" in answers[1].message
    progress = drive(4)
    bench.wait(lambda: progress[-1].keyframes == 3 and not progress[-1].paused, "scans are not used again")


def test_a_full_disk_is_an_error_until_a_save_works_again(bench, settings, drive, tmp_path):
    with small_disk(tmp_path / "disk", 40_000) as disk:
        bench.start(MapBuilderNode, **settings)
        drive(2)
        assert save(bench).success
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(shutil.disk_usage(disk).free - 50_000))
        drive(4)
        response = save(bench)
        assert not response.success and "No space left on device" in response.message
        bench.wait_for_health(ERROR, ["No space left on device", "free space"])
        assert LidarMap.load(settings["map_path"]).manifest.keyframes == 2
        ballast.unlink()
        response = save(bench, tmp_path / "elsewhere")
        assert response.success, response.message
        bench.wait_for_health(OK, ["saved", "elsewhere"])


def test_a_read_only_folder_leaves_the_last_map(bench, settings, drive, tmp_path):
    bench.start(MapBuilderNode, **settings, autosave_keyframes=1, save_at_shutdown=False)
    drive(2)
    bench.wait(lambda: keyframes_of(settings["map_path"]), "no autosave", 30)
    save(bench)
    with read_only(tmp_path / "disk"):
        drive(4)
        bench.wait_for_health(ERROR, ["Read-only file system"])
        assert LidarMap.load(settings["map_path"]).manifest.keyframes == 2


def test_a_mount_that_vanishes_is_named_and_nothing_is_written_below_it(bench, settings, drive, tmp_path):
    with small_disk(tmp_path / "disk", 50_000) as disk:
        bench.start(MapBuilderNode, **settings)
        drive(2)
        unmount(disk)
        response = save(bench)
        assert not response.success and f"{disk} is not mounted any more" in response.message
        bench.wait_for_health(ERROR, ["is not mounted any more"])
        assert not (disk / "map").exists()


def test_a_folder_that_was_removed_is_created_again(bench, settings, drive, tmp_path):
    (tmp_path / "disk").mkdir()
    bench.start(MapBuilderNode, **settings)
    drive(2)
    shutil.rmtree(tmp_path / "disk")
    assert save(bench).success and keyframes_of(settings["map_path"]) == 2


def test_ctrl_c_during_a_save_finishes_it(bench, settings, drive, bundle):
    values = [part for name, value in settings.items() for part in ("-p", f"{name}:={value}")]
    process = run_process(START_NODE, "--ros-args", *values, "-p", "autosave_keyframes:=1")
    progress = drive(4)
    bench.wait(lambda: progress[-1].saving, "no autosave", 20)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert LidarMap.load(settings["map_path"], bundle).manifest.keyframes == 4
