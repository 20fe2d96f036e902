"""Training samples: camera views with LiDAR views of the same place, drawn from scans near and far."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from liploc_ros.datasets.frame import Drive, Frame
from liploc_ros.geometry import Pose, ViewGrid
from liploc_ros.learning.aligned.recipe import VirtualViews
from liploc_ros.views import CameraView, CameraViewer, Panorama, Scan, draw_virtual_view
from liploc_ros.views.scan import seen_through

CONTEXT = 32  # columns of LiDAR view beyond the camera's on both sides: a window of a panorama has them too
SCANS_AT_HAND = 100  # of a drive, 2 MB each
OBSERVERS = (5.0, 10.0, 16.0, 24.0)  # metres before and after a scan, of those that may have seen through its points


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
    places = np.array([_pose(frame)[:3, 3] for frame in frames])
    scan_of = lru_cache(SCANS_AT_HAND)(lambda i: _scan(drive, frames[i]))
    cleaned_scan_of = lru_cache(SCANS_AT_HAND)(lambda i: _cleaned(i, places, scan_of))
    samples = []
    for i, frame in enumerate(tqdm(frames, desc=f"views of {drive.name}", disable=not progress)):
        virtual = []
        for _ in range(settings.views):
            chosen = _choose_scans(i, places, settings, rng)
            source = cleaned_scan_of if rng.random() < settings.cleaned else scan_of
            if chosen:
                virtual.append(_view([source(j) for j in chosen], frame, drive, grid))
        name, read = next(iter(frame.images.items()))
        own = _view([scan_of(i)], frame, drive, grid)
        samples.append(AlignedSample(drive.name, _pose(frame), viewers[name].draw(read()), own, tuple(virtual)))
    return samples


def scans_around(at: int, places: NDArray[np.floating], gap: float, count: int) -> tuple[list[int], list[int]]:
    """Return the nearest ``count`` earlier and later frames that are at least ``gap`` metres away."""
    far = np.linalg.norm(places - places[at], axis=1) >= gap
    index = np.arange(len(places))
    return index[far & (index < at)][-count:].tolist(), index[far & (index > at)][:count].tolist()


def _choose_scans(at: int, places: NDArray[np.floating], settings: VirtualViews, rng: np.random.Generator) -> list[int]:
    """Return a random choice of frames to draw a view from: a gap, how many, one side or both."""
    gap = rng.uniform(settings.nearest, settings.farthest)
    behind, ahead = scans_around(at, places, gap, int(rng.integers(1, settings.scans_per_side + 1)))
    if behind and ahead and rng.random() < settings.one_side:
        return behind if rng.random() < 0.5 else ahead
    return behind + ahead


def _cleaned(at: int, places: NDArray[np.floating], scan_of: Callable[[int], Scan]) -> Scan:
    """Return a scan without what scans at several distances from it saw through; the nearest would see little of it."""
    scan = scan_of(at)
    observers = {j for distance in OBSERVERS for side in scans_around(at, places, distance, 1) for j in side}
    gone = np.zeros(len(scan.points), bool)
    for j in sorted(observers):
        gone |= seen_through(scan, scan_of(j))
    return scan.without(gone)


def _view(scans: list[Scan], frame: Frame, drive: Drive, grid: ViewGrid) -> Panorama:
    T_base_view = np.eye(4)
    if drive.T_base_lidar is not None:
        T_base_view[:3, 3] = drive.T_base_lidar[:3, 3]
    around = draw_virtual_view(scans, _pose(frame) @ T_base_view, grid)
    columns = np.arange(-CONTEXT, grid.width + CONTEXT) + (grid.panorama_width - grid.width) // 2
    columns %= grid.panorama_width
    return Panorama(around.range[:, columns], around.reflectance[:, columns])


def _scan(drive: Drive, frame: Frame) -> Scan:
    points = frame.read_points() if frame.read_points is not None else np.zeros((0, 4), np.float32)
    T_base_lidar = np.eye(4) if drive.T_base_lidar is None else drive.T_base_lidar
    return Scan(points, _pose(frame) @ T_base_lidar)


def _pose(frame: Frame) -> Pose:
    return np.eye(4) if frame.T_map_base is None else frame.T_map_base
