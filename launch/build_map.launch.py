# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

r"""Build a map from points and odometry, live or from a bag. It is written at the end, or on ~/save_map.

ros2 launch liploc_ros build_map.launch.py map:=/path/to/map bag:=/path/to/bag.mcap \
    points_topic:=/points odometry_topic:=/odom
"""

from pathlib import Path, PurePosixPath
from typing import Any

import yaml
from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, LogInfo, OpaqueFunction, RegisterEventHandler, Shutdown
from launch.event_handlers import OnProcessExit
from launch.events.process import ProcessExited
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from liploc_ros.nodes.common.dds_profile import choose_profile

SHARE = Path(get_package_share_directory("liploc_ros"))
BOOLEANS = ["true", "false"]
# The other arguments stay strings: a map may be called 2011_09_26, or off.
LIST_ARGUMENTS = ("sensor_mounts",)
SAVE_TIMEOUT = "600"  # s; writing a map takes longer than the 5 s after which `ros2 launch` kills a process
# Parameter: argument. An argument overrides the params_file, unless it is empty.
PARAMETER_ARGUMENTS = {
    "map_path": "map",
    "model": "model",
    "points_topic": "points_topic",
    "odometry_topic": "odometry_topic",
    "reliability": "reliability",
    "sensor_mounts": "sensor_mounts",
}


def generate_launch_description() -> LaunchDescription:
    arguments = [
        DeclareLaunchArgument("map", default_value="", description="Folder to write the map to."),
        DeclareLaunchArgument("bag", default_value="", description="Bag to play, with its clock; empty: live topics."),
        DeclareLaunchArgument(
            "points_topic", default_value="", description="Points of the LiDAR; empty: from params_file."
        ),
        DeclareLaunchArgument(
            "odometry_topic", default_value="", description="Odometry of the vehicle; empty: from params_file."
        ),
        DeclareLaunchArgument(
            "reliability",
            default_value="",
            description="Of both subscriptions; empty: from params_file.",
        ),
        DeclareLaunchArgument(
            "sensor_mounts",
            default_value="",
            description="Pose of the LiDAR, such as ['lidar x y z qx qy qz qw']; empty: from /tf_static.",
        ),
        DeclareLaunchArgument(
            "model", default_value="", description="Folder of the model bundle; empty: the default one."
        ),
        DeclareLaunchArgument(
            "params_file",
            default_value=str(SHARE / "config" / "map_builder.yaml"),
            description="YAML file with the parameters of the map builder.",
        ),
        DeclareLaunchArgument("namespace", default_value="", description="Namespace of the nodes."),
        DeclareLaunchArgument(
            "use_sim_time",
            default_value="auto",
            choices=["auto", *BOOLEANS],
            description="Follow /clock; auto: when a bag is played.",
        ),
        DeclareLaunchArgument(
            "log_level",
            default_value="info",
            choices=["debug", "info", "warn", "error", "fatal"],
            description="Minimum level of log lines.",
        ),
        DeclareLaunchArgument("rate", default_value="1.0", description="Speed of the bag relative to the recording."),
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=start)])


def check_topics(given: dict[str, str]) -> None:
    """Check that the bag has the given topics: a map needs both."""
    from liploc_ros.datasets.bag.node_topics import check_bag_topics

    names = {
        kind: topic if topic.startswith("/") else str(PurePosixPath("/", given["namespace"], topic))
        for kind, topic in (("points", given["points_topic"]), ("odometry", given["odometry_topic"]))
        if topic
    }
    check_bag_topics(given["bag"], **names)


def end(event: ProcessExited, context: LaunchContext) -> LaunchDescriptionEntity:
    """Stop everything when the map builder has ended; if it has failed, so has the launch."""
    if event.returncode:
        raise RuntimeError("the map builder has failed, its last line tells why")
    return Shutdown(reason="the map builder has ended")


def start(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Return the nodes to start."""
    given = context.launch_configurations
    has_bag = bool(given["bag"])
    use_sim_time = has_bag if given["use_sim_time"] == "auto" else given["use_sim_time"] == "true"
    dds = choose_profile()
    common = {
        "additional_env": dict(dds.variables),
        "namespace": given["namespace"],
        "output": "screen",
        "arguments": ["--ros-args", "--log-level", given["log_level"]],
        # A namespaced robot has its own transforms.
        "remappings": [("/tf", "tf"), ("/tf_static", "tf_static")] if given["namespace"] else [],
    }
    overrides = {
        name: parameter_value(argument, given[argument])
        for name, argument in PARAMETER_ARGUMENTS.items()
        if given[argument]
    }
    awaited = [topic for topic in (given["points_topic"], given["odometry_topic"]) if topic]
    if has_bag:
        check_topics(given)
        overrides = {"queue": 100} | overrides  # the player does not repeat lost scans
    builder = Node(
        package="liploc_ros",
        executable="map_builder",
        name="map_builder",
        parameters=[given["params_file"], {**overrides, "use_sim_time": use_sim_time}],
        sigterm_timeout=SAVE_TIMEOUT,
        sigkill_timeout=SAVE_TIMEOUT,
        on_exit=end,
        **common,
    )
    actions: list[LaunchDescriptionEntity] = [LogInfo(msg=dds.reason), builder]
    if has_bag:
        player = Node(
            package="liploc_ros",
            executable="bag_player",
            name="bag_player",
            parameters=[
                {
                    "bag": ParameterValue(given["bag"], value_type=str),
                    "rate": float(given["rate"]),
                    "wait_for_subscribers": 60.0,
                    # The builder follows the type of odometry, which takes a moment.
                    **({"wait_for_topics": awaited} if awaited else {}),
                }
            ],
            **common,
        )
        over = OnProcessExit(target_action=player, on_exit=[Shutdown(reason="the bag is over")])
        actions += [RegisterEventHandler(over), player]
    return actions


def parameter_value(argument: str, text: str) -> Any:
    """Return the value of an argument. A list is YAML, and one entry may be given without brackets."""
    if argument in LIST_ARGUMENTS:
        return yaml.safe_load(text) if text.lstrip().startswith("[") else [text]
    return ParameterValue(text, value_type=str)
