# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Calibration files of camera_calibration."""

from pathlib import Path

import pytest

from liploc_ros.datasets.camera_file import read_camera_file
from liploc_ros.errors import LiplocError

CALIBRATION = """image_width: 64
image_height: 32
camera_name: front
camera_matrix: {rows: 3, cols: 3, data: [40, 0, 32, 0, 40, 16, 0, 0, 1]}
distortion_model: plumb_bob
distortion_coefficients: {rows: 1, cols: 5, data: [0, 0, 0, 0, 0]}
rectification_matrix: {rows: 3, cols: 3, data: [1, 0, 0, 0, 1, 0, 0, 0, 1]}
projection_matrix: {rows: 3, cols: 4, data: [40, 0, 32, 0, 0, 40, 16, 0, 0, 0, 1, 0]}
"""


def test_a_mount_sets_the_pose_of_the_camera(tmp_path: Path) -> None:
    path = tmp_path / "camera.yaml"
    path.write_text(CALIBRATION + "mount: {translation: [1, 2, 3], rotation: [0, 0, 0, 1]}\n")
    mounted = read_camera_file(path)
    assert mounted.frame_id == "front"
    assert mounted.T_base_camera[:3].tolist() == [[1, 0, 0, 1], [0, 1, 0, 2], [0, 0, 1, 3]]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (CALIBRATION + "mount: {rotation: [0, 0, 0, 0]}", "norm 0 instead of 1"),
        (CALIBRATION + "mount: {rotation: [.inf, 0, 0, 0]}", "mount.rotation.0: "),
        (CALIBRATION + "mount: {translation: [.nan, 0, 0]}", "mount.translation.0: "),
        (CALIBRATION + "mounts: {translation: [0, 0, 0]}", "unknown key mounts: did you mean mount?"),
        (CALIBRATION.replace("[40, 0, 32, 0, 40", "[0, 0, 32, 0, 0"), "intrinsics K"),
        (CALIBRATION.replace("plumb_bob", "thin_prism"), "thin_prism"),
        ("%YAML:1.0\n---\ncamera_matrix: !!opencv-matrix\n", "a file of OpenCV's FileStorage"),
        ("cam0: {camera_model: pinhole, intrinsics: [1, 1, 1, 1]}", "a camera chain of Kalibr"),
        ("", "Input should be a valid dictionary"),
        ("2001-99-99", "not valid YAML"),
    ],
)
def test_an_invalid_calibration_file_is_refused_on_one_line(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "camera.yaml"
    path.write_text(text)
    with pytest.raises(LiplocError) as caught:
        read_camera_file(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["---\n" + CALIBRATION + "---\n", CALIBRATION + "board: {size: 8}\nrms: 0.2\n"])
def test_document_marks_and_extra_keys_are_ignored(tmp_path: Path, text: str) -> None:
    path = tmp_path / "camera.yaml"
    path.write_text(text)
    assert read_camera_file(path).frame_id == "front"


def test_the_home_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "camera.yaml").write_text(CALIBRATION)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read_camera_file(Path("~/camera.yaml")).frame_id == "front"
