# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Options of all verbs that read a recording: what a bag does not tell itself.

The names are those of the nodes' parameters. Like :mod:`liploc_ros.cli.options`, this file imports the library only
when a verb runs.
"""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from liploc_ros.datasets import BagOptions, BagTopics

Stamps = Literal["header", "recorded"]

MAX_GAP, MAX_DISTANCE = 1.5, 30.0


@dataclass(frozen=True)
class RecordingOptions:
    """Options for reading a bag. The annotations are those of the command line."""

    points_topic: Annotated[
        list[str] | None,
        typer.Option(
            help="PointCloud2 topic of a bag. Can be repeated: scans of more LiDARs are joined to those of the first. "
            "Default: found by its type."
        ),
    ] = None
    deskew: Annotated[
        bool, typer.Option("--deskew", help="Correct points for the motion during a scan, by the times of the points.")
    ] = False
    odometry_topic: Annotated[
        str,
        typer.Option(
            help="Topic of Odometry, PoseStamped, PoseWithCovarianceStamped or transforms. Default: Odometry."
        ),
    ] = ""
    image_topic: Annotated[
        list[str] | None, typer.Option(help="Read only this image topic. Can be repeated. Default: all cameras.")
    ] = None
    camera_info_topic: Annotated[
        list[str] | None, typer.Option(help="CameraInfo of each --image-topic, in their order. Default: by its name.")
    ] = None
    tf_topic: Annotated[str, typer.Option(help="Topic of moving frames. Default: /tf.")] = ""
    tf_static_topic: Annotated[str, typer.Option(help="Topic of fixed frames. Default: /tf_static.")] = ""
    base_frame: Annotated[str, typer.Option(help="Frame of the vehicle. Default: that of the odometry.")] = ""
    sensor_mount: Annotated[
        list[str] | None,
        typer.Option(
            help="Pose of a sensor in the base frame, in quotation marks: FRAME x y z qx qy qz qw, or FRAME x y z roll "
            "pitch yaw [m, rad]. Can be repeated. Default: /tf_static."
        ),
    ] = None
    calibration: Annotated[
        list[str] | None,
        typer.Option(
            help="Calibration that the bag lacks: FILE or TOPIC=FILE, a YAML file of camera_calibration for the images "
            "of a topic; or another bag with /tf_static and camera_info. Can be repeated."
        ),
    ] = None
    stamps: Annotated[
        Stamps, typer.Option(help="Times of the messages. recorded: when they were recorded, if clocks differ.")
    ] = "header"
    max_odometry_gap: Annotated[float, typer.Option(help="Longest time between poses that are interpolated [s].")] = (
        MAX_GAP
    )
    max_odometry_distance: Annotated[
        float, typer.Option(help="Longest distance between poses that are interpolated [m].")
    ] = MAX_DISTANCE
    reflectance_field: Annotated[
        str, typer.Option(help="Field of the PointCloud2. Default: reflectivity, reflectance or intensity.")
    ] = ""
    reflectance_max: Annotated[
        float, typer.Option(min=0, help="Value of full reflectance. Default: found from the values.")
    ] = 0.0
    image_bits: Annotated[
        int, typer.Option(min=0, max=16, help="Used bits of 16-bit images. Default: found from the values.")
    ] = 0

    def topics(self) -> "BagTopics":
        """Return the topics that are given."""
        from liploc_ros.datasets import BagTopics

        points = self.points_topic or []
        return BagTopics(
            points=points[0] if points else None,
            more_points=tuple(points[1:]),
            odometry=self.odometry_topic or None,
            images=tuple(self.image_topic or ()),
            camera_infos=tuple(self.camera_info_topic or ()),
            tf=self.tf_topic or None,
            tf_static=self.tf_static_topic or None,
        )

    def options(self) -> "BagOptions":
        """Return the other options.

        Raises:
            DatasetError: a number is out of its range.
        """
        from pydantic import ValidationError

        from liploc_ros.datasets import BagOptions, DatasetError
        from liploc_ros.datasets.reflectance import ReflectanceSettings
        from liploc_ros.datasets.trajectory import PoseLimits
        from liploc_ros.schema import first_fault

        try:
            return BagOptions(
                base_frame=self.base_frame or None,
                sensor_mounts=tuple(self.sensor_mount or ()),
                calibration=tuple(self.calibration or ()),
                stamps=self.stamps,
                pose_limits=PoseLimits(max_gap=self.max_odometry_gap, max_distance=self.max_odometry_distance),
                reflectance=ReflectanceSettings(field=self.reflectance_field, max=self.reflectance_max),
                deskew=self.deskew,
                image_bits=self.image_bits,
            )
        except ValidationError as error:
            raise DatasetError(first_fault(error, show_input=True)) from error

    def given(self) -> list[str]:
        """Return the names of the options that are not at their defaults."""
        default = RecordingOptions()
        return [f"--{name.replace('_', '-')}" for name, value in vars(self).items() if value != getattr(default, name)]


def with_recording_options(verb: Callable[..., None]) -> Callable[..., None]:
    """Give a verb all options of RecordingOptions; it receives them as its parameter ``recording``."""
    own = inspect.signature(verb).parameters
    shared = inspect.signature(RecordingOptions).parameters

    @functools.wraps(verb)
    def run(**values: Any) -> None:
        recording = RecordingOptions(**{name: values.pop(name) for name in shared})
        verb(**values, recording=recording)

    parameters = [*(p for name, p in own.items() if name != "recording"), *shared.values()]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    return run
