# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The demo recording, its map, and the images tracked on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liploc_ros import Localizer, ModelBundle, build_map, open_drive
from liploc_ros.datasets import Drive
from liploc_ros.errors import LiplocError
from liploc_ros.geometry import MountedCamera, Pose, ViewGrid, pose_from_yaw, transform_points
from liploc_ros.localization import TrackingResult
from liploc_ros.mapping import LidarMap
from liploc_ros.mapping.drive_scans import DriveScans
from liploc_ros.views import CameraViewer, Panorama, Scan, StaticScans, draw_virtual_view

EXCERPT = Path(__file__).parents[2] / "demo" / "kitti_0013_excerpt.mcap"
FIRST_IMAGE = 8  # from here on, several hypotheses compete first
MAX_POINT_DISTANCE = 40.0  # metres from the LiDAR, of points that are shown from above


@dataclass(frozen=True)
class TrackedImage:
    """An image and the belief after it.

    Attributes:
        image: (h, w, 3) RGB.
        stamp_ns: when it was taken.
        T_map_base_true: true pose.
        result: of tracking.
        means: (N, 3) x, y [m] and yaw [rad] of all hypotheses.
        covariances: (N, 3, 3) of them.
        probabilities: (N,) of them; the rest is the probability of being lost.
    """

    image: NDArray[np.uint8]
    stamp_ns: int
    T_map_base_true: Pose
    result: TrackingResult
    means: NDArray[np.float64]
    covariances: NDArray[np.float64]
    probabilities: NDArray[np.float64]

    @property
    def position_error(self) -> float:
        """Distance of the most probable hypothesis from the true position [m]; infinite without hypotheses."""
        best = self.result.best
        return np.inf if best is None else float(np.linalg.norm((best.T_map_base - self.T_map_base_true)[:2, 3]))


class Street:
    """The drive of the demo, and a map built from its scans."""

    def __init__(self, recording: Path = EXCERPT, map_folder: Path | None = None) -> None:
        """Open the recording, and build the map, or load it from a folder."""
        self.bundle = ModelBundle.load()
        self.drive: Drive = open_drive(recording)
        if map_folder is None:
            self.lidar_map = build_map(self.drive, self.bundle)
        else:
            self.lidar_map = LidarMap.load(map_folder, self.bundle)
        self.camera: MountedCamera = next(iter(self.drive.cameras.values()))

    @property
    def grid(self) -> ViewGrid:
        """Of the views."""
        return self.lidar_map.manifest.grid

    def localizer(self) -> Localizer:
        """Return a localizer that has seen nothing."""
        return Localizer(self.lidar_map, self.bundle)

    def track(self, first: int) -> list[TrackedImage]:
        """Track the images from number ``first`` on, without odometry."""
        localizer, tracked = self.localizer(), []
        for frame in list(self.drive.images())[first:]:
            image = frame.images[self.camera.frame_id]()
            if frame.T_map_base is None:
                raise LiplocError(f"image at {frame.stamp_ns}: has no true pose")
            result = localizer.track(image, self.camera, frame.stamp_ns)
            mixture = localizer.tracker.mixture
            belief = mixture.state[:, :3].copy(), mixture.covariance[:, :3, :3].copy(), mixture.probability.copy()
            tracked.append(TrackedImage(image, frame.stamp_ns, frame.T_map_base, result, *belief))
        return tracked

    def camera_view(self, image: NDArray[np.uint8], grid: ViewGrid) -> NDArray[np.uint8]:
        """Return an image drawn on an angular grid, which may be finer than that of the model."""
        view = CameraViewer(grid, self.camera).draw(image)
        return np.where(view.mask[..., None], view.image, 255).astype(np.uint8)

    def lidar_view(self, T_map_base: Pose, grid: ViewGrid | None = None) -> Panorama:
        """Return the panorama at a pose, drawn from the nearest scans as those of the map's places are."""
        manifest = self.lidar_map.manifest
        T_map_view = T_map_base @ pose_from_yaw(*manifest.view_origin, 0.0)
        nearest = self.scans_near(T_map_view)[: manifest.config.scans_per_place]
        return draw_virtual_view(nearest, T_map_view, grid or self.grid)

    def scans_near(self, T_map: Pose) -> list[Scan]:
        """Return the scans, the nearest to a pose first."""
        return sorted(self.scans, key=lambda scan: float(np.linalg.norm((scan.T_map_lidar - T_map)[:3, 3])))

    @cached_property
    def scans(self) -> list[Scan]:
        """The scans without moving objects, from which the views of the map are drawn."""
        recorded = DriveScans(list(self.drive.scans()), self.drive.T_base_lidar)
        positions = np.array([scan.T_map_lidar[:3, 3] for scan in recorded])
        static = StaticScans(recorded, positions)
        return [static.static_scan(number) for number in range(len(recorded))]

    @cached_property
    def from_above(self) -> "StreetFrame":
        """The street in coordinates along and across it."""
        return StreetFrame(self.lidar_map, self.scans)


class StreetFrame:
    """Coordinates along the street, in driving direction, and across it to the left [m]."""

    def __init__(self, lidar_map: LidarMap, scans: Sequence[Scan]) -> None:
        """Take the main direction of the places on the path, and the points of all scans."""
        path = lidar_map.T_map_base[lidar_map.lattice.lateral == 0][:, :2, 3]
        self.origin = path.mean(axis=0)
        along = path[-1] - path[0]
        along /= np.linalg.norm(along)
        self.R = np.array([along, [-along[1], along[0]]])
        self.yaw = float(np.arctan2(along[1], along[0]))
        self.path = self.of(path)
        self.places = self.of(lidar_map.T_map_base[:, :2, 3])
        self.points, self.heights = self._points(scans, lidar_map.manifest.view_origin[2])

    def of(self, positions: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return positions (N, 2) of the map in these coordinates."""
        return np.asarray((positions - self.origin) @ self.R.T)

    def _points(self, scans: Sequence[Scan], height: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the points (N, 2) near the LiDAR, and their heights (N,) [m] relative to the vehicle's base."""
        points, heights = [], []
        for scan in scans:
            near = scan.points[np.linalg.norm(scan.points[:, :2], axis=1) < MAX_POINT_DISTANCE, :3]
            points.append(self.of(transform_points(scan.T_map_lidar, near)[:, :2]))
            heights.append(near[:, 2] + height)
        return np.concatenate(points), np.concatenate(heights)
