# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Parameters of the localizer node."""

from typing import Literal

from pydantic import Field
from pydantic.config import JsonDict

from liploc_ros.localization import LocalizerConfig, TrackingConfig
from liploc_ros.localization.config import AcceptanceConfig, CovarianceConfig, EncoderConfig, MatchingConfig
from liploc_ros.nodes.common.parameter_table import StringArray
from liploc_ros.nodes.common.qos import Reliability
from liploc_ros.schema import FrozenModel

READ_ONLY: JsonDict = {"read_only": True}

RUNTIME_PARAMETERS = frozenset(
    {
        "continuous",
        "max_image_age",
        "localize_timeout",
        "publish_tf",
        "acceptance.min_confidence",
        "acceptance.min_margin",
        "tracking.lost_probability",
        "tracking.localized_probability",
        "tracking.localized_sigma",
        "tracking.localized_sigma_lateral",
    }
)
"""Parameters that can change while the node is configured."""


class TrackingSwitch(FrozenModel):
    """Whether to track at all."""

    enabled: bool = Field(True, description="estimate the pose from all images; false: from each image alone")


class TrackingParameters(TrackingConfig, TrackingSwitch):
    """The switch, then the settings of tracking."""


class LocalizerParameters(FrozenModel):
    """All parameters of the localizer: those of the node, and the settings of the library in their groups."""

    map: str = Field("", description="folder of the map, written by `liploc map build` or by the map builder")
    model: str = Field("", description="folder of the model bundle; empty: the default model of the package")
    autostart: bool = Field(
        True,
        description="configure and activate at the start; false: wait for a lifecycle manager",
        json_schema_extra=READ_ONLY,
    )
    image_topics: StringArray = Field(("image",), description="topics of the images, one per camera")
    camera_info_topics: tuple[str, ...] = Field(
        (),
        description="topics of the calibrations, in the order of image_topics; an empty entry: camera_info in the "
        "namespace of the image topic",
    )
    transport: Literal["auto", "raw", "compressed"] = Field(
        "auto",
        description="type of the images; auto: compressed if the topic ends in /compressed, otherwise as it is "
        "published, and raw if both are",
    )
    reliability: Reliability = Field(
        "auto",
        description="of the subscriptions to images, calibrations and odometry; auto: reliable if all publishers of "
        "the topic offer it, else best_effort, which receives from every publisher",
    )
    sensor_mounts: StringArray = Field(
        (),
        description="pose of each camera's optical frame in the map's base frame, "
        "'FRAME x y z qx qy qz qw' or 'FRAME x y z roll pitch yaw'; an empty entry is ignored; without one the "
        "transforms on /tf and /tf_static are used",
    )
    camera_info_timeout: float = Field(
        5.0, gt=0, description="time without CameraInfo or mount after the first image, until it is an error [s]"
    )
    continuous: bool = Field(
        True, description="localize every image that is not replaced by a newer one; false: only on ~/localize"
    )
    max_image_age: float = Field(
        2.0,
        ge=0,
        description="age above which ~/localize refuses an image (0: no limit), and time without images after which "
        "diagnostics warn [s]",
    )
    localize_timeout: float = Field(2.0, ge=0, description="default time that ~/localize waits for an image [s]")
    odometry_topic: str = Field(
        "",
        description="nav_msgs/Odometry, PoseStamped or PoseWithCovarianceStamped of the vehicle; /tf: the transform "
        "from odometry_frame to the map's base frame; optional for tracking, required by publish_tf",
    )
    odometry_frame: str = Field("odom", min_length=1, description="frame of the poses if odometry_topic is /tf")
    odometry_timeout: float = Field(
        0.05, ge=0, description="time that an image waits for odometry that is newer than itself [s]"
    )
    publish_initialpose: bool = Field(
        False, description="also publish on initialpose when the pose becomes known, for Nav2 or AMCL"
    )
    use_initialpose: bool = Field(
        True,
        description="restart tracking at the pose of each message on initialpose, for example of RViz's button "
        "2D Pose Estimate; own messages are ignored",
    )
    pose_file: str = Field(
        "",
        description="file that keeps the last pose across restarts, which then start their search there; empty: none",
    )
    prior_timeout: float = Field(
        30.0,
        ge=0,
        description="maximum time that initialpose or pose_file restrict the search; it ends when the pose is known "
        "[s]",
    )
    publish_tf: bool = Field(
        False,
        description="broadcast the transform from map to odometry frame (REP-105) for the poses on ~/pose; requires "
        "odometry_topic",
    )
    matching: MatchingConfig = MatchingConfig()
    acceptance: AcceptanceConfig = AcceptanceConfig()
    covariance: CovarianceConfig = CovarianceConfig()
    tracking: TrackingParameters = TrackingParameters()
    encoder: EncoderConfig = EncoderConfig()

    def config(self) -> LocalizerConfig:
        """Return the settings of the library's localizer."""
        return LocalizerConfig(
            matching=self.matching,
            acceptance=self.acceptance,
            covariance=self.covariance,
            tracking=TrackingConfig(**self.tracking.model_dump(exclude={"enabled"})),
            encoder=self.encoder,
        )
