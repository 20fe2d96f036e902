# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The base frame of the vehicle, and its poses from odometry. The rule is the same for all inputs."""

from collections.abc import Callable

from liploc_ros.datasets.pose_message import OdometryPose, base_frame_of, frame_name
from liploc_ros.errors import LiplocError
from liploc_ros.geometry import Pose, PoseError, inverse

FindTransform = Callable[[str, str], Pose]
"""Target and source frame to the fixed transform of coordinates from source to target; raises LiplocError."""


class BaseFrame:
    """Converts poses of the frame that odometry moves to poses of the base frame.

    An empty child_frame_id stands for the wanted base frame, or else for ``base_link``, with one warning. Odometry of
    another frame is used if a fixed transform connects the two.
    """

    def __init__(self, wanted: str, find_transform: FindTransform, warn: Callable[[str], None]) -> None:
        """Start with the wanted base frame; empty: that of the first odometry."""
        self.name = frame_name(wanted)
        self._find_transform, self._warn = find_transform, warn
        self._has_warned = False

    def pose(self, odometry: OdometryPose, source: str) -> Pose:
        """Return the pose of the base frame.

        Args:
            odometry: pose of the frame that moves, whose name may be empty or None.
            source: topic, for messages.

        Raises:
            PoseError: the frame is another one, and no fixed transform connects it to the base frame.
        """
        child = base_frame_of(odometry.child_frame_id, self.name)
        if not odometry.child_frame_id and not self._has_warned:
            self._has_warned = True
            problem = "the child_frame_id is empty" if odometry.child_frame_id == "" else "messages name no child frame"
            self._warn(f"{source}: {problem}: the poses are taken as those of {child!r}")
        self.name = self.name or child
        if child == self.name:
            return odometry.T
        try:
            T_base_child = self._find_transform(self.name, child)
        except LiplocError as error:
            raise PoseError(f"odometry of the frame {child!r}, but the base frame is {self.name!r}: {error}") from error
        return odometry.T @ inverse(T_base_child)
