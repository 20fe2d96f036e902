"""Training samples: camera views with LiDAR views of the same place, drawn from scans near and far."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from liploc_ros.datasets.drive import Drive, Frame
from liploc_ros.geometry import Pose, ViewGrid
from liploc_ros.learning.aligned.recipe import VirtualViews
from liploc_ros.learning.sampling import pose_of, scans_around, view_pose
from liploc_ros.mapping.drive_scans import DriveScans
from liploc_ros.views import CameraView, CameraViewer, Panorama, Scan, StaticScans, draw_virtual_view

CONTEXT = 32  # columns of LiDAR view beyond the camera's on both sides: a window of a panorama has them too
STILL_SCANS_AT_HAND = 100  # of a drive, 2 MB each


@dataclass(frozen=True)
class AlignedSample:
    """One frame: its camera view, and LiDAR views (H, W + 2 CONTEXT) at its place along the vehicle's heading.

    ``own`` is drawn from the frame's own scan, ``virtual`` from others; there are none of a single frame.
    """

    drive: str
    T_map_base: Pose
    camera: CameraView
    own: Panorama
    virtual: tuple[Panorama, ...]


def samples_of(
    drive: Drive, grid: ViewGrid, settings: VirtualViews, seed: int, progress: bool = True
) -> list[AlignedSample]:
    """Draw a drive's samples; frames without image, scan and pose are left out. The same seed draws the same views.

    Raises:
        DatasetError: no frame has them.
    """
    frames = drive.complete().frames
    rng = np.random.default_rng(seed)
    viewers = {name: CameraViewer(grid, mounted) for name, mounted in drive.cameras.items()}
    places = np.array([pose_of(frame)[:3, 3] for frame in frames])
    scans = DriveScans(frames, drive.T_base_lidar)
    still = lru_cache(STILL_SCANS_AT_HAND)(StaticScans(scans, places).static_scan)
    samples = []
    for i, frame in enumerate(tqdm(frames, desc=f"views of {drive.name}", disable=not progress)):
        virtual = []
        for _ in range(settings.views):
            chosen = _choose_scans(i, places, settings, rng)
            is_cleaned = rng.random() < settings.cleaned
            if chosen:
                virtual.append(_view([still(j) if is_cleaned else scans[j] for j in chosen], frame, drive, grid))
        name, read = next(iter(frame.images.items()))
        own = _view([still(i) if rng.random() < settings.cleaned else scans[i]], frame, drive, grid)
        samples.append(AlignedSample(drive.name, pose_of(frame), viewers[name].draw(read()), own, tuple(virtual)))
    return samples


def _choose_scans(at: int, places: NDArray[np.floating], settings: VirtualViews, rng: np.random.Generator) -> list[int]:
    """Return a random choice of frames to draw a view from: a gap, how many, one side or both."""
    gap = rng.uniform(settings.nearest, settings.farthest)
    behind, ahead = scans_around(at, places, gap, int(rng.integers(1, settings.scans_per_side + 1)))
    if behind and ahead and rng.random() < settings.one_side:
        return behind if rng.random() < 0.5 else ahead
    return behind + ahead


def _view(scans: list[Scan], frame: Frame, drive: Drive, grid: ViewGrid) -> Panorama:
    around = draw_virtual_view(scans, view_pose(drive, frame), grid)
    columns = np.arange(-CONTEXT, grid.width + CONTEXT) + (grid.panorama_width - grid.width) // 2
    columns %= grid.panorama_width
    return Panorama(around.range[:, columns], around.reflectance[:, columns])
