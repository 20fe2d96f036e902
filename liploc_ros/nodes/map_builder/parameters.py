# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Parameters of the map builder node."""

from pydantic import Field, field_validator

from liploc_ros.mapping import MapConfig
from liploc_ros.nodes.common.parameter_table import StringArray
from liploc_ros.nodes.common.qos import Reliability

LIDAR = "lidar"


class MapBuilderParameters(MapConfig):
    """All parameters of the map builder: the settings of the map, and those of the node."""

    # A ROS parameter has one type, and a value.
    view_origin: str = Field(  # type: ignore[assignment]
        LIDAR, description="origin of the views in the base frame: lidar (its position), or 'x y z' [m]"
    )
    map_path: str = Field("", description="folder that the map is written to, on ~/save_map and at shutdown")
    model: str = Field("", description="folder of the model bundle; empty: the default model of the package")
    points_topic: str = Field("points", description="sensor_msgs/PointCloud2 of the LiDAR")
    odometry_topic: str = Field(
        "odom",
        description="nav_msgs/Odometry, PoseStamped or PoseWithCovarianceStamped of the vehicle, in a frame without "
        "drift; /tf: the transform from odometry_frame to base_frame",
    )
    odometry_frame: str = Field("odom", min_length=1, description="frame of the poses if odometry_topic is /tf")
    base_frame: str = Field(
        "",
        description="base frame of the map; empty: the child frame of the odometry, or base_link if that is empty; "
        "odometry of another frame is used if a fixed transform connects the two",
    )
    reliability: Reliability = Field(
        "auto",
        description="of both subscriptions; auto: reliable if all publishers of the topic offer it, else best_effort, "
        "which receives from every publisher; reliable loses no scan",
    )
    queue: int = Field(10, ge=1, le=1000, description="scans that the subscription keeps while the node is busy")
    sensor_mounts: StringArray = Field(
        (),
        description="pose of the LiDAR's frame in the base frame, "
        "'FRAME x y z qx qy qz qw' or 'FRAME x y z roll pitch yaw'; an empty entry is ignored; without one the "
        "transforms on /tf and /tf_static are used",
    )
    map_frame: str = Field(
        "map", min_length=1, description="name of the map's frame; its origin and axes are those of the odometry frame"
    )
    datum: str = Field("", description="description of the origin of the map frame; empty: names the odometry frame")
    odometry_timeout: float = Field(
        5.0,
        gt=0,
        description="time that a scan waits for odometry newer than itself before it is dropped; a lost message is "
        "repeated after up to 3 s [s]",
    )
    autosave_keyframes: int = Field(
        0,
        ge=0,
        description="number of new keyframes after which the map is saved to map_path in the background; the whole map "
        "is drawn again, and the pause after a save is at least as long as the save; 0: off",
    )
    save_at_shutdown: bool = Field(True, description="write the map at shutdown if it has scans that are not saved yet")

    @field_validator("view_origin")
    @classmethod
    def _check_view_origin(cls, value: str) -> str:
        _point(value)
        return value

    def map_config(self) -> MapConfig:
        """Return the settings of the map."""
        values = self.model_dump(include=set(MapConfig.model_fields))
        return MapConfig(**{**values, "view_origin": _point(self.view_origin)})


def _point(text: str) -> tuple[float, ...] | None:
    """Return the numbers of ``x y z``, or None for the position of the LiDAR."""
    words = text.replace(",", " ").split()
    if words == [LIDAR]:
        return None
    try:
        x, y, z = (float(word) for word in words)
    except ValueError as error:
        raise ValueError(f"write {LIDAR}, or three numbers 'x y z'") from error
    return x, y, z
