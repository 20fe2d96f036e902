"""Training samples: camera views with LiDAR views of the same place, drawn from scans near and far."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from liploc_ros.datasets.frame import Drive, Frame
from liploc_ros.geometry import Pose, ViewGrid
from liploc_ros.views import CameraView, CameraViewer, Panorama, Scan, draw_virtual_view

CONTEXT = 32  # columns of LiDAR view beyond the camera's on both sides: a window of a panorama has them too


@dataclass(frozen=True)
class AlignedSample:
    """One frame: its camera view, and LiDAR views at its place by gap [m] to the scans they are drawn from.

    LiDAR views are (H, W + 2 CONTEXT); both look along the vehicle's heading.
    """

    drive: str
    T_map_base: Pose
    camera: CameraView
    lidar: dict[float, Panorama]


def samples_of(drive: Drive, grid: ViewGrid, gaps: Sequence[float], progress: bool = True) -> list[AlignedSample]:
    """Draw a drive's samples; frames without both image and scan are left out.

    Raises:
        DatasetError: no frame has both, as in every bag.
    """
    frames = drive.complete().frames
    viewers = {name: CameraViewer(grid, mounted) for name, mounted in drive.cameras.items()}
    scans = [_scan(drive, frame) for frame in frames]
    places = np.array([frame.T_map_base[:3, 3] for frame in frames if frame.T_map_base is not None])
    samples = []
    for i, frame in enumerate(tqdm(frames, desc=f"views of {drive.name}", disable=not progress)):
        distance = np.linalg.norm(places - places[i], axis=1)
        around = {gap: near for gap in gaps if (near := scans_around(distance, i, gap))} or {0.0: [i]}
        lidar = {gap: _view([scans[j] for j in near], frame, drive, grid) for gap, near in around.items()}
        name, read = next(iter(frame.images.items()))
        samples.append(AlignedSample(drive.name, _pose(frame), viewers[name].draw(read()), lidar))
    return samples


def scans_around(distance: NDArray[np.floating], at: int, gap: float) -> list[int]:
    """Return the nearest earlier and later frames that are at least ``gap`` metres away; for gap 0 the frame itself."""
    if gap == 0:
        return [at]
    index = np.arange(len(distance))
    far = distance >= gap
    return [*index[far & (index < at)][-1:], *index[far & (index > at)][:1]]


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
