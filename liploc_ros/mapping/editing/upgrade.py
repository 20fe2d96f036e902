# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Write a map of an older format, or one whose features are not coded, in the newest format."""

from pathlib import Path

from liploc_ros.encoders import ModelBundle
from liploc_ros.mapping.lidar_map import LidarMap


def upgrade_map(path: Path, out: Path, bundle: ModelBundle, *, code_features: bool = True) -> LidarMap:
    """Write a map in the newest format; ``out`` may be the map itself, which stays until the new one is complete.

    Args:
        path: the map.
        out: folder of the new map.
        bundle: the model that built the map.
        code_features: also code its features, if the model has a coding.

    Raises:
        MapError: the map is damaged, or was built by another model.
        FileError: the folder cannot be written.
    """
    lidar_map = LidarMap.load(path, bundle)
    if code_features and bundle.coding is not None and lidar_map.manifest.coding is None:
        lidar_map = lidar_map.coded(bundle.coding)
    return lidar_map.save(out)
