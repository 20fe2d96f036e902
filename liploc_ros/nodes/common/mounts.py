# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Poses of the sensors in the vehicle: from the parameter ``sensor_mounts``, otherwise from transforms."""

from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from liploc_ros.errors import LiplocError
from liploc_ros.geometry import Pose, pose_from, quaternion_of
from liploc_ros.nodes.common.transforms import NoTransforms, TransformError, TransformSource

MOUNT_FORMAT = "FRAME x y z qx qy qz qw, or FRAME x y z roll pitch yaw, in m and rad"
MAX_NORM_ERROR = 0.01  # of a quaternion written in a parameter


class MountError(LiplocError):
    """The pose of a sensor in the vehicle is not known."""


class Mounts:
    """Poses of sensor frames in the base frame of the vehicle. The parameter takes precedence over transforms."""

    def __init__(self, entries: Sequence[str] = (), transforms: TransformSource | None = None) -> None:
        """Read the entries of ``sensor_mounts``.

        Raises:
            MountError: an entry cannot be read.
        """
        self._given = dict(parse_mount(entry) for entry in entries)
        self._transforms = transforms or NoTransforms()

    def lookup(self, base_frame: str, sensor_frame: str) -> Pose:
        """Return the pose of a sensor frame in the base frame.

        Raises:
            MountError: neither the parameter nor a transform gives it.
        """
        if sensor_frame in self._given:
            return self._given[sensor_frame]
        try:
            return self._transforms.lookup(base_frame, sensor_frame)
        except TransformError as error:
            raise MountError(
                f"pose of {sensor_frame!r} in {base_frame!r} is not known: {error}; "
                f"set the parameter sensor_mounts to ['{sensor_frame} x y z qx qy qz qw']"
            ) from error


def parse_mount(entry: str) -> tuple[str, Pose]:
    """Return frame and pose of an entry of ``sensor_mounts``.

    Raises:
        MountError: it does not have the format of an entry.
    """
    frame, *words = entry.replace(",", " ").split() or [""]
    try:
        numbers = np.array([float(word) for word in words])
        if len(numbers) not in (6, 7) or not np.all(np.isfinite(numbers)):
            raise ValueError(f"{len(numbers)} numbers")
        rotation = Rotation.from_euler("xyz", numbers[3:]).as_quat() if len(numbers) == 6 else numbers[3:]
        if abs(np.linalg.norm(rotation) - 1) > MAX_NORM_ERROR:
            raise ValueError("the quaternion does not have length 1")
    except ValueError as error:
        raise MountError(f"sensor_mounts: {entry!r} cannot be read ({error}): write {MOUNT_FORMAT}") from error
    return frame.rstrip(":"), pose_from(numbers[:3], rotation)


def format_mount(frame: str, T_base_sensor: Pose) -> str:
    """Return the entry of ``sensor_mounts`` for a sensor."""
    numbers = [*T_base_sensor[:3, 3], *quaternion_of(T_base_sensor)]
    return " ".join([frame, *(f"{number:.9g}" for number in numbers)])
