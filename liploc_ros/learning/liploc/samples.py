"""Training samples: whole camera images with range images of the same place."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from liploc_ros.datasets.frame import Drive, Frame
from liploc_ros.geometry import MountedCamera, Pose, ViewGrid
from liploc_ros.views import CameraView, Panorama, Scan, WholeImageViewer, draw_virtual_view

LEVELS = 255  # of a stored range; 0 where nothing returned
SCANS_IN_MEMORY = 128


@dataclass(frozen=True)
class LiplocSample:
    """One frame: ``image`` (side, side, 3) uint8 RGB, and range images (H, W) uint8 by gap [m] to their scans.

    Range images look along the camera's optical axis. They hold ranges in 255ths of the grid's farthest.
    """

    drive: str
    T_map_base: Pose
    image: NDArray[np.uint8]
    lidar: dict[float, NDArray[np.uint8]]

    def view(self) -> CameraView:
        """Return the camera's view: all of the image."""
        return CameraView(self.image, np.ones(self.image.shape[:2], dtype=bool))

    def panorama(self, gap: float, grid: ViewGrid) -> Panorama:
        """Return the LiDAR view in metres, without reflectance, which LIP-Loc does not use."""
        metres = self.lidar[gap].astype(np.float32) * np.float32(grid.far / LEVELS)
        return Panorama(metres, np.zeros_like(metres))


def samples_of(
    drive: Drive, grid: ViewGrid, gaps: Sequence[float], side: int, progress: bool = True
) -> list[LiplocSample]:
    """Draw a drive's samples; frames without both image and scan are left out.

    Raises:
        DatasetError: no frame has both.
    """
    frames = drive.complete().frames
    viewers = {name: WholeImageViewer(mounted, side) for name, mounted in drive.cameras.items()}
    places = np.array([_pose(frame)[:3, 3] for frame in frames])

    @lru_cache(SCANS_IN_MEMORY)
    def scan(at: int) -> Scan:
        return _scan(drive, frames[at])

    samples = []
    for i, frame in enumerate(tqdm(frames, desc=f"views of {drive.name}", disable=not progress)):
        name, read = next(iter(frame.images.items()))
        distance = np.linalg.norm(places - places[i], axis=1)
        around = {gap: near for gap in gaps if (near := scans_around(distance, i, gap))} or {0.0: [i]}
        yaw = _heading(drive.cameras[name])
        lidar = {gap: _stored([scan(j) for j in near], frame, drive, grid, yaw) for gap, near in around.items()}
        samples.append(LiplocSample(drive.name, _pose(frame), viewers[name].draw(read()).image, lidar))
    return samples


def scans_around(distance: NDArray[np.floating], at: int, gap: float) -> list[int]:
    """Return the nearest earlier and later frames that are at least ``gap`` metres away; for gap 0 the frame itself."""
    if gap == 0:
        return [at]
    index = np.arange(len(distance))
    far = distance >= gap
    return [*index[far & (index < at)][-1:], *index[far & (index > at)][:1]]


def _stored(scans: Sequence[Scan], frame: Frame, drive: Drive, grid: ViewGrid, yaw: float) -> NDArray[np.uint8]:
    T_base_view = np.eye(4)
    if drive.T_base_lidar is not None:
        T_base_view[:3, 3] = drive.T_base_lidar[:3, 3]
    view = draw_virtual_view(scans, _pose(frame) @ T_base_view, grid).facing(grid, yaw)
    levels = np.clip(np.rint(view.range * (LEVELS / grid.far)), 1, LEVELS)
    return np.asarray(levels * view.mask, dtype=np.uint8)


def _heading(mounted: MountedCamera) -> float:
    axis = mounted.T_base_camera[:3, 2]
    return float(np.arctan2(axis[1], axis[0]))


def _scan(drive: Drive, frame: Frame) -> Scan:
    points = frame.read_points() if frame.read_points is not None else np.zeros((0, 4), np.float32)
    T_base_lidar = np.eye(4) if drive.T_base_lidar is None else drive.T_base_lidar
    return Scan(points, _pose(frame) @ T_base_lidar)


def _pose(frame: Frame) -> Pose:
    return np.eye(4) if frame.T_map_base is None else frame.T_map_base
