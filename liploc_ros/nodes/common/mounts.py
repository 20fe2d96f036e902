"""Where the sensors sit in the vehicle: from the parameter ``sensor_mounts``, else from /tf_static."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from liploc_ros.datasets.drive import DatasetError
from liploc_ros.datasets.transforms import StaticTransforms
from liploc_ros.errors import LiplocError
from liploc_ros.geometry import Pose, pose_from, quaternion_of
from liploc_ros.nodes.common.conversions import PoseMessageError, pose_of_transform
from liploc_ros.nodes.common.logging import ThrottledLog
from liploc_ros.nodes.common.optional_messages import tf_message_type

FORM = "FRAME x y z qx qy qz qw, or FRAME x y z roll pitch yaw, in m and rad"


class MountError(LiplocError):
    """It is not known where a sensor sits."""


class Mounts:
    """Poses of sensor frames in the vehicle's base frame. What a parameter says goes before /tf_static."""

    def __init__(self, entries: Sequence[str] = (), log: ThrottledLog | None = None) -> None:
        """Take the entries of ``sensor_mounts``; ``log`` is warned of transforms that are none.

        Raises:
            MountError: an entry cannot be read.
        """
        self._log = log
        self._given = dict(parse_mount(entry) for entry in entries)
        self._transforms = StaticTransforms()
        self.hears_tf = tf_message_type() is not None

    def add_transforms(self, msg: Any) -> None:
        """Take a tf2_msgs/TFMessage of /tf_static, except what in it is no transform."""
        for item in msg.transforms:
            try:
                T_parent_child = pose_of_transform(item.transform)
            except PoseMessageError as error:
                if self._log is not None:
                    self._log.warn(
                        f"/tf_static {item.child_frame_id}", f"/tf_static: {item.child_frame_id!r} is left out: {error}"
                    )
                continue
            self._transforms.add(item.header.frame_id, item.child_frame_id, T_parent_child)

    def lookup(self, base_frame: str, sensor_frame: str) -> Pose:
        """Return the pose of the sensor's frame in the base frame.

        Raises:
            MountError: neither the parameter nor /tf_static tells it.
        """
        if sensor_frame in self._given:
            return self._given[sensor_frame]
        try:
            return self._transforms.lookup(base_frame, sensor_frame)
        except DatasetError as error:
            told = f"/tf_static has not told it (known frames: {', '.join(self._transforms.frames) or 'none'})"
            if not self.hears_tf:
                told = "tf2_msgs is not installed, so /tf_static cannot be heard"
            raise MountError(
                f"pose of {sensor_frame!r} in {base_frame!r} is not known: {told}; "
                f"set the parameter sensor_mounts to ['{sensor_frame} x y z qx qy qz qw']"
            ) from error


def parse_mount(entry: str) -> tuple[str, Pose]:
    """Return frame and pose of an entry of ``sensor_mounts``.

    Raises:
        MountError: it is not of that form.
    """
    frame, *words = entry.replace(",", " ").split() or [""]
    try:
        numbers = np.array([float(word) for word in words])
        if len(numbers) not in (6, 7) or not np.all(np.isfinite(numbers)):
            raise ValueError(f"{len(numbers)} numbers")
        rotation = Rotation.from_euler("xyz", numbers[3:]).as_quat() if len(numbers) == 6 else numbers[3:]
        if abs(np.linalg.norm(rotation) - 1) > 0.01:
            raise ValueError("the quaternion is not of length 1")
    except ValueError as error:
        raise MountError(f"sensor_mounts: {entry!r} cannot be read ({error}): write {FORM}") from error
    return frame.rstrip(":"), pose_from(numbers[:3], rotation)


def format_mount(frame: str, T_base_sensor: Pose) -> str:
    """Return the entry of ``sensor_mounts`` for a sensor."""
    numbers = [*T_base_sensor[:3, 3], *quaternion_of(T_base_sensor)]
    return " ".join([frame, *(f"{number:.9g}" for number in numbers)])
