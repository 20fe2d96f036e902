# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Poses of a drive's frames, and the neighboring scans from which LiDAR views are drawn."""

import numpy as np
from numpy.typing import NDArray

from liploc_ros.datasets.drive import Drive, Frame
from liploc_ros.geometry import Pose


def base_pose(frame: Frame) -> Pose:
    """Return T_map_base of a frame; a frame without a pose is at the origin."""
    return np.eye(4) if frame.T_map_base is None else frame.T_map_base


def view_pose(drive: Drive, frame: Frame) -> Pose:
    """Return T_map_view of the LiDAR views of a frame: the position of the LiDAR, with the axes of the base frame."""
    T_base_view = np.eye(4)
    if drive.T_base_lidar is not None:
        T_base_view[:3, 3] = drive.T_base_lidar[:3, 3]
    return np.asarray(base_pose(frame) @ T_base_view)


def scans_around(
    index: int, positions: NDArray[np.floating], min_distance: float, max_count: int
) -> tuple[list[int], list[int]]:
    """Return the closest earlier and later frames that are at least ``min_distance`` away.

    Args:
        index: of the frame.
        positions: (N, 3) of all frames [m].
        min_distance: from the frame [m].
        max_count: maximum number of earlier frames, and of later frames.
    """
    far = np.linalg.norm(positions - positions[index], axis=1) >= min_distance
    frames = np.arange(len(positions))
    return frames[far & (frames < index)][-max_count:].tolist(), frames[far & (frames > index)][:max_count].tolist()
