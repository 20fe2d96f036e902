# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The launch files, with launch where it is installed, else with stubs of it."""

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest
import yaml

from liploc_ros.datasets import DatasetError
from liploc_ros.nodes.common import dds_profile
from liploc_ros.package_share import share_folder

REPOSITORY = Path(__file__).resolve().parents[2]
LAUNCH = share_folder() / "launch"
LAUNCH_FILES = [LAUNCH / f"{name}.launch.py" for name in ("build_map", "localize")]
IMAGE, INFO = "/camera_color_left/image_raw/compressed", "/camera_color_left/camera_info"
RVIZ = share_folder() / "rviz" / "localize.rviz"

needs_launch = pytest.mark.skipif(
    importlib.util.find_spec("launch_ros") is None, reason="launch and launch_ros come with a ROS 2 installation only"
)


def describe(path):
    spec = importlib.util.spec_from_file_location("launch_file", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module, module.generate_launch_description()


def started(path, **given):
    """Return the actions that a launch file starts with these arguments."""
    from launch import LaunchContext

    module, description = describe(path)
    context = LaunchContext()
    for argument in description.get_launch_arguments():
        argument.visit(context)
    context.launch_configurations.update(given)
    return module.start(context)


@pytest.fixture
def nodes(monkeypatch):
    """Return what a launch file gives to its nodes; launch itself is not needed."""
    stubs = ["launch", "launch.actions", "launch.event_handlers", "launch.events", "launch.events.process"]
    stubs += ["launch.launch_description_sources", "launch_ros", "launch_ros.actions"]
    stubs += ["launch_ros.parameter_descriptions", "ament_index_python", "ament_index_python.packages"]
    found = {name: MagicMock() for name in stubs}
    for name, stub in found.items():
        monkeypatch.setitem(sys.modules, name, stub)
    found["ament_index_python.packages"].get_package_share_directory.return_value = str(share_folder())
    found["launch_ros.parameter_descriptions"].ParameterValue = lambda value, value_type: value_type(value)

    def nodes_of(name, **given):
        for kind in (found["launch_ros.actions"].Node, nodes_of.process, nodes_of.include):
            kind.reset_mock()
        path = share_folder() / "launch" / f"{name}.launch.py"
        defaults = dict.fromkeys(re.findall(r'DeclareLaunchArgument\(\s*"(\w+)"', path.read_text()), "")
        module, _ = describe(path)
        module.start(SimpleNamespace(launch_configurations={**defaults, "rate": "1.0", **given}))
        return {call.kwargs["name"]: call.kwargs for call in found["launch_ros.actions"].Node.call_args_list}

    nodes_of.process = found["launch.actions"].ExecuteProcess
    nodes_of.include = found["launch.actions"].IncludeLaunchDescription
    return nodes_of


@needs_launch
@pytest.mark.parametrize("path", LAUNCH_FILES, ids=lambda path: path.name)
def test_every_argument_of_a_launch_file_has_a_description(path):
    _, description = describe(path)
    arguments = description.get_launch_arguments()
    assert len(arguments) > 8
    assert [a.name for a in arguments if not a.description or a.description == "no description given"] == []


@needs_launch
@pytest.mark.parametrize("path", LAUNCH_FILES, ids=lambda path: path.name)
def test_a_bag_is_played_and_ends_everything(path, demo_bag):
    from launch.actions import RegisterEventHandler
    from launch_ros.actions import Node

    live, played = started(path, map="/m"), started(path, map="/m", bag=str(demo_bag))
    assert [node.node_executable for node in live if isinstance(node, Node)] == [path_to_executable(path)]
    assert "bag_player" in [node.node_executable for node in played if isinstance(node, Node)]
    assert any(isinstance(action, RegisterEventHandler) for action in played)


@needs_launch
def test_rviz_is_started_on_request():
    from launch_ros.actions import Node

    path = share_folder() / "launch" / "localize.launch.py"
    nodes = [node for node in started(path, rviz="true") if isinstance(node, Node)]
    assert [node.node_executable for node in nodes] == ["localizer", "rviz2"]


@pytest.mark.parametrize("path", LAUNCH_FILES, ids=lambda path: path.name)
def test_a_launch_file_uses_no_argument_that_it_does_not_declare(path):
    text = path.read_text()
    declared = set(re.findall(r'DeclareLaunchArgument\(\s*"(\w+)"', text))
    assert set(re.findall(r'given\["(\w+)"\]', text)) <= declared


@pytest.mark.parametrize("path", LAUNCH_FILES, ids=lambda path: path.name)
def test_a_node_that_fails_lets_the_launch_fail(nodes, path):
    module, _ = describe(path)
    assert module.end(SimpleNamespace(returncode=0), None)  # shuts down
    with pytest.raises(RuntimeError, match="has failed, its last line tells why"):
        module.end(SimpleNamespace(returncode=1), None)


@pytest.mark.parametrize("name", ["localize", "build_map"])
def test_all_nodes_of_a_launch_file_use_the_dds_profile(nodes, monkeypatch, name, demo_bag):
    monkeypatch.setenv("RMW_IMPLEMENTATION", "rmw_cyclonedds_cpp")
    started = nodes(name, bag=str(demo_bag), rviz="true")
    assert {str(node["additional_env"]) for node in started.values()} == {"{}"}
    monkeypatch.setattr(dds_profile, "choose_profile", lambda: dds_profile.DdsProfile("used", {"PROFILE": "file"}))
    started = nodes(name, bag=str(demo_bag), rviz="true")
    assert {str(node["additional_env"]) for node in started.values()} == {str({"PROFILE": "file"})}


def test_a_map_called_like_a_number_or_off_stays_text(nodes, monkeypatch):
    monkeypatch.setattr("liploc_ros.datasets.bag.node_topics.check_bag_topics", lambda bag, topics: None)
    parameters = nodes("localize", map="2011_09_26", bag="off", image_topics="[/a/b]")
    assert parameters["localizer"]["parameters"][1]["map"] == "2011_09_26"
    assert parameters["localizer"]["parameters"][1]["image_topics"] == ["/a/b"]
    assert parameters["bag_player"]["parameters"][0]["bag"] == "off"
    assert nodes("build_map", map="off")["map_builder"]["parameters"][1]["map_path"] == "off"


def test_a_single_topic_or_mount_needs_no_brackets(nodes, demo_bag):
    parameters = nodes("localize", image_topics="/a/b", sensor_mounts="cam 0 0 0 0 0 0")["localizer"]["parameters"][1]
    assert (parameters["image_topics"], parameters["sensor_mounts"]) == (["/a/b"], ["cam 0 0 0 0 0 0"])
    builder = nodes("build_map", sensor_mounts="lidar 0 0 0 0 0 0", bag=str(demo_bag), reliability="best_effort")
    builder = builder["map_builder"]
    assert builder["parameters"][1]["sensor_mounts"] == ["lidar 0 0 0 0 0 0"]
    assert builder["parameters"][1]["reliability"] == "best_effort"


def test_an_argument_that_is_not_given_leaves_the_value_of_the_params_file(nodes):
    assert nodes("localize")["localizer"]["parameters"][1] == {"use_sim_time": False}


def test_arguments_reach_the_nodes(nodes, demo_bag):
    switches = {"autostart": False, "continuous": False, "publish_tf": True, "publish_initialpose": True}
    given = {name: str(value).lower() for name, value in switches.items()}
    started = nodes("localize", bag=str(demo_bag), loop="true", reliability="reliable", **given)
    assert switches.items() <= started["localizer"]["parameters"][1].items()
    assert started["localizer"]["parameters"][1]["reliability"] == "reliable"
    assert started["bag_player"]["parameters"][0]["loop"] is True


def test_the_bag_waits_for_the_images_of_the_localizer(nodes, demo_bag):
    player = nodes("localize", bag=str(demo_bag), image_topics="[camera_color_left/image_raw]")["bag_player"]
    expected = ["camera_color_left/image_raw", "camera_color_left/camera_info"]
    assert player["parameters"][0]["wait_for_topics"] == expected


def test_without_image_topics_the_cameras_of_the_bag_are_used(nodes, demo_bag):
    started = nodes("localize", bag=str(demo_bag))
    parameters = started["localizer"]["parameters"][1]
    assert (parameters["image_topics"], parameters["camera_info_topics"]) == ([IMAGE], [INFO])
    assert started["bag_player"]["parameters"][0]["wait_for_topics"] == [IMAGE, INFO]


def test_the_images_in_the_users_parameters_take_precedence_over_those_of_the_bag(nodes, demo_bag, tmp_path):
    (tmp_path / "mine.yaml").write_text("localizer: {ros__parameters: {image_topics: [/a/image]}}")
    started = nodes("localize", bag=str(demo_bag), params_file=str(tmp_path / "mine.yaml"))
    assert "image_topics" not in started["localizer"]["parameters"][1]


def test_a_topic_that_the_bag_lacks_is_refused_before_anything_starts(nodes, demo_bag):
    with pytest.raises(DatasetError, match=f"has no topic /camera/image_raw for images.*{IMAGE}"):
        nodes("localize", bag=str(demo_bag), image_topics="[/camera/image_raw]")
    with pytest.raises(DatasetError, match=r"no topic /lidar/points for points.*/points"):
        nodes("build_map", bag=str(demo_bag), points_topic="/lidar/points")


def test_the_bag_waits_for_the_odometry_too(nodes, demo_bag):
    started = nodes("localize", bag=str(demo_bag), odometry_topic="/odom", tracking="false")
    assert started["bag_player"]["parameters"][0]["wait_for_topics"] == [IMAGE, INFO, "/odom"]
    parameters = started["localizer"]["parameters"][1]
    assert (parameters["odometry_topic"], parameters["tracking.enabled"]) == ("/odom", False)


def test_the_topics_of_rviz_are_remapped_to_those_of_the_robot(nodes):
    remappings = dict(nodes("localize", rviz="true", namespace="car", image_topics="[/a/image]")["rviz"]["remappings"])
    displays = yaml.safe_load(RVIZ.read_text())["Visualization Manager"]["Displays"]
    assert {d["Topic"]["Value"] for d in displays if "Topic" in d} <= remappings.keys()
    assert remappings["/camera_color_left/image_raw/compressed"] == "/a/image/compressed"
    assert remappings["/localizer/pose"] == "localizer/pose"
    tools = yaml.safe_load(RVIZ.read_text())["Visualization Manager"]["Tools"]
    button = next(tool for tool in tools if tool["Class"].endswith("/SetInitialPose"))
    assert remappings[button["Topic"]["Value"]] == "initialpose"


def test_the_view_shows_the_localizer_of_the_launch(nodes):
    nodes("localize", map="/m", namespace="car", view="true")
    command = nodes.process.call_args.kwargs["cmd"]
    assert command[0].endswith("lib/liploc_ros/liploc")
    assert command[1:] == ["view", "/m", "--live", "--localizer", "/car/localizer", "--wait", "60"]
    nodes("localize", map="/m")
    assert not nodes.process.called
    with pytest.raises(RuntimeError, match="view:=true needs the argument map"):
        nodes("localize", view="true")


def test_the_demo_builds_its_map_once_and_localizes_with_the_odometry_of_its_bag(nodes, tmp_path):
    nodes("demo", map=str(tmp_path), view="true", loop="true", rviz="false")
    assert nodes.process.call_args.kwargs["cmd"][1:3] == ["map", "build"]
    (tmp_path / "manifest.json").touch()
    nodes("demo", map=str(tmp_path), view="true", loop="true", rviz="false")
    assert not nodes.process.called
    arguments = dict(nodes.include.call_args.kwargs["launch_arguments"])
    assert (arguments["map"], arguments["view"], arguments["odometry_topic"]) == (str(tmp_path), "true", "/odom")
    [mount] = yaml.safe_load(arguments["sensor_mounts"])
    assert mount.startswith("camera_color_left_optical ")
    assert arguments.keys() <= set(
        re.findall(r'DeclareLaunchArgument\(\s*"(\w+)"', (LAUNCH / "localize.launch.py").read_text())
    )


def test_rviz_shows_pose_path_hypotheses_markers_images_and_map_in_the_map_frame():
    manager = yaml.safe_load(RVIZ.read_text())["Visualization Manager"]
    assert manager["Global Options"]["Fixed Frame"] == "map"
    shown = {(d["Class"].rpartition("/")[2], d.get("Topic", {}).get("Value", "")) for d in manager["Displays"]}
    assert {
        ("PoseWithCovariance", "/localizer/pose"),
        ("PoseArray", "/localizer/poses"),
        ("MarkerArray", "/localizer/markers"),
        ("MarkerArray", "/localizer/map_markers"),
        ("Path", "/localizer/path"),
        ("Image", "/localizer/matched_view"),
        ("Image", "/camera_color_left/image_raw"),
    } <= shown


def test_the_foxglove_layout_shows_topics_that_the_localizer_publishes():
    layout = (LAUNCH.parent / "foxglove" / "localize.json").read_text()
    shown = set(re.findall(r"/localizer/(\w+)", layout))
    documented = set(re.findall(r"`~/(\w+)`", (REPOSITORY / "docs" / "nodes.md").read_text()))
    assert {"map_markers", "markers", "pose", "path", "matched_view", "hypotheses", "belief"} <= shown <= documented
    panels = json.loads(layout)["configById"]
    assert set(re.findall(r'"(\w+!\w+)"', json.dumps(json.loads(layout)["layout"]))) == panels.keys()


def test_rviz_gets_the_map_that_was_published_before_it_started():
    displays = yaml.safe_load(RVIZ.read_text())["Visualization Manager"]["Displays"]
    durability = {d["Topic"]["Value"]: d["Topic"]["Durability Policy"] for d in displays if "Topic" in d}
    assert durability["/localizer/map_markers"] == "Transient Local"


def path_to_executable(path):
    return {"localize.launch.py": "localizer", "build_map.launch.py": "map_builder"}[path.name]
