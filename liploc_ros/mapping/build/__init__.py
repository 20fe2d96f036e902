# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""From scans to a map: keyframes, places, panoramas, features and tiles."""

from liploc_ros.mapping.build.build_map import build_map, build_map_from_keyframes
from liploc_ros.mapping.build.description import describe_map
from liploc_ros.mapping.build.drawing import add_lateral_places, draw_places
from liploc_ros.mapping.build.write_map import BuildStoppedError, write_map

__all__ = [
    "BuildStoppedError",
    "add_lateral_places",
    "build_map",
    "build_map_from_keyframes",
    "describe_map",
    "draw_places",
    "write_map",
]
