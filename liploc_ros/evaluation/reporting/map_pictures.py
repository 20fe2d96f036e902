# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Pictures of a map: from above, and views at its places."""

from pathlib import Path

import cv2
import numpy as np
from matplotlib.figure import Figure

from liploc_ros.files import open_atomic, write_file
from liploc_ros.mapping import LidarMap, MapError
from liploc_ros.mapping.inspection.map_view import MapViewer, map_points
from liploc_ros.views import colour_ranges

SIZE, DPI = 10.0, 120  # inches of the longer side, and dots per inch
MAX_POINTS = 200_000
HEIGHTS = (-1.2, 4.0)  # metres relative to the LiDAR: neither road nor bridges
ZOOM = 3  # of the pixels of a view


def draw_from_above(path: Path, lidar_map: LidarMap) -> None:
    """Write a PNG with points, path, places and tiles.

    Raises:
        FileError: it cannot be written.
    """
    figure = Figure(figsize=_size(lidar_map), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    points = map_points(lidar_map, MAX_POINTS, HEIGHTS).positions[:, :2]
    axes.plot(*points.T, ",", color="0.75", zorder=0)
    places, lattice = lidar_map.T_map_base[:, :2, 3], lidar_map.lattice
    tile = np.repeat(np.arange(len(lidar_map.manifest.tiles)), [entry.places for entry in lidar_map.manifest.tiles])
    tile = tile if len(tile) == len(places) else np.zeros(len(places), np.intp)  # older formats have no tiles
    beside = lattice.lateral != 0
    for shown, size, alpha in ((beside, 1.0, 0.4), (~beside, 4.0, 1.0)):
        x, y = places[shown].T
        axes.scatter(x, y, s=size, c=tile[shown] % 10, cmap="tab10", vmin=0, vmax=9, alpha=alpha, linewidths=0)
    for number in np.unique(tile):
        axes.annotate(f"tile {number}", places[tile == number][0], fontsize=7)
    axes.plot(*lidar_map.keyframes["T_map_lidar"][:, :2, 3].T, "s", color="0.2", ms=1.5, label="scans of the map")
    axes.set_aspect("equal")
    axes.set_xlabel("x [m]")
    axes.set_ylabel("y [m]")
    axes.grid(alpha=0.3)
    with open_atomic(path) as file:
        figure.savefig(file, format="png")


def draw_place(path: Path, lidar_map: LidarMap, place: int, heading: float | None = None) -> None:
    """Write a PNG with the ranges and the reflectance of the view at a place, drawn from the points of the map.

    Args:
        path: of the PNG.
        lidar_map: the map.
        place: row of the map's places.
        heading: of a camera relative to the vehicle [degrees], left positive; the whole panorama if left out.

    Raises:
        MapError: there is no such place, or the map has no points.
        FileError: the PNG cannot be written.
    """
    if not 0 <= place < len(lidar_map.T_map_base):
        raise MapError(f"place {place} does not exist: give a number from 0 to {len(lidar_map.T_map_base) - 1}")
    view = MapViewer(lidar_map).draw(lidar_map.T_map_base[place])
    if heading is not None:
        view = view.facing(lidar_map.manifest.grid, float(np.deg2rad(heading)))
    grey = np.repeat(np.rint(view.reflectance * 255).astype(np.uint8)[..., None], 3, axis=2)
    both = np.repeat(np.repeat(np.vstack([colour_ranges(view), grey]), ZOOM, axis=0), ZOOM, axis=1)
    _, encoded = cv2.imencode(".png", both[..., ::-1])
    write_file(path, encoded.tobytes())


def _size(lidar_map: LidarMap) -> tuple[float, float]:
    """Return width and height [inches], in the proportions of the map but not narrow."""
    extent = np.ptp(lidar_map.T_map_base[:, :2, 3], axis=0) + 40
    width, height = np.maximum(extent / extent.max(), 0.4) * SIZE
    return float(width), float(height)
