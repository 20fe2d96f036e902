# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Training samples: whole camera images, and range images of the same place."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from liploc_ros.datasets.drive import Drive, Frame
from liploc_ros.geometry import MountedCamera, Pose, ViewGrid
from liploc_ros.learning.data.sampling import base_pose, scans_around, view_pose
from liploc_ros.mapping.drive_scans import DriveScans
from liploc_ros.views import CameraView, Panorama, Scan, WholeImageViewer, draw_virtual_view

RANGE_LEVELS = 255  # of a stored range; 0 is a pixel without a return


@dataclass(frozen=True)
class LiplocSample:
    """One frame: ``image`` (side, side, 3) uint8 RGB, and range images (H, W) uint8 by the gap [m] to their scans.

    Range images face along the optical axis of the camera. Ranges are stored in 255ths of the grid's far limit.
    """

    drive: str
    T_map_base: Pose
    image: NDArray[np.uint8]
    lidar: dict[float, NDArray[np.uint8]]

    def view(self) -> CameraView:
        """Return the camera view: the whole image."""
        return CameraView(self.image, np.ones(self.image.shape[:2], dtype=bool))

    def panorama(self, gap: float, grid: ViewGrid) -> Panorama:
        """Return the LiDAR view in metres. The reflectance is 0, because LIP-Loc does not use it."""
        metres = self.lidar[gap].astype(np.float32) * np.float32(grid.far / RANGE_LEVELS)
        return Panorama(metres, np.zeros_like(metres))


def samples_of(
    drive: Drive, grid: ViewGrid, gaps: Sequence[float], side: int, progress: bool = True
) -> list[LiplocSample]:
    """Return the samples of all frames with an image, a scan and a pose.

    Raises:
        DatasetError: there is no such frame.
    """
    frames = drive.complete().frames
    viewers = {name: WholeImageViewer(mounted, side) for name, mounted in drive.cameras.items()}
    positions = np.array([base_pose(frame)[:3, 3] for frame in frames])
    scans = DriveScans(frames, drive.T_base_lidar)
    samples = []
    for i, frame in enumerate(tqdm(frames, desc=f"views of {drive.name}", disable=not progress)):
        name, read = next(iter(frame.images.items()))
        frames_by_gap = {gap: chosen for gap in gaps if (chosen := _choose_scans(i, positions, gap))} or {0.0: [i]}
        yaw = _camera_yaw(drive.cameras[name])
        lidar = {
            gap: _range_image([scans[j] for j in chosen], frame, drive, grid, yaw)
            for gap, chosen in frames_by_gap.items()
        }
        samples.append(LiplocSample(drive.name, base_pose(frame), viewers[name].draw(read()).image, lidar))
    return samples


def _choose_scans(index: int, positions: NDArray[np.floating], gap: float) -> list[int]:
    """Return the closest frame on each side that is at least ``gap`` [m] away; for gap 0 the frame itself."""
    behind, ahead = scans_around(index, positions, gap, 1)
    return [index] if gap == 0 else behind + ahead


def _range_image(scans: Sequence[Scan], frame: Frame, drive: Drive, grid: ViewGrid, yaw: float) -> NDArray[np.uint8]:
    view = draw_virtual_view(scans, view_pose(drive, frame), grid).facing(grid, yaw)
    levels = np.clip(np.rint(view.range * (RANGE_LEVELS / grid.far)), 1, RANGE_LEVELS)
    return np.asarray(levels * view.mask, dtype=np.uint8)


def _camera_yaw(mounted: MountedCamera) -> float:
    """Return the yaw of the optical axis in the base frame [rad]."""
    axis = mounted.T_base_camera[:3, 2]
    return float(np.arctan2(axis[1], axis[0]))
