# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""``liploc calibrate-mount`` on the demo's drive."""

import re

import numpy as np
import pytest
from typer.testing import CliRunner

from liploc_ros.cli.main import app
from liploc_ros.datasets.mounts import format_mount, parse_mount
from liploc_ros.errors import LiplocError
from liploc_ros.localization.tilt import Tilt, tilted


def calibrate(*arguments):
    return CliRunner().invoke(app, ["calibrate-mount", *map(str, arguments)], catch_exceptions=False).stdout


def test_the_mount_of_a_tilted_camera_is_corrected(saved_map, demo_bag, demo_camera):
    wrong = format_mount(demo_camera.frame_id, tilted(demo_camera, Tilt(np.deg2rad(-1.5))).T_base_camera)
    output = calibrate(saved_map, demo_bag, "--sensor-mount", wrong)
    degrees, images = re.search(r"pitch ([+-][0-9.]+), roll [+-][0-9.]+ degrees from (\d+) images", output).groups()
    assert float(degrees) == pytest.approx(1.5, abs=0.5) and int(images) > 20
    _, corrected = parse_mount(re.search(r'sensor_mounts: \["(.*)"\]', output)[1])
    assert corrected[:3, 2] @ demo_camera.T_base_camera[:3, 2] > np.cos(np.deg2rad(0.5))


def test_a_file_that_is_no_recording_is_refused(saved_map, tmp_path):
    (tmp_path / "notes.md").write_text("no recording")
    with pytest.raises(LiplocError, match=r"notes\.md"):
        calibrate(saved_map, tmp_path / "notes.md")


def test_too_few_accepted_images_are_an_error(saved_map, demo_bag, demo_camera):
    sideways = format_mount(demo_camera.frame_id, np.eye(4))
    with pytest.raises(LiplocError, match=r"the tilt of .* is not known: it takes 10 accepted images"):
        calibrate(saved_map, demo_bag, "--sensor-mount", sideways)
