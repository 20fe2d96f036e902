# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Pictures of a map: from above, and views at its places."""

from pathlib import Path

import cv2
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from liploc_ros.evaluation.reporting.plots import colour_ranges
from liploc_ros.files import open_atomic, write_file
from liploc_ros.geometry import pose_from_yaw, transform_points
from liploc_ros.mapping import LidarMap, MapError
from liploc_ros.views import Scan, draw_virtual_view

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
    points = _points_from_above(lidar_map)
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
    manifest, keyframes = lidar_map.manifest, lidar_map.keyframes
    if not 0 <= place < len(lidar_map.T_map_base):
        raise MapError(f"place {place} does not exist: give a number from 0 to {len(lidar_map.T_map_base) - 1}")
    if not len(lidar_map.clouds):
        raise MapError(f"{lidar_map.path or 'map'}: was built without points: build it with them to draw views")
    T_map_view = lidar_map.T_map_base[place] @ pose_from_yaw(*manifest.view_origin, 0.0)
    distance = np.linalg.norm(keyframes["T_map_lidar"][:, :3, 3] - T_map_view[:3, 3], axis=1)
    nearest = np.argsort(distance)[: manifest.config.scans_per_place].tolist()
    scans = [Scan(lidar_map.keyframe_points(k), keyframes[k]["T_map_lidar"]) for k in nearest]
    view = draw_virtual_view(scans, T_map_view, manifest.grid)
    if heading is not None:
        view = view.facing(manifest.grid, float(np.deg2rad(heading)))
    grey = np.repeat(np.rint(view.reflectance * 255).astype(np.uint8)[..., None], 3, axis=2)
    both = np.repeat(np.repeat(np.vstack([colour_ranges(view), grey]), ZOOM, axis=0), ZOOM, axis=1)
    _, encoded = cv2.imencode(".png", both[..., ::-1])
    write_file(path, encoded.tobytes())


def _size(lidar_map: LidarMap) -> tuple[float, float]:
    """Return width and height [inches], in the proportions of the map but not narrow."""
    extent = np.ptp(lidar_map.T_map_base[:, :2, 3], axis=0) + 40
    width, height = np.maximum(extent / extent.max(), 0.4) * SIZE
    return float(width), float(height)


def _points_from_above(lidar_map: LidarMap) -> NDArray[np.float64]:
    """Return (N, 2) map coordinates of points above the ground, thinned evenly."""
    step = max(1, int(lidar_map.keyframes["count"].sum()) // MAX_POINTS)
    clouds: list[NDArray[np.floating]] = [np.zeros((0, 2))]
    for number, row in enumerate(lidar_map.keyframes):
        points = lidar_map.keyframe_points(number)[::step, :3]
        points = points[(points[:, 2] > HEIGHTS[0]) & (points[:, 2] < HEIGHTS[1])]
        clouds.append(transform_points(row["T_map_lidar"], points)[:, :2])
    return np.asarray(np.concatenate(clouds), np.float64)
