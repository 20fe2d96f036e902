# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Where the sensors are mounted on the vehicle: as given by the user, or else by static transforms."""

from collections.abc import Iterable

import numpy as np
from scipy.spatial.transform import Rotation

from liploc_ros.datasets.drive import DatasetError
from liploc_ros.datasets.pose_message import frame_name
from liploc_ros.datasets.transforms import StaticTransforms
from liploc_ros.geometry import Pose, PoseError, checked_pose, quaternion_of

MOUNT_FORM = "FRAME x y z qx qy qz qw, or FRAME x y z roll pitch yaw, in m and rad"


class SensorMounts:
    """Poses of sensor frames in the base frame. Those that the user gives have priority over static transforms."""

    def __init__(self, entries: Iterable[str] = (), transforms: StaticTransforms | None = None) -> None:
        """Read the entries that the user gives; see :func:`parse_mount`.

        Raises:
            PoseError: an entry cannot be read.
        """
        self.given = dict(parse_mount(entry) for entry in entries)
        self.transforms = transforms or StaticTransforms()

    def lookup(self, base_frame: str, frame: str) -> Pose:
        """Return the pose of ``frame`` in ``base_frame``.

        Raises:
            DatasetError: neither the user nor a chain of static transforms gives it.
        """
        given = self.given.get(frame_name(frame))
        return self.transforms.lookup(base_frame, frame) if given is None else given

    def knows(self, base_frame: str, frame: str) -> bool:
        """Return whether the pose of ``frame`` in ``base_frame`` is known."""
        try:
            self.lookup(base_frame, frame)
        except DatasetError:
            return False
        return True


def parse_mount(entry: str) -> tuple[str, Pose]:
    """Return the frame and pose of an entry such as ``velo_link 0.8 0 1.7 0 0 0``.

    Raises:
        PoseError: the entry does not have one of the two forms.
    """
    frame, *words = entry.replace(",", " ").split() or [""]
    try:
        numbers = np.array([float(word) for word in words])
        if len(numbers) not in (6, 7):
            raise ValueError(f"{len(numbers)} numbers")
        is_quaternion = len(numbers) == 7 or not np.all(np.isfinite(numbers))
        rotation = numbers[3:7] if is_quaternion else Rotation.from_euler("xyz", numbers[3:]).as_quat()
        return frame_name(frame.rstrip(":")), checked_pose(numbers[:3], rotation)
    except (ValueError, PoseError) as error:
        raise PoseError(f"mount {entry!r} cannot be read ({error}): write {MOUNT_FORM}") from error


def format_mount(frame: str, T_base_sensor: Pose) -> str:
    """Return the entry for a sensor, which :func:`parse_mount` reads."""
    numbers = [*T_base_sensor[:3, 3], *quaternion_of(T_base_sensor)]
    return " ".join([frame, *(f"{number:.9g}" for number in numbers)])
