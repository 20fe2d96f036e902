# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""What a source tells the page. Fields that an update lacks stay as they are shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from liploc_ros.localization import Hypothesis, Localization, TrackingResult
from liploc_ros.mapping import LidarMap


class Level(IntEnum):
    """Levels of a health line, worst last; the numbers are those of diagnostic_msgs/DiagnosticStatus."""

    OK = 0
    WARN = 1
    ERROR = 2
    STALE = 3


@dataclass(frozen=True)
class HealthLine:
    """One line of the health table."""

    name: str
    message: str
    level: Level = Level.OK


@dataclass(frozen=True)
class CameraImage:
    """An image (h, w, 3) RGB or (h, w) grey of the camera with this optical frame."""

    pixels: NDArray[np.uint8]
    frame_id: str


@dataclass(frozen=True)
class MatchedImage:
    """The camera view above the LiDAR view of the map (h, w, 3) RGB."""

    pixels: NDArray[np.uint8]


@dataclass(frozen=True)
class ImageResult:
    """The result of an image alone."""

    localization: Localization


@dataclass(frozen=True)
class BeliefResult:
    """The result of tracking after an image."""

    tracking: TrackingResult


@dataclass(frozen=True)
class PoseResult:
    """The pose that is known at a time; None if it is not known."""

    hypothesis: Hypothesis | None
    stamp_ns: int


@dataclass(frozen=True)
class HealthReport:
    """All lines of the health table."""

    lines: tuple[HealthLine, ...]


@dataclass(frozen=True)
class MapInUse:
    """The map, or the part of it that images are compared with."""

    lidar_map: LidarMap


@dataclass(frozen=True)
class Silence:
    """No results arrive any more; the reason in words."""

    message: str


@dataclass(frozen=True)
class Restarted:
    """The recording starts again: path, plots and results are cleared."""


Update = (
    CameraImage | MatchedImage | ImageResult | BeliefResult | PoseResult | HealthReport | MapInUse | Silence | Restarted
)


class Viewer(Protocol):
    """What shows updates."""

    def show(self, updates: Sequence[Update]) -> None:
        """Show updates, all at once."""
