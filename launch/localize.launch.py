# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

r"""Localize images on a map, live or from a bag. The launch ends with the bag.

ros2 launch liploc_ros localize.launch.py map:=/path/to/map bag:=/path/to/bag.mcap rviz:=true
"""

from pathlib import Path, PurePosixPath
from typing import Any

import yaml
from ament_index_python.packages import get_package_share_directory
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    LogInfo,
    OpaqueFunction,
    RegisterEventHandler,
    Shutdown,
)
from launch.event_handlers import OnProcessExit
from launch.events.process import ProcessExited
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from liploc_ros.nodes.common.dds_profile import choose_profile

SHARE = Path(get_package_share_directory("liploc_ros"))
LIPLOC = SHARE.parents[1] / "lib" / "liploc_ros" / "liploc"
DEFAULT_PARAMETERS = str(SHARE / "config" / "localizer.yaml")
BOOLEANS = ["true", "false"]
# The other arguments stay strings: a map may be called 2011_09_26, or off.
LIST_ARGUMENTS = ("image_topics", "camera_info_topics", "sensor_mounts")
BOOLEAN_ARGUMENTS = ("tracking", "autostart", "continuous", "publish_tf", "publish_initialpose")
# Topics in the configuration of RViz: of the localizer, and of the image.
RVIZ_TOPICS = ("map_markers", "markers", "matched_view", "path", "pose", "poses")
RVIZ_IMAGE = "/camera_color_left/image_raw"
# Parameter: argument. An argument overrides the params_file, unless it is empty.
PARAMETER_ARGUMENTS = {
    "map": "map",
    "model": "model",
    "image_topics": "image_topics",
    "camera_info_topics": "camera_info_topics",
    "transport": "transport",
    "reliability": "reliability",
    "sensor_mounts": "sensor_mounts",
    "odometry_topic": "odometry_topic",
    "tracking.enabled": "tracking",
    "autostart": "autostart",
    "continuous": "continuous",
    "publish_tf": "publish_tf",
    "publish_initialpose": "publish_initialpose",
}


def generate_launch_description() -> LaunchDescription:
    arguments = [
        DeclareLaunchArgument("map", default_value="", description="Folder of the map to localize on."),
        DeclareLaunchArgument("bag", default_value="", description="Bag to play, with its clock; empty: live topics."),
        DeclareLaunchArgument(
            "rviz", default_value="false", choices=BOOLEANS, description="Show poses and map in RViz."
        ),
        DeclareLaunchArgument(
            "view",
            default_value="false",
            choices=BOOLEANS,
            description="Open a page with map, images and poses in the browser (`liploc view --live`); needs viser.",
        ),
        DeclareLaunchArgument(
            "image_topics",
            default_value="",
            description="Images, one topic per camera, such as /image or [/left/image,/right/image]; empty: those in "
            "params_file, or else the cameras of the bag.",
        ),
        DeclareLaunchArgument(
            "camera_info_topics",
            default_value="",
            description="Calibrations in the order of image_topics; empty: camera_info in the namespace of each image.",
        ),
        DeclareLaunchArgument(
            "transport",
            default_value="",
            choices=["", "auto", "raw", "compressed"],
            description="Type of the images; empty: from params_file.",
        ),
        DeclareLaunchArgument(
            "reliability", default_value="", description="Of the image subscriptions; empty: from params_file."
        ),
        DeclareLaunchArgument(
            "sensor_mounts",
            default_value="",
            description="Poses of the cameras, such as ['cam_optical x y z qx qy qz qw']; empty: from /tf_static.",
        ),
        DeclareLaunchArgument(
            "odometry_topic",
            default_value="",
            description="Odometry of the vehicle, which makes tracking more accurate; empty: from params_file.",
        ),
        DeclareLaunchArgument(
            "tracking",
            default_value="",
            choices=["", *BOOLEANS],
            description="Estimate the pose from all images; empty: from params_file.",
        ),
        DeclareLaunchArgument(
            "continuous",
            default_value="",
            choices=["", *BOOLEANS],
            description="Localize every image, not only on ~/localize; empty: from params_file.",
        ),
        DeclareLaunchArgument(
            "publish_tf",
            default_value="",
            choices=["", *BOOLEANS],
            description="Broadcast map -> odometry frame, which needs odometry_topic; empty: from params_file.",
        ),
        DeclareLaunchArgument(
            "publish_initialpose",
            default_value="",
            choices=["", *BOOLEANS],
            description="Publish the pose on initialpose when it becomes known; empty: from params_file.",
        ),
        DeclareLaunchArgument(
            "model", default_value="", description="Folder of the model bundle; empty: the default one."
        ),
        DeclareLaunchArgument(
            "params_file",
            default_value=DEFAULT_PARAMETERS,
            description="YAML file with the parameters of the localizer.",
        ),
        DeclareLaunchArgument("namespace", default_value="", description="Namespace of the nodes."),
        DeclareLaunchArgument(
            "use_sim_time",
            default_value="auto",
            choices=["auto", *BOOLEANS],
            description="Follow /clock; auto: when a bag is played.",
        ),
        DeclareLaunchArgument(
            "autostart",
            default_value="",
            choices=["", *BOOLEANS],
            description="Configure and activate the localizer at the start; false: a lifecycle manager does so; "
            "empty: from params_file.",
        ),
        DeclareLaunchArgument(
            "use_respawn", default_value="false", choices=BOOLEANS, description="Restart the localizer if it ends."
        ),
        DeclareLaunchArgument(
            "log_level",
            default_value="info",
            choices=["debug", "info", "warn", "error", "fatal"],
            description="Minimum level of log lines.",
        ),
        DeclareLaunchArgument(
            "rviz_config",
            default_value=str(SHARE / "rviz" / "localize.rviz"),
            description="Configuration of RViz.",
        ),
        DeclareLaunchArgument("rate", default_value="1.0", description="Speed of the bag relative to the recording."),
        DeclareLaunchArgument(
            "loop", default_value="false", choices=BOOLEANS, description="Restart the bag at its end."
        ),
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=start)])


def end(event: ProcessExited, context: LaunchContext) -> LaunchDescriptionEntity:
    """Stop everything when the localizer has ended; if it has failed, so has the launch."""
    if event.returncode:
        raise RuntimeError("the localizer has failed, its last line tells why")
    return Shutdown(reason="the localizer has ended")


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
    is_respawned = given["use_respawn"] == "true"
    overrides = {
        name: parameter_value(argument, given[argument])
        for name, argument in PARAMETER_ARGUMENTS.items()
        if given[argument]
    }
    if has_bag:
        overrides |= bag_cameras(given, topics(overrides.get("image_topics")))
    images = topics(overrides.get("image_topics"))
    infos = topics(overrides.get("camera_info_topics")) or [camera_info_topic(image) for image in images]
    odometry = [given["odometry_topic"]] if given["odometry_topic"] else []
    localizer = Node(
        package="liploc_ros",
        executable="localizer",
        name="localizer",
        parameters=[given["params_file"], {**overrides, "use_sim_time": use_sim_time}],
        respawn=is_respawned,
        respawn_delay=2.0,
        on_exit=None if is_respawned else end,
        **common,
    )
    actions: list[LaunchDescriptionEntity] = [LogInfo(msg=dds.reason), localizer]
    if has_bag:
        player = Node(
            package="liploc_ros",
            executable="bag_player",
            name="bag_player",
            parameters=[
                {
                    "bag": ParameterValue(given["bag"], value_type=str),
                    "rate": float(given["rate"]),
                    "loop": given["loop"] == "true",
                    "wait_for_subscribers": 60.0,
                    # RViz may subscribe to the images before the localizer does, but not to the calibrations.
                    **({"wait_for_topics": [*images, *infos, *odometry]} if images else {}),
                }
            ],
            **common,
        )
        over = OnProcessExit(target_action=player, on_exit=[Shutdown(reason="the bag is over")])
        actions += [RegisterEventHandler(over), player]
    if given["rviz"] == "true":
        remappings = [*common.pop("remappings"), *rviz_remappings(images)]
        rviz_arguments = ["-d", given["rviz_config"], *common.pop("arguments")]
        rviz = Node(
            package="rviz2",
            executable="rviz2",
            name="rviz",
            parameters=[{"use_sim_time": use_sim_time}],
            arguments=rviz_arguments,
            remappings=remappings,
            **common,
        )
        actions.append(rviz)
    if given["view"] == "true":
        actions.append(view(given, dict(dds.variables)))
    return actions


def view(given: dict[str, str], environment: dict[str, str]) -> LaunchDescriptionEntity:
    """Return the process of the page in the browser."""
    if not given["map"]:
        raise RuntimeError("view:=true needs the argument map: give the folder of the map")
    localizer = str(PurePosixPath("/", given["namespace"], "localizer"))
    command = [str(LIPLOC), "view", given["map"], "--live", "--localizer", localizer, "--wait", "60"]
    return ExecuteProcess(cmd=command, additional_env=environment, output="screen")


def bag_cameras(given: dict[str, str], images: list[str]) -> dict[str, list[str]]:
    """Return the cameras of the bag as parameters, if none are given; those that are given must be in the bag."""
    from liploc_ros.datasets.bag.node_topics import cameras_of_bag, check_bag_topics

    if images:
        check_bag_topics(given["bag"], [resolved(topic, given["namespace"]) for topic in images])
    elif (
        given["params_file"] in ("", DEFAULT_PARAMETERS) or "image_topics" not in Path(given["params_file"]).read_text()
    ):
        cameras = cameras_of_bag(given["bag"])
        return {"image_topics": list(cameras.images), "camera_info_topics": list(cameras.camera_infos)}
    return {}


def resolved(topic: str, namespace: str) -> str:
    """Return the full name of a topic."""
    return topic if topic.startswith("/") else str(PurePosixPath("/", namespace, topic))


def parameter_value(argument: str, text: str) -> Any:
    """Return the value of an argument. A list is YAML, and one entry may be given without brackets."""
    if argument in LIST_ARGUMENTS:
        return yaml.safe_load(text) if text.lstrip().startswith("[") else [text]
    return text == "true" if argument in BOOLEAN_ARGUMENTS else ParameterValue(text, value_type=str)


def topics(value: Any) -> list[str]:
    """Return the topics in a list. The localizer refuses anything else."""
    return [topic for topic in value if isinstance(topic, str) and topic] if isinstance(value, list) else []


def camera_info_topic(image: str) -> str:
    """Return the default topic of the calibration of an image topic."""
    return str(PurePosixPath(image.removesuffix("/compressed")).parent / "camera_info")


def rviz_remappings(images: list[str]) -> list[tuple[str, str]]:
    """Return the remappings from the topics in the configuration of RViz to those of this robot."""
    remappings = [(f"/localizer/{name}", f"localizer/{name}") for name in RVIZ_TOPICS]
    remappings.append(("/initialpose", "initialpose"))
    if images:
        image = images[0].removesuffix("/compressed")
        remappings += [(RVIZ_IMAGE, image), (f"{RVIZ_IMAGE}/compressed", f"{image}/compressed")]
    return remappings
