# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Verbs that read recordings: options for what a bag does not tell itself, and refusals before the work."""

import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.bag_maker import write_bag
from typer.testing import CliRunner

from liploc_ros.cli.main import app
from liploc_ros.cli.recording import RecordingOptions
from liploc_ros.datasets import BagOptions, BagTopics
from liploc_ros.datasets.bag.file import BagFile
from liploc_ros.errors import LiplocError
from liploc_ros.mapping import MapError

MOUNT = "velo_link 0.81 -0.31 0.80 0 0 0"
VERBS = [("map", "build"), ("localize",), ("evaluate",), ("calibrate",), ("calibrate-mount",), ("fit-coding",)]


def run(*arguments, home=None):
    command = [sys.executable, "-m", "liploc_ros.cli.main", *map(str, arguments)]
    environment = {**os.environ, **({"HOME": str(home)} if home else {})}
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=240, env=environment)


def refusal(*arguments):
    """Return the error of a verb, which the command line prints on one line."""
    with pytest.raises(LiplocError) as caught:
        CliRunner().invoke(app, [*map(str, arguments)], catch_exceptions=False)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture(scope="module")
def messages(demo_bag):
    """The first two seconds of the demo's drive, without images."""
    with BagFile(demo_bag) as bag:
        found = [(k.topic, k.logged_ns, m) for k, m in bag.messages({"/points", "/odom", "/tf", "/tf_static"})]
    return [item for item in found if item[1] < found[0][1] + 2_500_000_000]


def bag_without(messages, folder, *topics):
    return write_bag(folder / "drive_1.mcap", [item for item in messages if item[0] not in topics])


def test_default_options_are_those_of_the_library():
    assert RecordingOptions().options() == BagOptions()
    assert RecordingOptions().topics() == BagTopics()
    assert RecordingOptions().given() == []


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_that_reads_a_recording_has_all_options(verb):
    text = CliRunner().invoke(app, [*verb, "--help"]).output
    for name in inspect.signature(RecordingOptions).parameters:
        assert f"--{name.replace('_', '-')} " in text


def test_an_option_out_of_range_is_refused(demo_bag, tmp_path):
    assert "max_gap = -1.0" in refusal("map", "build", demo_bag, tmp_path / "map", "--max-odometry-gap", "-1")


def test_options_for_bags_are_refused_for_image_files(demo_map_folder, tmp_path):
    (tmp_path / "image.jpg").touch()
    assert "--base-frame applies to bags" in refusal(
        "localize", demo_map_folder, tmp_path / "image.jpg", "--base-frame", "x"
    )


@pytest.mark.slow
def test_a_map_is_built_with_mounts_and_poses_from_options_and_tf(messages, tmp_path):
    bag = bag_without(messages, tmp_path, "/tf_static", "/odom")
    assert "--sensor-mount 'velo_link x y z" in refusal("map", "build", bag, tmp_path / "map")
    built = run("map", "build", bag, tmp_path / "map", "--sensor-mount", MOUNT, "--keyframe-spacing", 11)
    assert built.returncode == 0, built.stderr
    assert "scans kept" in built.stdout and "closer than 11 m to the last one kept, 0 without a pose" in built.stdout
    assert "poses are those of odom -> base_link on /tf" in built.stderr


def test_no_map_written_is_said_with_the_reason(messages, tmp_path):
    line = refusal("map", "build", bag_without(messages, tmp_path, "/points"), tmp_path / "map")
    assert line.startswith("no map written: ") and "has no topic of type sensor_msgs/PointCloud2" in line


@pytest.mark.parametrize("place", ["file", "/proc/map"])
def test_a_target_that_cannot_be_written_is_refused_before_the_work(messages, tmp_path, place, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr("liploc_ros.datasets.open_drive", lambda *_, **__: pytest.fail("the recording was opened"))
    bag = bag_without(messages, tmp_path)
    assert "choose another folder" in refusal("map", "build", bag, tmp_path / place)


@pytest.mark.parametrize("verb", [("map", "build"), ("localize",), ("evaluate",), ("play",)])
def test_a_ros_1_bag_is_recognized_by(verb, tmp_path, demo_map_folder):
    bag = tmp_path / "drive.bag"
    bag.write_bytes(b"#ROSBAG V2.0\n" + bytes(100))
    arguments = {
        "map": [bag, tmp_path / "map"],
        "localize": [demo_map_folder, bag],
        "evaluate": [bag, "--out", tmp_path / "report"],
        "play": [bag],
    }[verb[0]]
    assert "is a ROS 1 bag, not a rosbag2 recording" in refusal(*verb, *arguments)


@pytest.mark.slow
def test_the_home_folder_is_found_in_every_argument(tmp_path, demo_map_folder):
    (tmp_path / "map").symlink_to(Path(demo_map_folder).absolute())
    assert "intact" in run("map", "verify", "~/map", home=tmp_path).stdout
    shown = run("evaluate", "~/nothing.mcap", "--out=~/x/y", home=tmp_path).stderr
    assert f"{tmp_path}/nothing.mcap: does not exist" in shown


def test_a_map_that_is_not_written_is_an_error_of_maps(tmp_path):
    with pytest.raises(MapError, match=r"no map written: .*does not exist"):
        CliRunner().invoke(
            app, ["map", "build", str(tmp_path / "x.mcap"), str(tmp_path / "map")], catch_exceptions=False
        )
