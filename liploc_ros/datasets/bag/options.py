# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""How a bag is read: what it does not tell itself, and the limits of interpolation."""

from typing import Literal

from pydantic import Field

from liploc_ros.datasets.reflectance import ReflectanceSettings
from liploc_ros.datasets.trajectory import PoseLimits
from liploc_ros.schema import FrozenModel


class BagOptions(FrozenModel):
    """Options for reading a bag."""

    base_frame: str | None = Field(
        None, description="frame of the vehicle; by default the child_frame_id of the odometry, or else base_link"
    )
    sensor_mounts: tuple[str, ...] = Field(
        (), description="FRAME x y z qx qy qz qw or FRAME x y z roll pitch yaw: pose of a sensor in the base frame"
    )
    calibration: tuple[str, ...] = Field(
        (),
        description="FILE or TOPIC=FILE: a YAML file of camera_calibration for the images of a topic; or BAG: another "
        "bag with /tf_static and camera_info",
    )
    stamps: Literal["header", "recorded"] = Field(
        "header", description="times of the messages: their headers' stamps, or when they were recorded"
    )
    pose_limits: PoseLimits = PoseLimits()
    reflectance: ReflectanceSettings = ReflectanceSettings()
    deskew: bool = Field(
        False, description="correct points for the motion of the vehicle during a scan, by their times"
    )
    image_bits: int = Field(0, ge=0, le=16, description="used bits of 16-bit images; 0: found from the values")
