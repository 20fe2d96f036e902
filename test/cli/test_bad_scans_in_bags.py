# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Bad scans in a recording: ``liploc map build`` names and counts them, and makes the map of the others."""

import subprocess
import sys

import numpy as np
import pytest
from support.bag_maker import write_bag

from liploc_ros.datasets.bag import messages
from liploc_ros.geometry import pose_from_yaw

pytestmark = pytest.mark.slow

SECOND = 1_000_000_000
SPEED = 12.0  # m/s; every scan is far enough from the last one
BAD_POINTS = {
    "a scan has no points": np.zeros((0, 4)),
    "all 50 points of a scan are NaN or infinite": np.full((50, 4), np.nan),
    "all 60 points of a scan are NaN or infinite": np.full((60, 4), np.inf),
}


def build(tmp_path, scans, odometry_frames=("odom",)):
    """Run ``liploc map build`` with one scan (N, 4) per second, and odometry in frames that take turns."""
    items = []
    for second in range(len(scans) + 1):
        T, stamp = pose_from_yaw(SPEED * second, 0, 0, 0), second * SECOND + 5
        frame = odometry_frames[second % len(odometry_frames)]
        items.append(("/odom", stamp, messages.odometry(stamp, frame, "base_link", T, np.zeros(6), [1.0] * 12)))
    for second, points in enumerate(scans):
        stamp = second * SECOND + 5
        items.append(("/points", stamp, messages.point_cloud(stamp, "base_link", np.asarray(points, np.float32))))
    bag = write_bag(tmp_path / "bag.mcap", items)
    command = [
        sys.executable,
        "-m",
        "liploc_ros.cli.main",
        "map",
        "build",
        bag,
        tmp_path / "map",
        "--lateral-reach",
        "0",
    ]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize("words", BAD_POINTS)
def test_scans_without_usable_points_are_left_out_and_counted(tmp_path, demo_scan, words):
    run = build(tmp_path, [demo_scan, BAD_POINTS[words], BAD_POINTS[words], demo_scan])
    assert run.returncode == 0, run.stderr
    assert "2 of 4 scans kept" in run.stdout and f"2 unreadable ({words}" in run.stdout


def test_a_recording_of_such_scans_only_is_one_line(tmp_path):
    run = build(tmp_path, list(BAD_POINTS.values()))
    lines = [line for line in run.stderr.splitlines() if line.startswith("liploc:")]
    assert run.returncode == 1 and len(lines) == 1
    assert "no map written: " in lines[0] and "3 unreadable (a scan has no points" in lines[0]


def test_scans_without_reflectance_are_counted(tmp_path, demo_scan):
    run = build(tmp_path, [demo_scan * [1, 1, 1, 0], demo_scan])
    assert run.returncode == 0, run.stderr
    assert "1 of those kept without reflectance" in run.stdout


def test_odometry_in_two_frames_is_left_out_after_the_first_and_counted(tmp_path, demo_scan):
    run = build(tmp_path, [demo_scan] * 3, odometry_frames=("odom", "other"))
    assert "/odom: 2 of 4 left out" in run.stderr
    assert "odometry in the frame 'other', earlier it was in 'odom'" in " ".join(run.stderr.split())
