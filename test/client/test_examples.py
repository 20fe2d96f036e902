# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The programs in examples/ run as they are, against the nodes in processes of their own, over DDS."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("rclpy")

from support.ros_bench import DOMAIN, IMAGE, run_process

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NODE = "import sys; from liploc_ros.nodes.{}.node import main; sys.exit(main(sys.argv))"

pytestmark = pytest.mark.slow


def start(name, **parameters):
    values = [part for key, value in parameters.items() for part in ("-p", f"{key}:={json.dumps(value)}")]
    return run_process(NODE.format(name), "--ros-args", *values)


def run(example, *arguments):
    environment = {**os.environ, "ROS_DOMAIN_ID": str(DOMAIN)}
    command = [sys.executable, EXAMPLES / example, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)


def output_of(example, *arguments):
    done = run(example, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def processes():
    started = []
    yield started
    for process in started:
        process.terminate()
    for process in started:
        process.communicate(timeout=60)


@pytest.fixture(scope="module")
def localizer(processes, demo_map_folder, demo_bag, demo_camera):
    from liploc_ros.datasets.mounts import format_mount

    mount = format_mount(demo_camera.frame_id, demo_camera.T_base_camera)
    settings = {"map": str(demo_map_folder), "image_topics": [IMAGE], "sensor_mounts": [mount], "use_sim_time": True}
    processes.append(start("localizer", **settings, odometry_topic="/odom"))
    processes.append(start("bag_player", bag=str(demo_bag), loop=True))


def test_localize_once(localizer):
    text = output_of("localize_once.py")
    assert "SUCCESS" in text or "UNKNOWN_PLACE" in text or "AMBIGUOUS" in text
    assert "in 'map'" in text


def test_the_example_of_the_documentation(localizer, tmp_path):
    block = re.search(r"```python\n(.*?)```", (EXAMPLES.parent / "docs" / "client.md").read_text(), flags=re.DOTALL)
    (tmp_path / "example.py").write_text(block[1])
    assert "maps" in output_of(tmp_path / "example.py")


def test_follow_belief(localizer):
    assert "LOCALIZED: x " in output_of("follow_belief.py").splitlines()[-1]


def test_start_near(localizer, demo_map):
    x, y = demo_map.T_map_base[60, :2, 3]
    assert "in the frame 'map'" in output_of("start_near.py", x, y, 200)


def test_change_map(localizer, saved_map):
    text = output_of("change_map.py", saved_map)
    assert "OK    map: map is loaded" in text


def test_change_map_to_a_folder_without_one(localizer, tmp_path):
    done = run("change_map.py", tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("change_map: /localizer: ") and done.stderr.count("\n") == 1


def test_save_map(localizer, processes, demo_drive, tmp_path):
    from liploc_ros.datasets.mounts import format_mount

    mount = format_mount(demo_drive.lidar_frame, demo_drive.T_base_lidar)
    settings = {"points_topic": "/points", "odometry_topic": "/odom", "sensor_mounts": [mount]}
    processes.append(start("map_builder", **settings, lateral_reach=0.0, save_at_shutdown=False))
    text = output_of("save_map.py", tmp_path / "map", 3)
    assert f"{tmp_path / 'map'}: " in text
    assert (tmp_path / "map" / "manifest.json").exists()
