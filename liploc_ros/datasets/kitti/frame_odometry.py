# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Odometry from the poses of frames, for drives without records of an inertial unit."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from liploc_ros.datasets.drive import Frame
from liploc_ros.geometry import Pose, inverse


class FramePose(NamedTuple):
    """The pose of a frame, and its velocity.

    Attributes:
        stamp_ns: of the frame.
        T_map_base: pose.
        twist: (6,) linear [m/s] and angular velocity [rad/s] in the base frame.
    """

    stamp_ns: int
    T_map_base: Pose
    twist: NDArray[np.float64]


def frame_poses(frames: Sequence[Frame]) -> list[FramePose]:
    """Return the poses of the frames that have one; the velocity is that to the next of them."""
    posed = [(frame.stamp_ns, frame.T_map_base) for frame in frames if frame.T_map_base is not None]
    twists = [_twist(*one, *other) for one, other in pairwise(posed)]
    twists += twists[-1:] or [np.zeros(6)] * len(posed)
    return [FramePose(stamp, T, twist) for (stamp, T), twist in zip(posed, twists, strict=True)]


def _twist(stamp_ns: int, T: Pose, next_stamp_ns: int, T_next: Pose) -> NDArray[np.float64]:
    step, seconds = inverse(T) @ T_next, max(next_stamp_ns - stamp_ns, 1) / 1e9
    turn = Rotation.from_matrix(step[:3, :3]).as_rotvec()
    return np.concatenate([step[:3, 3], turn]) / seconds
