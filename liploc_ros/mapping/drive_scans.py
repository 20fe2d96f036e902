# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The scans of a drive with their places, read when they are needed."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from liploc_ros.datasets.drive import Frame
from liploc_ros.datasets.left_out import warn_once
from liploc_ros.errors import LiplocError
from liploc_ros.geometry import Pose
from liploc_ros.views import Scan
from liploc_ros.views.lazy_sequence import LazySequence

SCANS_IN_MEMORY = 100  # of 2 MB each; a place needs its neighbours' scans


class DriveScans(LazySequence[Scan]):
    """Scans in files; only those used last are in memory. A frame without a readable scan has one without points."""

    def __init__(self, frames: Sequence[Frame], T_base_lidar: Pose | None) -> None:
        """Take frames and where the LiDAR is mounted; a frame without pose stands at the origin."""
        self._frames = frames
        self._T_base_lidar = np.eye(4) if T_base_lidar is None else T_base_lidar
        self._read = lru_cache(SCANS_IN_MEMORY)(self._load)

    def __len__(self) -> int:
        return len(self._frames)

    def item(self, index: int) -> Scan:
        """Return a scan."""
        return self._read(index)

    def _load(self, index: int) -> Scan:
        frame = self._frames[index]
        points = np.zeros((0, 4), np.float32)
        if frame.read_points is not None:
            try:
                points = frame.read_points()
            except LiplocError as error:
                warn_once(f"{error}: the scan is left out")
        T_map_base = np.eye(4) if frame.T_map_base is None else frame.T_map_base
        return Scan(points, T_map_base @ self._T_base_lidar)
