# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Training samples: a camera view, and LiDAR views of the same place drawn from near and far scans."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from liploc_ros.datasets.drive import Drive, Frame
from liploc_ros.geometry import Pose, ViewGrid
from liploc_ros.learning.aligned.recipe import VirtualViews
from liploc_ros.learning.data.sampling import base_pose, scans_around, view_pose
from liploc_ros.mapping.drive_scans import DriveScans
from liploc_ros.views import CameraView, CameraViewer, Panorama, Scan, StaticScans, draw_virtual_view

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


def samples_of(
    drive: Drive, grid: ViewGrid, settings: VirtualViews, seed: int, progress: bool = True
) -> list[AlignedSample]:
    """Return the samples of all frames with an image, a scan and a pose. The same seed gives the same views.

    Raises:
        DatasetError: there is no such frame.
    """
    frames = drive.complete().frames
    rng = np.random.default_rng(seed)
    viewers = {name: CameraViewer(grid, mounted) for name, mounted in drive.cameras.items()}
    positions = np.array([base_pose(frame)[:3, 3] for frame in frames])
    scans = DriveScans(frames, drive.T_base_lidar)
    static_scan = lru_cache(STATIC_SCANS_IN_MEMORY)(StaticScans(scans, positions).static_scan)
    samples = []
    for i, frame in enumerate(tqdm(frames, desc=f"views of {drive.name}", disable=not progress)):
        virtual = []
        for _ in range(settings.views):
            chosen = _choose_scans(i, positions, settings, rng)
            is_static = rng.random() < settings.remove_dynamic
            if chosen:
                virtual.append(_view([static_scan(j) if is_static else scans[j] for j in chosen], frame, drive, grid))
        name, read = next(iter(frame.images.items()))
        own_scan = static_scan(i) if rng.random() < settings.remove_dynamic else scans[i]
        own = _view([own_scan], frame, drive, grid)
        samples.append(AlignedSample(drive.name, base_pose(frame), viewers[name].draw(read()), own, tuple(virtual)))
    return samples


def _choose_scans(
    index: int, positions: NDArray[np.floating], settings: VirtualViews, rng: np.random.Generator
) -> list[int]:
    """Return random frames for a view: with a random gap, a random number, and on one side or both."""
    gap = rng.uniform(settings.min_gap, settings.max_gap)
    behind, ahead = scans_around(index, positions, gap, int(rng.integers(1, settings.scans_per_side + 1)))
    if behind and ahead and rng.random() < settings.one_side:
        return behind if rng.random() < 0.5 else ahead
    return behind + ahead


def _view(scans: list[Scan], frame: Frame, drive: Drive, grid: ViewGrid) -> Panorama:
    panorama = draw_virtual_view(scans, view_pose(drive, frame), grid)
    columns = np.arange(-CONTEXT, grid.width + CONTEXT) + (grid.panorama_width - grid.width) // 2
    columns %= grid.panorama_width
    return Panorama(panorama.range[:, columns], panorama.reflectance[:, columns])
