# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

import os
import re
import sys
import xml.etree.ElementTree as ElementTree
from importlib import metadata
from pathlib import Path

import pytest
from ament_index_python.packages import get_package_share_directory
from rclpy.serialization import deserialize_message, serialize_message

import liploc_ros
from liploc_ros.localization import Status
from liploc_ros.msg import LocalizationStatus, MapInfo, PoseHypothesis, PoseHypothesisArray
from liploc_ros.package_share import share_folder

SOURCE = Path(__file__).resolve().parents[2]

SHARED = [
    "config",
    "demo",
    "launch/localize.launch.py",
    "launch/build_map.launch.py",
    "launch/demo.launch.py",
    "foxglove/localize.json",
    "rviz/localize.rviz",
    "package.xml",
]


def dependencies_in_package_xml() -> set[str]:
    root = ElementTree.parse(SOURCE / "package.xml").getroot()
    return {element.text or "" for element in root if element.tag.endswith("depend")}


@pytest.fixture
def share_by_ament_index(monkeypatch: pytest.MonkeyPatch) -> Path:
    if not os.environ.get("AMENT_PREFIX_PATH"):  # no sourced ROS 2: pip installed the package
        monkeypatch.setenv("AMENT_PREFIX_PATH", sys.prefix)
    return Path(get_package_share_directory("liploc_ros"))


def test_messages_carry_poses_with_score_and_probability() -> None:
    hypothesis = PoseHypothesis(score=0.5, probability=0.25, place_id=7, camera="camera_optical")
    hypothesis.pose.pose.position.x = 3.0
    message = PoseHypothesisArray(child_frame_id="base_link", hypotheses=[hypothesis])
    assert message.hypotheses[0].pose.pose.position.x == 3.0
    assert len(message.hypotheses[0].pose.covariance) == 36


def test_messages_are_equal_after_serialization() -> None:
    message = MapInfo(path="/maps/town", places=120, path_length=118.5)
    assert deserialize_message(serialize_message(message), MapInfo) == message


def test_the_status_constants_of_the_messages_are_those_of_the_library() -> None:
    assert {status.name: getattr(LocalizationStatus, status.name) for status in Status} == Status.__members__


@pytest.mark.parametrize("name", SHARED)
def test_the_ament_index_finds_the_shared(name: str, share_by_ament_index: Path) -> None:
    assert (share_by_ament_index / name).exists()


@pytest.mark.parametrize("name", SHARED)
def test_the_share_folder_is_found_without_ros(name: str) -> None:
    assert (share_folder() / name).exists()


@pytest.mark.parametrize("name", ["localizer", "map_builder", "bag_player", "liploc"])
def test_ros2_run_finds_an_executable(name: str, share_by_ament_index: Path) -> None:
    executable = share_by_ament_index.parents[1] / "lib" / "liploc_ros" / name
    assert executable.stat().st_mode & 0o111


def test_package_xml_declares_every_package_of_the_interfaces() -> None:
    definitions = "\n".join(path.read_text() for folder in ("msg", "srv") for path in (SOURCE / folder).iterdir())
    packages = set(re.findall(r"^(\w+)/\w+", definitions, flags=re.MULTILINE))
    assert dependencies_in_package_xml() >= packages


def test_cmake_builds_every_interface() -> None:
    cmake = (SOURCE / "CMakeLists.txt").read_text()
    for path in [*SOURCE.glob("msg/*.msg"), *SOURCE.glob("srv/*.srv")]:
        assert f"{path.parent.name}/{path.name}" in cmake


def test_the_package_has_py_typed() -> None:
    assert (Path(liploc_ros.__file__).parent / "py.typed").exists()


def test_version_is_the_same_everywhere() -> None:
    in_package_xml = ElementTree.parse(SOURCE / "package.xml").getroot().findtext("version")
    assert liploc_ros.__version__ == in_package_xml == metadata.version("liploc_ros")
