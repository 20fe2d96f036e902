# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Training samples: a camera view, and LiDAR views of the same place drawn from near and far scans."""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from liploc_ros.datasets.drive import Drive, Frame
from liploc_ros.geometry import Pose, ViewGrid
from liploc_ros.learning.aligned.recipe import VirtualViews
from liploc_ros.learning.data.sampling import base_pose, scans_around, view_pose
from liploc_ros.mapping.drive_scans import DriveScans
from liploc_ros.views import CameraView, CameraViewer, Panorama, StaticScans, draw_virtual_view
from liploc_ros.views.lazy_sequence import LazySequence

CONTEXT = 32  # more columns of the LiDAR view on both sides; a window of a panorama has this context too
STATIC_SCANS_IN_MEMORY = 100  # of a drive, 2 MB each


@dataclass(frozen=True)
class AlignedSample:
    """One frame: its camera view, and LiDAR views (H, W + 2 CONTEXT) at its pose, facing ahead.

    ``own`` is drawn from the scan of the frame, ``virtual`` from other scans. A single frame has no virtual views.
    """

    drive: str
    T_map_base: Pose
    camera: CameraView
    own: Panorama
    virtual: tuple[Panorama, ...]


class DrawnSamples(LazySequence[AlignedSample]):
    """The samples of all frames of a drive with an image, a scan and a pose; each is drawn when it is accessed.

    All random choices are made in advance, so that a sample does not depend on which others were drawn before, in this
    process or another one. Scans are kept in memory for the frames that follow.
    """

    def __init__(self, drive: Drive, grid: ViewGrid, settings: VirtualViews, seed: int) -> None:
        """Choose the scans of all views. The same seed gives the same views.

        Raises:
            DatasetError: there is no such frame.
        """
        self._drive, self._grid = drive, grid
        self._frames = drive.complete().frames
        positions = np.array([base_pose(frame)[:3, 3] for frame in self._frames])
        rng = np.random.default_rng(seed)
        self._plans = [_plan(i, positions, settings, rng) for i in range(len(self._frames))]
        self._viewers = {name: CameraViewer(grid, mounted) for name, mounted in drive.cameras.items()}
        self._scans = DriveScans(self._frames, drive.T_base_lidar)
        self._static_scan = lru_cache(STATIC_SCANS_IN_MEMORY)(StaticScans(self._scans, positions).static_scan)

    def __len__(self) -> int:
        return len(self._frames)

    def item(self, index: int) -> AlignedSample:
        """Return a sample."""
        frame, (own, virtual) = self._frames[index], self._plans[index]
        name, read = next(iter(frame.images.items()))
        return AlignedSample(
            self._drive.name,
            base_pose(frame),
            self._viewers[name].draw(read()),
            self._view(own, frame),
            tuple(self._view(choice, frame) for choice in virtual),
        )

    def _view(self, choice: "_Choice", frame: Frame) -> Panorama:
        grid = self._grid
        scans = [self._static_scan(j) if choice.is_static else self._scans[j] for j in choice.scans]
        panorama = draw_virtual_view(scans, view_pose(self._drive, frame), grid)
        columns = np.arange(-CONTEXT, grid.width + CONTEXT) + (grid.panorama_width - grid.width) // 2
        columns %= grid.panorama_width
        return Panorama(panorama.range[:, columns], panorama.reflectance[:, columns])


class _Choice(NamedTuple):
    """The scans of a view, and whether the points of moving objects are removed from them."""

    scans: list[int]
    is_static: bool


class _Plan(NamedTuple):
    """The scans of all LiDAR views of a sample."""

    own: _Choice
    virtual: list[_Choice]


def _plan(index: int, positions: NDArray[np.floating], settings: VirtualViews, rng: np.random.Generator) -> _Plan:
    """Choose the scans of a sample's views."""
    virtual = []
    for _ in range(settings.views):
        scans = _choose_scans(index, positions, settings, rng)
        virtual.append(_Choice(scans, rng.random() < settings.remove_dynamic))
    own = _Choice([index], rng.random() < settings.remove_dynamic)
    return _Plan(own, [choice for choice in virtual if choice.scans])


def _choose_scans(
    index: int, positions: NDArray[np.floating], settings: VirtualViews, rng: np.random.Generator
) -> list[int]:
    """Return random frames for a view: with a random gap, a random number, and on one side or both."""
    gap = rng.uniform(settings.min_gap, settings.max_gap)
    behind, ahead = scans_around(index, positions, gap, int(rng.integers(1, settings.scans_per_side + 1)))
    if behind and ahead and rng.random() < settings.one_side:
        return behind if rng.random() < 0.5 else ahead
    return behind + ahead
