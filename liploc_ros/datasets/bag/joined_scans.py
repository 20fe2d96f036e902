# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Scans of several LiDARs, joined by their mounts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from liploc_ros.datasets.drive import MAX_TIME_OFFSET_NS, Frame
from liploc_ros.geometry import Pose, inverse, transform_points

ReadPoints = Callable[[], NDArray[np.float32]]


@dataclass(frozen=True)
class OtherLidar:
    """A LiDAR whose scans are added to those of the first one.

    Attributes:
        topic: of its scans.
        frames: its scans in chronological order.
        T_base_lidar: where it is mounted.
    """

    topic: str
    frames: Sequence[Frame]
    T_base_lidar: Pose


def join_scans(
    frames: Sequence[Frame], T_base_lidar: Pose, others: Sequence[OtherLidar]
) -> tuple[list[Frame], list[str]]:
    """Return the scans of the first LiDAR with those of the others, nearest in time, in its frame.

    The vehicle moves between two stamps: points are transformed by its poses at both. A scan of the first LiDAR stays
    as it is where another LiDAR has none within 60 ms, or none with a pose.

    Args:
        frames: scans of the first LiDAR.
        T_base_lidar: where the first LiDAR is mounted.
        others: the other LiDARs.

    Returns:
        The frames, and a sentence for each LiDAR that lacks scans.
    """
    added: list[list[tuple[ReadPoints, Pose]]] = [[] for _ in frames]
    sentences = []
    for other in others:
        posed = [frame for frame in other.frames if frame.T_map_base is not None]
        stamps = np.array([frame.stamp_ns for frame in posed], np.int64)
        missing = 0
        for frame, more in zip(frames, added, strict=True):
            nearest = _nearest(stamps, frame.stamp_ns)
            if nearest is None or frame.T_map_base is None:
                missing += 1
                continue
            scan = posed[nearest]
            if scan.read_points is not None and scan.T_map_base is not None:
                T_map_first = frame.T_map_base @ T_base_lidar
                more.append((scan.read_points, inverse(T_map_first) @ scan.T_map_base @ other.T_base_lidar))
        if missing:
            sentences.append(
                f"{missing} of {len(frames)} scans have no scan of {other.topic} within "
                f"{MAX_TIME_OFFSET_NS // 1_000_000} ms, and are used alone"
            )
    return [_joined(frame, more) for frame, more in zip(frames, added, strict=True)], sentences


def _nearest(stamps: NDArray[np.int64], stamp_ns: int) -> int | None:
    after = int(np.searchsorted(stamps, stamp_ns))
    near = [i for i in (after - 1, after) if 0 <= i < len(stamps)]
    nearest = min(near, key=lambda i: abs(int(stamps[i]) - stamp_ns), default=None)
    return None if nearest is None or abs(int(stamps[nearest]) - stamp_ns) > MAX_TIME_OFFSET_NS else nearest


def _joined(frame: Frame, more: list[tuple[ReadPoints, Pose]]) -> Frame:
    if frame.read_points is None or not more:
        return frame
    return replace(frame, read_points=_JoinedRead(frame.read_points, more))


@dataclass(frozen=True)
class _JoinedRead:
    """Reads the scan of the first LiDAR and those of others; can be passed to other processes."""

    read: ReadPoints
    others: list[tuple[ReadPoints, Pose]]

    def __call__(self) -> NDArray[np.float32]:
        clouds = [self.read()]
        for read, T_first_other in self.others:
            points = read().copy()
            points[:, :3] = transform_points(T_first_other, points)
            clouds.append(points)
        return np.concatenate(clouds)
