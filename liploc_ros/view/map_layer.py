# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The map in the scene: points, places, and the path of the mapping drive."""

import numpy as np
import viser
from numpy.typing import NDArray

from liploc_ros.mapping import LidarMap
from liploc_ros.mapping.inspection.map_view import map_points

MAX_POINTS = 150_000  # 2 MB for the browser
HEIGHTS = (-np.inf, 4.0)  # m above the LiDAR; from above, trees would hide the road
POINT_SIZE, PLACE_SIZE = 0.125, 0.24  # m
SHADES = np.array([[-2.0, 62, 68, 78], [-0.5, 120, 128, 140], [4.0, 225, 228, 232]])  # height [m], red, green, blue
PLACE_COLOUR, PATH_COLOUR = (44, 78, 132), (86, 150, 240)
PATH_THICKNESS = 0.35  # m
MAX_PATH_STEP = 20.0  # m; stations that are farther apart are not joined by a line
NODES = ("/map/points", "/map/places", "/map/path")


class MapLayer:
    """Draws one map at a time, relative to an origin near it: browsers compute with 32 bits."""

    def __init__(self, scene: viser.SceneApi) -> None:
        """Start without a map."""
        self._scene = scene
        self._nodes: list[viser.SceneNodeHandle] = []
        self.origin = np.zeros(3)
        """Position in the map frame [m] at which the scene has its origin."""
        self.has_points = False

    def show(self, lidar_map: LidarMap, *, keep_origin: bool = False) -> None:
        """Draw a map instead of the last one."""
        for node in self._nodes:
            node.remove()
        places = lidar_map.T_map_base[:, :3, 3]
        if not keep_origin:
            self.origin = places[0].round()
        points = map_points(lidar_map, MAX_POINTS, HEIGHTS)
        self.has_points = bool(len(points.positions))
        cloud = self._scene.add_point_cloud(
            "/map/points",
            self.local(points.positions),
            shades(points.heights),
            point_size=POINT_SIZE,
            point_shape="circle",
            precision="float32",
            visible=self.has_points,
        )
        drawn = self._scene.add_point_cloud(
            "/map/places",
            self.local(places),
            PLACE_COLOUR,
            point_size=PLACE_SIZE,
            point_shape="circle",
            precision="float32",
        )
        path = self._scene.add_line_segments(
            "/map/path", self.local(path_segments(lidar_map)), PATH_COLOUR, thickness=PATH_THICKNESS
        )
        self._nodes = [cloud, drawn, path]

    def local(self, positions: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return positions (..., 3) of the map frame in the scene."""
        return np.asarray(positions - self.origin, np.float32)

    def set_visible(self, *, points: bool, places: bool) -> None:
        """Show or hide parts of the map."""
        if self._nodes:
            self._nodes[0].visible = points and self.has_points
            self._nodes[1].visible = places


def shades(heights: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Return colours (N, 3) of heights above the LiDAR (N,) [m]: the road is dark."""
    channels = [np.interp(heights, SHADES[:, 0], SHADES[:, channel]) for channel in (1, 2, 3)]
    return np.column_stack(channels).astype(np.uint8)


def path_segments(lidar_map: LidarMap) -> NDArray[np.float64]:
    """Return the lines (N, 2, 3) between neighbouring places on the path."""
    lattice = lidar_map.lattice
    rows = np.flatnonzero(lattice.lateral == 0)
    rows = rows[np.argsort(lattice.station[rows], kind="stable")]
    positions = lidar_map.T_map_base[rows, :3, 3]
    segments = np.stack([positions[:-1], positions[1:]], axis=1)
    is_near = np.linalg.norm(segments[:, 1] - segments[:, 0], axis=1) < MAX_PATH_STEP
    return np.asarray(segments[is_near & (np.diff(lattice.station[rows]) == 1)])
