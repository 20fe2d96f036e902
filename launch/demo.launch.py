# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

r"""Localize the images of the demo recording on its map, again and again. The first launch builds the map (a minute).

ros2 launch liploc_ros demo.launch.py view:=true
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    IncludeLaunchDescription,
    LogInfo,
    OpaqueFunction,
    RegisterEventHandler,
)
from launch.event_handlers import OnProcessExit
from launch.events.process import ProcessExited
from launch.launch_description_sources import PythonLaunchDescriptionSource

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from liploc_ros.datasets import open_drive
from liploc_ros.datasets.mounts import format_mount
from liploc_ros.files import cache_folder, expand_path

SHARE = Path(get_package_share_directory("liploc_ros"))
LIPLOC = SHARE.parents[1] / "lib" / "liploc_ros" / "liploc"
BAG = SHARE / "demo" / "kitti_0013_excerpt.mcap"
ODOMETRY = "/odom"
BOOLEANS = ["true", "false"]


def generate_launch_description() -> LaunchDescription:
    arguments = [
        DeclareLaunchArgument(
            "view",
            default_value="false",
            choices=BOOLEANS,
            description="Open a page with map, images and poses in the browser; needs viser.",
        ),
        DeclareLaunchArgument(
            "rviz", default_value="false", choices=BOOLEANS, description="Show poses and map in RViz."
        ),
        DeclareLaunchArgument(
            "map",
            default_value="",
            description="Folder of the map, which is built if missing; empty: the user's cache.",
        ),
        DeclareLaunchArgument("rate", default_value="1.0", description="Speed relative to the recording."),
        DeclareLaunchArgument(
            "loop", default_value="true", choices=BOOLEANS, description="Restart the recording at its end."
        ),
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=start)])


def start(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Return what is started at once: the nodes, or first the map builder."""
    given = context.launch_configurations
    path = expand_path(given["map"]) if given["map"] else cache_folder() / "demo_map"
    localize = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(SHARE / "launch" / "localize.launch.py")),
        launch_arguments=[
            ("map", str(path)),
            ("bag", str(BAG)),
            ("odometry_topic", ODOMETRY),
            (
                "sensor_mounts",
                str([format_mount(name, c.T_base_camera) for name, c in open_drive(BAG).cameras.items()]),
            ),
            *((name, given[name]) for name in ("view", "rviz", "rate", "loop")),
        ],
    )
    if (path / "manifest.json").exists():
        return [localize]

    def continue_with_map(event: ProcessExited, context: LaunchContext) -> LaunchDescriptionEntity:
        if event.returncode:
            raise RuntimeError("the map was not built, the last line tells why")
        return localize

    build = ExecuteProcess(cmd=[str(LIPLOC), "map", "build", str(BAG), str(path)], output="screen")
    handler = RegisterEventHandler(OnProcessExit(target_action=build, on_exit=continue_with_map))
    return [LogInfo(msg=f"the map is built in {path}"), handler, build]
