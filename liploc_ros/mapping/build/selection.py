# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The keyframes of a recording."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from liploc_ros.datasets.drive import Drive
from liploc_ros.errors import LiplocError
from liploc_ros.geometry import Pose
from liploc_ros.mapping.config import MapConfig
from liploc_ros.mapping.keyframes import Keyframe, KeyframeSelector, ScanCounts
from liploc_ros.mapping.manifest import Source
from liploc_ros.mapping.tile_manifest import MapError

Progress = Callable[[int, int], object]
"""Called with the number of items done and the total."""


class Session(NamedTuple):
    """One pass of a vehicle: its keyframes and the path, both in driving order, and where they come from."""

    keyframes: list[Keyframe]
    path: list[Pose]
    source: Source | None = None


def select_keyframes(drive: Drive, config: MapConfig, on_frame: Progress | None = None) -> tuple[Session, ScanCounts]:
    """Return the keyframes of a recording, whose points are read again when they are needed, and what was left out.

    Args:
        drive: the recording.
        config: distance and turning between keyframes.
        on_frame: called after each frame.

    Raises:
        MapError: the recording has no readable scan with a pose, or the mount of the LiDAR is not known.
    """
    if drive.T_base_lidar is None:
        raise MapError(f"{drive.source}: has no scans: give a recording with a LiDAR")
    selector = KeyframeSelector(config.keyframe_spacing, drive.T_base_lidar, config.keyframe_turning, in_memory=False)
    counts, digest = ScanCounts(), hashlib.sha256()
    for number, frame in enumerate(drive.frames):
        if frame.read_points is not None and frame.T_map_base is None:
            counts.without_pose += 1
        elif frame.read_points is not None and frame.T_map_base is not None:
            try:
                read = _HashedRead(frame.read_points, digest.update)
                is_kept = selector.add_scan(frame.stamp_ns, frame.T_map_base, read)
                counts.kept, counts.near = counts.kept + is_kept, counts.near + (not is_kept)
            except LiplocError as error:
                counts.unreadable += 1
                counts.reason = counts.reason or str(error)
        elif frame.T_map_base is not None:
            selector.add_pose(frame.T_map_base)
        if on_frame is not None:
            on_frame(number + 1, len(drive.frames))
    counts.without_reflectance = selector.without_reflectance
    if not selector.keyframes:
        reason = drive.pose_problem or f"{counts.describe(config.keyframe_spacing)}: give another recording"
        raise MapError(f"{drive.source}: no scan can be used: {reason}")
    source = Source(name=drive.name, scans=counts.kept + counts.near, sha256=digest.hexdigest())
    # Points that are read again need no hash; without it, keyframes can be sent to other processes.
    keyframes = [replace(k, read_points=getattr(k.read_points, "read", k.read_points)) for k in selector.keyframes]
    return Session(keyframes, selector.path, source), counts


class _HashedRead:
    """Reads points; the first time, their bytes are added to a hash."""

    def __init__(self, read: Callable[[], NDArray[np.float32]], update: Callable[[bytes], None]) -> None:
        self.read, self._update = read, update
        self._is_first = True

    def __call__(self) -> NDArray[np.float32]:
        points = self.read()
        if self._is_first:
            self._update(np.ascontiguousarray(points).tobytes())
            self._is_first = False
        return points
