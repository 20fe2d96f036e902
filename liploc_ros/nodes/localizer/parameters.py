"""Parameters of the localizer node."""

from typing import Literal

from pydantic import Field
from pydantic.config import JsonDict

from liploc_ros.localization import LocalizerConfig, TrackingConfig
from liploc_ros.nodes.common.qos import Reliability

READ_ONLY: JsonDict = {"read_only": True}


class LocalizerParameters(TrackingConfig, LocalizerConfig):
    """All parameters of the localizer: its own, and the settings of the library's localizer and of its tracking."""

    # Localizer and tracking have these in common.
    merge_distance: float = Field(
        LocalizerConfig().merge_distance,
        gt=0,
        description="candidates closer than this are one hypothesis, and so are tracked hypotheses [m]",
    )
    merge_angle: float = Field(
        LocalizerConfig().merge_angle, gt=0, description="and turned less than this against each other [rad]"
    )
    map: str = Field("", description="folder of the map, as `liploc map build` or the map builder wrote it")
    model: str = Field("", description="folder of the model bundle; empty: the one that comes with the package")
    autostart: bool = Field(
        True,
        description="configure and activate at once; false: wait for a lifecycle manager",
        json_schema_extra=READ_ONLY,
    )
    image_topics: tuple[str, ...] = Field(("image",), description="images, one topic a camera", min_length=1)
    camera_info_topics: tuple[str, ...] = Field(
        (), description="calibrations in the order of image_topics; unset: camera_info beside each image topic"
    )
    transport: Literal["auto", "raw", "compressed"] = Field(
        "auto",
        description="what the image topics carry; auto: compressed where the name ends in /compressed, "
        "else as the topic is published, raw if both are",
    )
    reliability: Reliability = Field(
        "best_effort", description="of the image subscriptions; best_effort hears every publisher"
    )
    sensor_mounts: tuple[str, ...] = Field(
        (),
        description="pose of each camera's optical frame in the map's base frame, "
        "'FRAME x y z qx qy qz qw' or 'FRAME x y z roll pitch yaw'; unset: from /tf_static",
    )
    camera_info_timeout: float = Field(
        5.0, gt=0, description="seconds after the first image without CameraInfo (or mount) until it is an error"
    )
    continuous: bool = Field(
        True, description="localize every image that can be kept up with; false: only on ~/localize"
    )
    max_image_age: float = Field(
        2.0,
        ge=0,
        description="seconds; ~/localize does not use older images (0: any age), and without images for "
        "longer the diagnostics warn",
    )
    localize_timeout: float = Field(2.0, ge=0, description="seconds that ~/localize waits for an image by default")
    tracking: bool = Field(True, description="carry a belief from image to image; false: every image by itself")
    odometry_topic: str = Field(
        "", description="nav_msgs/Odometry of the vehicle; optional for tracking, needed for publish_tf"
    )
    odometry_timeout: float = Field(0.05, ge=0, description="seconds that an image waits for odometry of its time")
    publish_initialpose: bool = Field(
        False, description="publish on initialpose too when a pose becomes known, for Nav2 or AMCL"
    )
    publish_tf: bool = Field(
        False, description="broadcast map -> odometry frame (REP-105) from the poses of ~/pose; needs odometry_topic"
    )

    def config(self) -> LocalizerConfig:
        """Return the settings of the library's localizer."""
        return LocalizerConfig(**self.model_dump(include=set(LocalizerConfig.model_fields)))

    def tracking_config(self) -> TrackingConfig:
        """Return the settings of its tracking."""
        return TrackingConfig(**self.model_dump(include=set(TrackingConfig.model_fields)))
