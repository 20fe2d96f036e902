# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Maps: keyframe scans, the places drawn from them, their descriptors, and the index over these."""

from liploc_ros.mapping.build import build_map, build_map_from_keyframes
from liploc_ros.mapping.config import MapConfig
from liploc_ros.mapping.keyframes import Keyframe, KeyframeSelector
from liploc_ros.mapping.lidar_map import LidarMap
from liploc_ros.mapping.manifest import Manifest
from liploc_ros.mapping.search.place_index import Candidate, PlaceIndex
from liploc_ros.mapping.tile_manifest import MapError

__all__ = [
    "Candidate",
    "Keyframe",
    "KeyframeSelector",
    "LidarMap",
    "Manifest",
    "MapConfig",
    "MapError",
    "PlaceIndex",
    "build_map",
    "build_map_from_keyframes",
]
