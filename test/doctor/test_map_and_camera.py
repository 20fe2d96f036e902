# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The doctor's checks of a map and of cameras: each finds what was broken."""

import os

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from liploc_ros.cli.main import app
from liploc_ros.doctor import DoctorRequest, Level, examine
from liploc_ros.doctor.map_and_camera import lidar_map as checks
from liploc_ros.mapping.manifest import read_manifest, write_manifest

OK, WARN, ERROR = Level.OK, Level.WARN, Level.ERROR
OPTICAL = [-0.5, 0.5, -0.5, 0.5]
CAMERA = {
    "image_width": 1242,
    "image_height": 375,
    "camera_matrix": {"data": [721.0, 0, 610, 0, 721, 173, 0, 0, 1]},
    "mount": {"translation": [1.0, 0, 1.6], "rotation": OPTICAL},
}


def findings(area, **request):
    report = examine(DoctorRequest(duration=0, **request))
    found = [(check.name, finding) for check, finding in report.findings if check.area == area]
    assert all(finding.remedy for _, finding in found if finding.level is not OK)
    return found


def levels(area, **request):
    return {name: finding.level for name, finding in findings(area, **request)}


def worst(area, **request):
    return max((finding for _, finding in findings(area, **request)), key=lambda finding: finding.level)


@pytest.fixture
def camera_file(tmp_path):
    def write(**changes):
        path = tmp_path / "camera.yaml"
        content = {**CAMERA, **changes}
        path.write_text(yaml.safe_dump({key: value for key, value in content.items() if value is not None}))
        return path

    return write


def test_a_good_map_has_four_good_lines(demo_map_folder):
    assert levels("map", lidar_map=demo_map_folder) == dict.fromkeys(("manifest", "model", "tiles", "poses"), OK)


def test_a_folder_without_a_map_is_one_error(tmp_path):
    assert levels("map", lidar_map=tmp_path) == {"manifest": ERROR}


def test_a_damaged_tile_is_an_error_that_names_the_file(saved_map):
    with (saved_map / "tiles/000000/features.npy").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x55")
    assert levels("map", lidar_map=saved_map)["tiles"] is ERROR
    assert "features.npy" in worst("map", lidar_map=saved_map).message


@pytest.mark.parametrize("change", [{"model_id": "0" * 64}, {"coding": "0" * 64}])
def test_a_map_of_another_model_or_coding_is_an_error(saved_map, change):
    write_manifest(saved_map, read_manifest(saved_map).model_copy(update=change))
    assert levels("map", lidar_map=saved_map)["model"] is ERROR


def test_a_map_whose_path_jumps_is_an_error(saved_map, monkeypatch):
    load = checks.LidarMap.load

    def broken(*arguments, **options):
        lidar_map = load(*arguments, **options)
        lidar_map.T_map_base[5, 0, 0] = 2.0
        return lidar_map

    monkeypatch.setattr(checks.LidarMap, "load", broken)
    assert levels("map", lidar_map=saved_map)["poses"] is ERROR


def test_a_good_camera_is_one_good_line(camera_file):
    ((_, finding),) = findings("camera", cameras=(camera_file(),))
    assert finding.level is OK and "sees 9" in finding.message


def test_a_missing_file_and_a_misspelt_key_are_errors(camera_file, tmp_path):
    assert worst("camera", cameras=(tmp_path / "nothing.yaml",)).level is ERROR
    assert (
        worst("camera", cameras=(camera_file(image_widht=3, image_width=None),)).remedy == "did you mean image_width?"
    )


def test_a_camera_without_a_mount_is_a_warning(camera_file):
    finding = worst("camera", cameras=(camera_file(mount=None),))
    assert finding.level is WARN and "origin of the base frame" in finding.message


def test_a_calibration_of_another_image_size_is_a_warning(camera_file):
    finding = worst("camera", cameras=(camera_file(image_width=621, image_height=188),))
    assert finding.level is WARN and "principal point" in finding.message


def test_a_narrow_camera_is_a_warning_with_its_share_of_the_view(camera_file):
    matrix = {"data": [3000.0, 0, 610, 0, 3000, 173, 0, 0, 1]}
    finding = worst("camera", cameras=(camera_file(camera_matrix=matrix),))
    assert finding.level is WARN and "of the width" in finding.message


def test_a_mount_of_the_body_frame_is_an_error_that_says_so(camera_file):
    finding = worst("camera", cameras=(camera_file(mount={"rotation": [0.0, 0, 0, 1]}),))
    assert finding.level is ERROR and "elevation 90 degrees" in finding.message
    assert "optical frame" in finding.remedy


def test_raw_images_of_the_camera_are_compared_with_the_shared_memory(camera_file, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE", "RMW_IMPLEMENTATION"):
        monkeypatch.delenv(name, raising=False)
    found = [finding for name, finding in findings("installation", cameras=(camera_file(),)) if name == "DDS"]
    assert any(finding.level is WARN and "a raw image has 1.4 MB" in finding.message for finding in found)


def test_the_verb_ends_with_1_after_an_error_and_prints_json(demo_map_folder, camera_file, tmp_path):
    run = CliRunner().invoke(app, ["doctor", "--duration", "0", "--map", str(demo_map_folder)])
    assert run.exit_code == 0, run.output
    assert run.output.rstrip().endswith(" 0 ERROR")
    run = CliRunner().invoke(app, ["doctor", "--duration", "0", "--map", str(tmp_path), "--json"])
    assert run.exit_code == 1
    assert yaml.safe_load(run.output)["level"] == "ERROR"


def test_it_does_not_import_torch():
    import subprocess
    import sys

    code = "import sys, liploc_ros.doctor as d; d.examine(d.DoctorRequest(duration=0)); print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout.strip() == "False"


def test_the_demo_camera_sees_the_view(demo_camera, bundle):
    from liploc_ros.doctor.map_and_camera.camera import view_coverage

    assert view_coverage("camera", demo_camera, bundle).level is OK
    assert np.isfinite(demo_camera.T_base_camera).all()
