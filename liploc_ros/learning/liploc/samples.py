"""Training samples: whole camera images with range images of the same place."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from liploc_ros.datasets.drive import Drive, Frame
from liploc_ros.geometry import MountedCamera, Pose, ViewGrid
from liploc_ros.learning.sampling import pose_of, scans_around, view_pose
from liploc_ros.mapping.drive_scans import DriveScans
from liploc_ros.views import CameraView, Panorama, Scan, WholeImageViewer, draw_virtual_view

LEVELS = 255  # of a stored range; 0 where nothing returned


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
    places = np.array([pose_of(frame)[:3, 3] for frame in frames])

    scans = DriveScans(frames, drive.T_base_lidar)
    samples = []
    for i, frame in enumerate(tqdm(frames, desc=f"views of {drive.name}", disable=not progress)):
        name, read = next(iter(frame.images.items()))
        around = {gap: near for gap in gaps if (near := _around(i, places, gap))} or {0.0: [i]}
        yaw = _heading(drive.cameras[name])
        lidar = {gap: _stored([scans[j] for j in near], frame, drive, grid, yaw) for gap, near in around.items()}
        samples.append(LiplocSample(drive.name, pose_of(frame), viewers[name].draw(read()).image, lidar))
    return samples


def _around(at: int, places: NDArray[np.floating], gap: float) -> list[int]:
    """Return the nearest frames on both sides that are at least ``gap`` metres away; for gap 0 the frame itself."""
    behind, ahead = scans_around(at, places, gap, 1)
    return [at] if gap == 0 else behind + ahead


def _stored(scans: Sequence[Scan], frame: Frame, drive: Drive, grid: ViewGrid, yaw: float) -> NDArray[np.uint8]:
    view = draw_virtual_view(scans, view_pose(drive, frame), grid).facing(grid, yaw)
    levels = np.clip(np.rint(view.range * (LEVELS / grid.far)), 1, LEVELS)
    return np.asarray(levels * view.mask, dtype=np.uint8)


def _heading(mounted: MountedCamera) -> float:
    axis = mounted.T_base_camera[:3, 2]
    return float(np.arctan2(axis[1], axis[0]))
