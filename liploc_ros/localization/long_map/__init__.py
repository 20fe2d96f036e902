# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Localization on maps that are too long to be compared as a whole."""

from liploc_ros.localization.long_map.localizer import LongMapLocalizer, MapMode, localizer_on, map_mode

__all__ = ["LongMapLocalizer", "MapMode", "localizer_on", "map_mode"]
