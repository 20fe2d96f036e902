# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Poses of the sensors in the vehicle: from the parameter ``sensor_mounts``, otherwise from transforms."""

from collections.abc import Sequence

from liploc_ros.datasets.mounts import parse_mount
from liploc_ros.datasets.pose_message import frame_name
from liploc_ros.errors import LiplocError
from liploc_ros.geometry import Pose, PoseError
from liploc_ros.nodes.common.transforms import NoTransforms, TransformError, TransformSource


class MountError(LiplocError):
    """The pose of a sensor in the vehicle is not known."""


class Mounts:
    """Poses of sensor frames in the base frame of the vehicle. The parameter takes precedence over transforms."""

    def __init__(self, entries: Sequence[str] = (), transforms: TransformSource | None = None) -> None:
        """Read the entries of ``sensor_mounts``.

        Raises:
            MountError: an entry cannot be read.
        """
        try:
            self._given = dict(parse_mount(entry) for entry in entries)
        except PoseError as error:
            raise MountError(f"parameter sensor_mounts: {error}") from error
        self._transforms = transforms or NoTransforms()

    def lookup(self, base_frame: str, sensor_frame: str) -> Pose:
        """Return the pose of a sensor frame in the base frame.

        Raises:
            MountError: neither the parameter nor a transform gives it.
        """
        if frame_name(sensor_frame) in self._given:
            return self._given[frame_name(sensor_frame)]
        try:
            return self._transforms.lookup(base_frame, sensor_frame)
        except TransformError as error:
            raise MountError(
                f"pose of {sensor_frame!r} in {base_frame!r} is not known: {error}; "
                f"set the parameter sensor_mounts to ['{sensor_frame} x y z qx qy qz qw']"
            ) from error
