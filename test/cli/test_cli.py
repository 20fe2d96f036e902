# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The command line as a user runs it: real processes, one line per error."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest

from liploc_ros.datasets import open_drive

pytestmark = pytest.mark.slow


def liploc(*arguments):
    command = [sys.executable, "-m", "liploc_ros.cli.main", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def line_of(run):
    """Return the single line of an error."""
    assert run.returncode == 1
    lines = [line for line in run.stderr.splitlines() if line.startswith("liploc:")]
    assert len(lines) == 1 and "Traceback" not in run.stderr
    return lines[0]


@pytest.fixture(scope="module")
def built(tmp_path_factory, demo_bag):
    out = tmp_path_factory.mktemp("cli") / "map"
    run = liploc("map", "build", demo_bag, out, "--place-spacing", "2")
    assert run.returncode == 0, run.stderr
    return out


def test_a_map_is_built_from_a_bag_and_described(built):
    info = liploc("map", "info", built).stdout
    assert "kitti_0013_excerpt" in info and "every 2 m" in info and "coded, " in info
    assert re.search(r"confidence +min_confidence 0\.\d+; ", info)
    assert "intact" in liploc("map", "verify", built).stdout


def test_the_images_of_a_bag_are_localized_and_printed_as_json(built, demo_bag):
    run = liploc("localize", built, demo_bag, "--json")
    results = [json.loads(line) for line in run.stdout.splitlines()]
    true = [frame.T_map_base for frame in open_drive(demo_bag).images()]
    found = [np.array(result["hypotheses"][0]["T_map_base"]) for result in results]
    errors = [np.linalg.norm((f - t)[:2, 3]) for f, t in zip(found, true, strict=True)]
    assert len(results) == 40 and np.median(errors) < 1.5


@pytest.fixture
def calibration(tmp_path, demo_camera):
    camera = demo_camera.camera
    calibration = tmp_path / "camera.yaml"
    calibration.write_text(
        f"image_width: {camera.width}\nimage_height: {camera.height}\ndistortion_model: plumb_bob\n"
        f"camera_matrix: {{rows: 3, cols: 3, data: {camera.K.ravel().tolist()}}}\n"
        "distortion_coefficients: {rows: 1, cols: 5, data: [0, 0, 0, 0, 0]}\n"
    )
    return calibration


def test_an_image_file_is_localized_with_a_calibration_file(built, tmp_path, demo_jpeg, calibration):
    (tmp_path / "image.jpg").write_bytes(demo_jpeg)
    run = liploc("localize", built, tmp_path / "image.jpg", "--camera", calibration)
    assert run.returncode == 0 and "image.jpg" in run.stdout and "[m]" in run.stdout


def test_a_damaged_image_does_not_stop_the_others(built, tmp_path, demo_jpeg, calibration):
    cut, whole = tmp_path / "cut.jpg", tmp_path / "whole.jpg"
    cut.write_bytes(demo_jpeg[:5000])
    whole.write_bytes(demo_jpeg)
    run = liploc("localize", built, cut, whole, "--camera", calibration, "--json")
    bad, good = map(json.loads, run.stdout.splitlines())
    assert "JPEG is cut off" in bad["error"] and "1 of 2 images" in line_of(run)
    assert good["hypotheses"] and (good["camera"], good["map_frame"]) == ("camera", "map")
    table = liploc("localize", built, cut, whole, "--camera", calibration)
    localized = any(status in table.stdout for status in ("SUCCESS", "AMBIGUOUS"))
    assert "ERROR" in table.stdout and localized and "1 of 2 images" in line_of(table)


def test_a_calibration_file_for_a_bag_is_refused(built, demo_bag, calibration):
    assert "leave out --camera" in line_of(liploc("localize", built, demo_bag, "--camera", calibration))


def test_an_unknown_image_topic_is_refused(built, demo_bag):
    line = line_of(liploc("localize", built, demo_bag, "--image-topic", "/rear/image_raw"))
    assert "has no topic /rear/image_raw" in line


def test_the_help_shows_units():
    assert "[m]" in liploc("map", "build", "--help").stdout
    assert "[Hz]" in liploc("play", "--help").stdout


def test_the_error_of_a_truncated_image_names_the_file(built, tmp_path, demo_jpeg):
    (tmp_path / "cut.jpg").write_bytes(demo_jpeg[:5000])
    assert "cut.jpg: JPEG is cut off" in line_of(liploc("localize", built, tmp_path / "cut.jpg"))


def test_the_error_of_an_image_without_calibration_names_the_option(built, tmp_path, demo_jpeg):
    (tmp_path / "image.jpg").write_bytes(demo_jpeg)
    assert "give --camera" in line_of(liploc("localize", built, tmp_path / "image.jpg"))


def test_the_error_of_a_missing_map_names_the_command_that_builds_one(tmp_path, demo_bag):
    assert "liploc map build" in line_of(liploc("localize", tmp_path / "no_map", demo_bag))


def test_the_error_of_a_missing_recording_names_it(tmp_path):
    assert "nothing.mcap" in line_of(liploc("map", "build", tmp_path / "nothing.mcap", tmp_path / "map"))


def test_the_error_of_a_missing_topic_lists_the_topics_of_the_bag(tmp_path, demo_bag):
    line = line_of(liploc("map", "build", demo_bag, tmp_path / "map", "--points-topic", "/lidar"))
    assert "/lidar" in line and "/points" in line and "/odom" in line


def test_a_negative_spacing_is_refused(tmp_path, demo_bag):
    assert "place_spacing" in line_of(liploc("map", "build", demo_bag, tmp_path / "map", "--place-spacing", "-1"))


def test_training_without_torch_or_drives_is_one_line():
    assert "pip install" in (line := line_of(liploc("train"))) or "--drive" in line
