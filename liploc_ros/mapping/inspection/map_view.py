# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""What the points of a map look like: from above, from any pose, and next to a camera image."""

from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from liploc_ros.geometry import MountedCamera, Pose
from liploc_ros.mapping.clouds import Clouds
from liploc_ros.mapping.lidar_map import LidarMap, read_map_tile
from liploc_ros.mapping.tile_manifest import MapError
from liploc_ros.views import CameraViewer, Panorama, Scan, colour_ranges, draw_virtual_view

SCANS_IN_MEMORY = 24  # of about 0.3 MB; a view is drawn from 6 of them
MAX_TILES = 8  # of a long map whose points are read
GAP = 2  # grey rows between the camera view and the LiDAR view
GREY = 96


class MapPoints(NamedTuple):
    """Points of a map: ``positions`` (N, 3) in the map frame [m], and ``heights`` (N,) above the LiDAR [m]."""

    positions: NDArray[np.float64]
    heights: NDArray[np.float32]


def map_points(lidar_map: LidarMap, max_points: int, heights: tuple[float, float]) -> MapPoints:
    """Return the points of a map whose heights above the LiDAR are in a range [m], thinned evenly.

    Args:
        lidar_map: the map; it may have no points.
        max_points: about so many are left before the range is applied.
        heights: lowest and highest.
    """
    step = max(1, int(lidar_map.keyframes["count"].sum()) // max_points)
    positions: list[NDArray[np.float64]] = [np.zeros((0, 3))]
    above = [np.zeros(0, np.float32)]
    for number, row in enumerate(lidar_map.keyframes):
        points = lidar_map.keyframe_points(number)[::step, :3]
        points = points[(points[:, 2] > heights[0]) & (points[:, 2] < heights[1])]
        T = row["T_map_lidar"]
        positions.append(points @ T[:3, :3].T + T[:3, 3])  # 64 bit: map frames may be far from their origin
        above.append(points[:, 2])
    return MapPoints(np.concatenate(positions), np.concatenate(above))


def with_points(part: LidarMap) -> LidarMap:
    """Return a part of a long map with the points of its tiles, which are read from the folder of the map.

    A map that has its points is returned as it is, and so is a part of more than 8 tiles.

    Raises:
        MapError: a tile is missing or damaged.
    """
    if part.numbers is None or part.path is None or len(part.clouds):
        return part
    ends = np.cumsum([entry.places for entry in part.manifest.tiles])
    numbers = np.unique(np.searchsorted(ends, part.numbers, side="right")).tolist()
    if len(numbers) > MAX_TILES:
        return part
    tiles = [read_map_tile(part.path, part.manifest, part.manifest.tiles[n], verify=False) for n in numbers]
    keyframes = np.concatenate([tile.keyframes for tile in tiles])
    return replace(part, keyframes=keyframes, clouds=Clouds.joined([tile.clouds for tile in tiles]))


class MapViewer:
    """Draws what a LiDAR would see at any pose on a map, from the points of the scans nearest to it."""

    def __init__(self, lidar_map: LidarMap) -> None:
        """Take the map.

        Raises:
            MapError: it has no points.
        """
        if not len(lidar_map.clouds):
            raise MapError(f"{lidar_map.path or 'map'}: was built without points: build it with them to draw views")
        self.lidar_map = lidar_map
        self._positions = lidar_map.keyframes["T_map_lidar"][:, :3, 3]
        self._scan = lru_cache(SCANS_IN_MEMORY)(self._read_scan)

    def draw(self, T_map_base: Pose, origin: NDArray[np.float64] | None = None) -> Panorama:
        """Return the panorama at a pose of the vehicle; its middle looks ahead.

        Args:
            T_map_base: the pose.
            origin: (3,) from where in the base frame [m]; by default from where the map was drawn.

        Raises:
            MapError: the points are damaged.
        """
        manifest = self.lidar_map.manifest
        T_base_view = np.eye(4)
        T_base_view[:3, 3] = manifest.view_origin if origin is None else origin
        T_map_view = T_map_base @ T_base_view
        distance = np.linalg.norm(self._positions - T_map_view[:3, 3], axis=1)
        nearest = np.argsort(distance)[: manifest.config.scans_per_place].tolist()
        return draw_virtual_view([self._scan(number) for number in nearest], T_map_view, manifest.grid)

    def _read_scan(self, number: int) -> Scan:
        return Scan(self.lidar_map.keyframe_points(number), self.lidar_map.keyframes[number]["T_map_lidar"])


class MatchedViewer:
    """Draws a camera image on the angular grid, above the LiDAR view of the map at a pose: both should agree."""

    def __init__(self, lidar_map: LidarMap) -> None:
        """Take the map. Without points in it, the LiDAR view stays grey."""
        self.lidar_map = lidar_map
        self._map_viewer = MapViewer(lidar_map) if len(lidar_map.clouds) else None
        self._viewers: dict[str, CameraViewer] = {}

    @property
    def has_points(self) -> bool:
        """Whether the map has points."""
        return self._map_viewer is not None

    def draw(
        self, image: NDArray[np.uint8], camera: MountedCamera, T_map_base: Pose | None = None
    ) -> NDArray[np.uint8]:
        """Return both views (H, W, 3) RGB, the camera's above.

        Args:
            image: (h, w, 3) RGB or (h, w) grey.
            camera: its camera.
            T_map_base: pose of the vehicle; the LiDAR view is grey without one.

        Raises:
            ViewError: the image does not match its camera.
            MapError: the points of the map are damaged.
        """
        grid = self.lidar_map.manifest.grid
        viewer = self._viewers.get(camera.frame_id)
        if viewer is None or viewer.mounted is not camera:
            viewer = self._viewers[camera.frame_id] = CameraViewer(grid, camera, camera.optical_axis_yaw)
        seen = viewer.draw(image).image
        drawn = np.full_like(seen, GREY)
        if self._map_viewer is not None and T_map_base is not None:
            panorama = self._map_viewer.draw(T_map_base, camera.T_base_camera[:3, 3])
            drawn = colour_ranges(panorama.facing(grid, camera.optical_axis_yaw))
        return np.concatenate([seen, np.full_like(seen[:GAP], GREY), drawn])
