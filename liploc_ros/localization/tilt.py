# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The tilt of a camera: the error of its mount in pitch and roll."""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from liploc_ros.geometry import MountedCamera
from liploc_ros.mapping import Candidate

PITCH_STEP = np.deg2rad(1.0)  # half a step off, a view is found about as often as at its own tilt
KNOWN_STEPS = np.deg2rad([0.1, 0.5])  # to which pitch and roll are rounded
TILT_TRIES = 2.0  # by which the views at several tilts raise the rate of chance resemblances
MIN_IMAGES = 10
MAX_IMAGES = 1000  # recent images that count
COARSE_STEPS = np.deg2rad([1.0, 2.0])  # to which they are rounded until they are known: few look-up tables are needed
SEARCH_PERIODS = 3, 10  # images that are not accepted, of which one is searched at all tilts; after FEW_IMAGES
FEW_IMAGES = 3
MAX_REJECTED = 50  # images in a row after which the tilt is forgotten
MAX_SPREAD = np.deg2rad([1.0, 3.0])  # of the recent pitches and rolls: interquartile range up to which they are known


class Tilt(NamedTuple):
    """The error of a mount.

    Attributes:
        pitch: [rad] by which the camera looks lower than its mount says.
        roll: [rad] by which it is turned clockwise, seen from behind, against its mount.
    """

    pitch: float = 0.0
    roll: float = 0.0

    @property
    def rounded(self) -> "Tilt":
        """In tenths of a degree of pitch and halves of roll: each tilt that is used has its own look-up tables."""
        pitch, roll = np.rint(np.array(self) / KNOWN_STEPS) * KNOWN_STEPS
        return Tilt(float(pitch), float(roll))

    def coarse(self, reach: float) -> "Tilt":
        """In degrees of pitch and two of roll, at most ``reach`` [rad]."""
        pitch, roll = np.clip(np.rint(np.array(self) / COARSE_STEPS) * COARSE_STEPS, -reach, reach)
        return Tilt(float(pitch), float(roll))

    @property
    def degrees(self) -> tuple[float, float]:
        """Pitch and roll in degrees."""
        pitch, roll = np.rad2deg(self)
        return float(pitch), float(roll)


NO_TILT = Tilt()


class TiltEstimate:
    """Estimates the tilt of one camera from the tilts at which its accepted images match the map best."""

    def __init__(self, min_images: int = MIN_IMAGES) -> None:
        """Start without images; the tilt is known from ``min_images`` accepted images on."""
        self._min_images = min_images
        self._tilts: deque[Tilt] = deque(maxlen=MAX_IMAGES)
        self._rejected = self._unknown = 0

    def add(self, tilt: Tilt) -> None:
        """Add the tilt of an accepted image."""
        self._tilts.append(tilt)

    def confirm(self, *, is_accepted: bool) -> None:
        """Count an image at the known tilt. If many in a row are not accepted, the tilt is forgotten: it may differ."""
        self._rejected = 0 if is_accepted else self._rejected + 1
        if self._rejected >= MAX_REJECTED:
            self._tilts.clear()
            self._rejected = 0

    def is_search_due(self) -> bool:
        """Return whether an image that is not accepted is searched at all tilts, while none is known.

        That takes several times as long as another image. The first such image, and then every third, is searched. From
        three accepted images on, the tilt is roughly known, and every tenth is searched.
        """
        self._unknown += 1
        often, seldom = SEARCH_PERIODS
        return self._unknown % seldom == 0 if self.images >= FEW_IMAGES else self._unknown % often == 1

    @property
    def images(self) -> int:
        """Number of images that count."""
        return len(self._tilts)

    @property
    def tilt(self) -> Tilt:
        """The median tilt; none without images."""
        return Tilt(*np.median(np.array(self._tilts), axis=0).tolist()) if self._tilts else NO_TILT

    @property
    def known(self) -> Tilt:
        """The rounded tilt if it is known, otherwise none."""
        return self.tilt.rounded if self.is_known else NO_TILT

    def assumed(self, reach: float) -> Tilt:
        """Return the known tilt, or else the median so far, rounded to those at which views are searched [rad]."""
        return self.known if self.is_known else self.tilt.coarse(reach)

    @property
    def is_known(self) -> bool:
        """Whether enough images agree."""
        return self.agrees(self._min_images)

    def agrees(self, min_images: int) -> bool:
        """Return whether there are so many images, and they agree."""
        if len(self._tilts) < min_images:
            return False
        low, high = np.percentile(np.array(self._tilts), [25, 75], axis=0)
        return bool((high - low <= MAX_SPREAD).all())


class CameraTilts:
    """The tilts of all cameras."""

    def __init__(self, min_images: int) -> None:
        """Start without images; a tilt is known from ``min_images`` accepted images on."""
        self._min_images = min_images
        self._tilts: dict[str, tuple[MountedCamera, TiltEstimate]] = {}

    def of(self, camera: MountedCamera) -> TiltEstimate:
        """Return the tilt of a camera; it starts again if the mount was corrected."""
        known = self._tilts.get(camera.frame_id)
        if known is None or not np.array_equal(known[0].T_base_camera, camera.T_base_camera):
            known = self._tilts[camera.frame_id] = camera, TiltEstimate(self._min_images)
        return known[1]

    def clear(self) -> None:
        """Forget all tilts."""
        self._tilts.clear()


def pitches_within(reach: float) -> NDArray[np.float64]:
    """Return the pitches [rad] at which views are drawn: multiples of a degree up to ``reach`` [rad] to both sides."""
    steps = np.ceil(reach / PITCH_STEP - 1e-6)
    return np.asarray(np.clip(np.arange(-steps, steps + 1) * PITCH_STEP, -reach, reach))


def tilted(mounted: MountedCamera, tilt: Tilt) -> MountedCamera:
    """Return the camera turned down, and clockwise about its horizontal line of sight."""
    yaw = mounted.optical_axis_yaw
    ahead, left = np.array([np.cos(yaw), np.sin(yaw), 0.0]), np.array([-np.sin(yaw), np.cos(yaw), 0.0])
    R = Rotation.from_rotvec(tilt.pitch * left) * Rotation.from_rotvec(tilt.roll * ahead)
    T_base_camera = mounted.T_base_camera.copy()
    T_base_camera[:3, :3] = R.as_matrix() @ T_base_camera[:3, :3]
    return replace(mounted, T_base_camera=T_base_camera)


def best_of_views(candidates: Sequence[Sequence[Candidate]], count: int) -> list[Candidate]:
    """Return the best ``count`` of the candidates of several views, best first; a place and heading once."""
    best: dict[tuple[int, int], Candidate] = {}
    for candidate in (candidate for of_view in candidates for candidate in of_view):
        key = candidate.place, candidate.heading
        if key not in best or candidate.score > best[key].score:
            best[key] = candidate
    return sorted(best.values(), key=lambda candidate: -candidate.score)[:count]


def peak_of(angles: Sequence[float], scores: Sequence[float]) -> float:
    """Return the angle [rad] at the peak of a parabola through the best of the scores and its neighbours."""
    best = int(np.argmax(scores))
    peak = angles[best]
    if 0 < best < len(angles) - 1:
        around = slice(best - 1, best + 2)
        curvature, slope, _ = np.polyfit(np.array(angles[around]) - peak, scores[around], 2)
        peak -= slope / (2 * curvature) if curvature < 0 else 0.0
    return float(peak)
