# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Training samples: whole camera images, and range images of the same place."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

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


class DrawnSamples(Sequence[LiplocSample]):
    """The samples of all frames of a drive with an image, a scan and a pose; each is drawn when it is accessed.

    Scans are kept in memory for the frames that follow.
    """

    def __init__(self, drive: Drive, grid: ViewGrid, gaps: Sequence[float], side: int) -> None:
        """Prepare the views.

        Args:
            drive: the drive.
            grid: of the range images.
            gaps: distances [m] to the scans from which the range images of a sample are drawn.
            side: rows and columns of the images.

        Raises:
            DatasetError: there is no such frame.
        """
        self._drive, self._grid, self._gaps = drive, grid, gaps
        self._frames = drive.complete().frames
        self._viewers = {name: WholeImageViewer(mounted, side) for name, mounted in drive.cameras.items()}
        self._positions = np.array([base_pose(frame)[:3, 3] for frame in self._frames])
        self._scans = DriveScans(self._frames, drive.T_base_lidar)

    def __len__(self) -> int:
        return len(self._frames)

    @overload
    def __getitem__(self, index: int) -> LiplocSample: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[LiplocSample]: ...
    def __getitem__(self, index: int | slice) -> LiplocSample | Sequence[LiplocSample]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        drive, frame = self._drive, self._frames[index]
        name, read = next(iter(frame.images.items()))
        chosen = {gap: _choose_scans(index, self._positions, gap) for gap in self._gaps}
        by_gap = {gap: scans for gap, scans in chosen.items() if scans} or {0.0: [index]}
        yaw = _camera_yaw(drive.cameras[name])
        lidar = {
            gap: _range_image([self._scans[j] for j in scans], frame, drive, self._grid, yaw)
            for gap, scans in by_gap.items()
        }
        return LiplocSample(drive.name, base_pose(frame), self._viewers[name].draw(read()).image, lidar)


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
