# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Velodyne scans, in the file format that all KITTI datasets share."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liploc_ros.datasets.drive import DatasetError

LIDAR_FRAME = "velo_link"
BYTES_PER_POINT = 16


def read_scan(path: Path) -> NDArray[np.float32]:
    """Return the points (N, 4) float32 of a ``.bin`` file: x, y, z [m] in the LiDAR frame and reflectance 0 to 1.

    Raises:
        DatasetError: the file cannot be read, or is truncated.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path}: scan cannot be read ({error.strerror}): unpack the drive again") from error
    if not raw or len(raw) % BYTES_PER_POINT:
        raise DatasetError(
            f"{path}: scan of {len(raw)} bytes is cut off (a point has {BYTES_PER_POINT} bytes): unpack the drive again"
        )
    return np.frombuffer(raw, "<f4").astype(np.float32).reshape(-1, 4)
