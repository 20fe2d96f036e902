# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The tilt of a camera: the error of its mount in elevation, positive if it looks lower than the mount says."""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from liploc_ros.geometry import MountedCamera
from liploc_ros.localization.encoded_view import optical_axis_yaw
from liploc_ros.mapping import Candidate

TILT_STEP = np.deg2rad(1.0)  # half a step off, a view is found about as often as at its own tilt
KNOWN_STEP = float(np.deg2rad(0.1))
TILT_TRIES = 2.0  # by which the views at several tilts raise the rate of chance resemblances
MIN_IMAGES = 10
MAX_IMAGES = 1000  # recent images that count
MAX_REJECTED = 50  # images in a row after which the tilt is forgotten
MAX_SPREAD = np.deg2rad(1.0)  # of the recent tilts: interquartile range up to which the tilt is known


class TiltEstimate:
    """Estimates the tilt of one camera from the tilts at which its accepted images match the map best."""

    def __init__(self, min_images: int = MIN_IMAGES) -> None:
        """Start without images; the tilt is known from ``min_images`` accepted images on."""
        self._min_images = min_images
        self._tilts: deque[float] = deque(maxlen=MAX_IMAGES)
        self._rejected = 0

    def add(self, tilt: float) -> None:
        """Add the tilt [rad] of an accepted image."""
        self._tilts.append(tilt)

    def confirm(self, *, is_accepted: bool) -> None:
        """Count an image at the known tilt. If many in a row are not accepted, the tilt is forgotten: it may differ."""
        self._rejected = 0 if is_accepted else self._rejected + 1
        if self._rejected >= MAX_REJECTED:
            self._tilts.clear()
            self._rejected = 0

    @property
    def images(self) -> int:
        """Number of images that count."""
        return len(self._tilts)

    @property
    def tilt(self) -> float:
        """The median tilt [rad]; 0 without images."""
        return float(np.median(list(self._tilts))) if self._tilts else 0.0

    @property
    def known(self) -> float:
        """The tilt [rad] if it is known, in tenths of a degree, otherwise 0."""
        return rounded(self.tilt) if self.is_known else 0.0

    @property
    def is_known(self) -> bool:
        """Whether enough images agree."""
        return self.agrees(self._min_images)

    def agrees(self, min_images: int) -> bool:
        """Return whether there are so many images, and they agree."""
        if len(self._tilts) < min_images:
            return False
        low, high = np.percentile(list(self._tilts), [25, 75])
        return bool(high - low <= MAX_SPREAD)


def tilts_within(reach: float) -> NDArray[np.float64]:
    """Return the tilts [rad] at which views are drawn: multiples of a degree up to ``reach`` [rad] to both sides."""
    steps = np.ceil(reach / TILT_STEP - 1e-6)
    return np.asarray(np.clip(np.arange(-steps, steps + 1) * TILT_STEP, -reach, reach))


def tilted(mounted: MountedCamera, tilt: float) -> MountedCamera:
    """Return the camera turned down by ``tilt`` [rad] about the horizontal axis across its line of sight."""
    yaw = optical_axis_yaw(mounted)
    R = Rotation.from_rotvec(tilt * np.array([-np.sin(yaw), np.cos(yaw), 0.0])).as_matrix()
    T_base_camera = mounted.T_base_camera.copy()
    T_base_camera[:3, :3] = R @ T_base_camera[:3, :3]
    return replace(mounted, T_base_camera=T_base_camera)


def best_of_views(candidates: Sequence[Sequence[Candidate]], count: int) -> list[Candidate]:
    """Return the best ``count`` of the candidates of several views, best first; a place and heading once."""
    best: dict[tuple[int, int], Candidate] = {}
    for candidate in (candidate for of_view in candidates for candidate in of_view):
        key = candidate.place, candidate.heading
        if key not in best or candidate.score > best[key].score:
            best[key] = candidate
    return sorted(best.values(), key=lambda candidate: -candidate.score)[:count]


def peak_tilt(tilts: Sequence[float], scores: Sequence[float]) -> float:
    """Return the tilt [rad] at the peak of a parabola through the best of the scores and its neighbours.

    It is rounded to tenths of a degree.
    """
    best = int(np.argmax(scores))
    peak = tilts[best]
    if 0 < best < len(tilts) - 1:
        around = slice(best - 1, best + 2)
        curvature, slope, _ = np.polyfit(np.array(tilts[around]) - peak, scores[around], 2)
        peak -= slope / (2 * curvature) if curvature < 0 else 0.0
    return rounded(float(peak))


def rounded(tilt: float) -> float:
    """Return a tilt [rad] in tenths of a degree: each tilt that is used has its own look-up tables."""
    return round(tilt / KNOWN_STEP) * KNOWN_STEP
