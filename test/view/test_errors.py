# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""What `liploc view` says to wrong inputs: one line each."""

import socket
import subprocess
import sys

import pytest
from support.served_view import free_port

from liploc_ros.cli.main import app
from liploc_ros.errors import LiplocError


def error_of(*arguments, environment=None):
    """Return the only line of an error."""
    command = [sys.executable, "-m", "liploc_ros.cli.main", "view", *map(str, arguments), "--no-browser"]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=environment)
    assert run.returncode == 1 and "Traceback" not in run.stderr, run.stderr
    [line] = [line for line in run.stderr.splitlines() if line.startswith("liploc:")]
    return line


@pytest.fixture
def viser():
    return pytest.importorskip("viser", reason="needs viser: pip install 'liploc_ros[view]'")


def test_without_viser_the_line_names_the_extra(demo_map_folder, monkeypatch):
    monkeypatch.setattr("liploc_ros.cli.view.verb.find_spec", lambda name: None)
    with pytest.raises(LiplocError, match=r"needs viser: pip install 'liploc_ros\[view\]'"):
        app(["view", str(demo_map_folder)], standalone_mode=False)


def test_a_map_that_does_not_exist_is_named(viser, tmp_path):
    assert f"{tmp_path / 'nowhere'}: no map here" in error_of(tmp_path / "nowhere", "--port", free_port())


def test_a_port_in_use_is_named(viser, demo_map_folder):
    with socket.socket() as other:
        other.bind(("localhost", 0))
        other.listen()
        port = other.getsockname()[1]
        line = error_of(demo_map_folder, "--host", "127.0.0.1", "--port", port)
    assert line == f"liploc: port {port} is in use: end the other program, or choose another port with --port"


def test_an_address_of_another_machine_is_refused(viser, demo_map_folder):
    assert "give an address of this machine" in error_of(demo_map_folder, "--host", "192.0.2.1")


def test_live_and_a_recording_exclude_each_other(viser, demo_map_folder, demo_bag):
    assert "leave out the recording, or --live" in error_of(demo_map_folder, demo_bag, "--live")


def test_options_of_recordings_need_a_recording(viser, demo_map_folder):
    assert "--image-topic applies to a recording" in error_of(demo_map_folder, "--image-topic", "/a")


def test_a_camera_that_the_recording_lacks_is_refused(viser, demo_map_folder, demo_bag):
    line = error_of(demo_map_folder, demo_bag, "--camera", "rear")
    assert "no images of camera 'rear': choose one of camera_color_left_optical" in line


def test_without_a_localizer_live_ends(viser, demo_map_folder):
    pytest.importorskip("rclpy")
    line = error_of(demo_map_folder, "--live", "--wait", 1)
    assert "no localizer found after 1 s in ROS domain" in line and "start one" in line
