"""Where a drive's frames stand, and which are around: what every method draws its LiDAR views from."""

import numpy as np
from numpy.typing import NDArray

from liploc_ros.datasets.drive import Drive, Frame
from liploc_ros.geometry import Pose


def pose_of(frame: Frame) -> Pose:
    """Return T_map_base of a frame; that of a single frame is the origin."""
    return np.eye(4) if frame.T_map_base is None else frame.T_map_base


def view_pose(drive: Drive, frame: Frame) -> Pose:
    """Return where views of a frame are drawn: at the LiDAR's place, with the axes of the base."""
    T_base_view = np.eye(4)
    if drive.T_base_lidar is not None:
        T_base_view[:3, 3] = drive.T_base_lidar[:3, 3]
    return np.asarray(pose_of(frame) @ T_base_view)


def scans_around(at: int, places: NDArray[np.floating], gap: float, count: int) -> tuple[list[int], list[int]]:
    """Return the nearest ``count`` earlier and later frames that are at least ``gap`` metres away.

    Args:
        at: a frame.
        places: (N, 3) of all frames [m].
        gap: least distance [m].
        count: at most so many on each side.
    """
    far = np.linalg.norm(places - places[at], axis=1) >= gap
    index = np.arange(len(places))
    return index[far & (index < at)][-count:].tolist(), index[far & (index > at)][:count].tolist()
