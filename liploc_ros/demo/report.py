# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The report of the demo: metrics.json, figures, and a page that shows them.

Figures are created without pyplot: drawing neither needs nor changes matplotlib's backend.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from liploc_ros.demo.metrics import DemoMetrics, DemoResult
from liploc_ros.evaluation.reporting.pages import render_page
from liploc_ros.files import write_file
from liploc_ros.geometry import MountedCamera, Pose
from liploc_ros.mapping import LidarMap
from liploc_ros.mapping.inspection.map_view import MatchedViewer

MAX_SHOWN_VIEWS = 5
VIEW_SCALE = 3
MAX_SHOWN_ERROR = 5.0  # m, at the end of the color scale
MAP_MARGIN = 25.0  # m around the places
GROUND_HEIGHT = -1.0  # m in the LiDAR frame; points below are not shown from above
POINT_STEP = 5  # one of so many points is shown


def write_report(
    folder: Path,
    title: str,
    note: str,
    metrics: DemoMetrics,
    results: Sequence[DemoResult],
    images: Mapping[int, NDArray[np.uint8]],
    mounted: MountedCamera,
    lidar_map: LidarMap,
) -> Path:
    """Write metrics.json, map.png, views.png and index.html; returns the page.

    Args:
        folder: created if it does not exist.
        title: heading of the page.
        note: a sentence below it.
        metrics: of the results.
        results: of all images.
        images: (h, w, 3) RGB by stamp; at most five are shown, spread over the drive.
        mounted: their camera.
        lidar_map: the map that the images were localized on.

    Raises:
        FileError: a file cannot be written.
    """
    write_file(folder / "metrics.json", metrics.model_dump_json(indent=2) + "\n")
    draw_map(folder / "map.png", results, lidar_map)
    located = [result for result in results if result.stamp_ns in images and result.T_map_base is not None]
    rows = np.unique(np.linspace(0, len(located) - 1, MAX_SHOWN_VIEWS).astype(int))
    shown = [located[row] for row in rows] if located else []
    draw_views(folder / "views.png", shown, images, mounted, lidar_map)
    page = folder / "index.html"
    write_file(page, render_page("demo.html.j2", title=title, note=note, metrics=metrics.model_dump()))
    return page


def draw_map(path: Path, results: Sequence[DemoResult], lidar_map: LidarMap) -> None:
    """Draw the map from above with true and estimated poses, colored by position error."""
    figure = Figure(figsize=(11, 8))
    axes = figure.subplots()
    points = [_points_from_above(lidar_map, number) for number in range(len(lidar_map.keyframes))]
    axes.plot(*np.concatenate(points).T, ",", color="0.75", rasterized=True)
    places = lidar_map.T_map_base[:, :2, 3]
    axes.plot(*places.T, ".", color="0.5", ms=2, label="places of the map")
    keyframes = lidar_map.keyframes["T_map_lidar"][:, :2, 3]
    axes.plot(*keyframes.T, "s", color="0.3", ms=4, label="scans of the map")
    true = np.array([result.T_map_base_true[:2, 3] for result in results])
    axes.plot(*true.T, "o", mfc="none", mec="0.2", ms=11, label="true pose of an image")
    located = [(result, result.T_map_base) for result in results if result.T_map_base is not None]
    for result, T_map_base in located:
        axes.plot(*zip(result.T_map_base_true[:2, 3], T_map_base[:2, 3], strict=True), "-", color="r", lw=0.7)
    if located:
        poses = np.array([T_map_base for _, T_map_base in located])
        error = np.array([result.position_error for result, _ in located])
        x, y = poses[:, :2, 3].T
        dots = axes.scatter(
            x, y, c=error, cmap="viridis", clim=(0, MAX_SHOWN_ERROR), s=28, zorder=5, label="estimated pose"
        )
        figure.colorbar(dots, label="position error [m]", extend="max")
        axes.quiver(x, y, *poses[:, :2, 0].T, color="0.2", angles="xy", scale=25, width=0.003, zorder=4)
    axes.set_xlim(places[:, 0].min() - MAP_MARGIN, places[:, 0].max() + MAP_MARGIN)
    axes.set_ylim(places[:, 1].min() - MAP_MARGIN, places[:, 1].max() + MAP_MARGIN)
    axes.set_aspect("equal")
    axes.set_xlabel("x [m]")
    axes.set_ylabel("y [m]")
    axes.legend(loc="best", fontsize=8)
    figure.savefig(path, dpi=110, bbox_inches="tight")


def draw_views(
    path: Path,
    results: Sequence[DemoResult],
    images: Mapping[int, NDArray[np.uint8]],
    mounted: MountedCamera,
    lidar_map: LidarMap,
) -> None:
    """Draw, for each result, the camera view above the LiDAR view at the estimated pose."""
    rows = max(1, len(results))
    figure = Figure(figsize=(11, 5.2 * rows))
    axes = figure.subplots(rows, 1, squeeze=False)
    viewer = MatchedViewer(lidar_map)
    for result, axis in zip(results, axes[:, 0], strict=False):
        pair = viewer.draw(images[result.stamp_ns], mounted, _pose_of(result))
        axis.imshow(cv2.resize(pair, None, fx=VIEW_SCALE, fy=VIEW_SCALE, interpolation=cv2.INTER_NEAREST))
        heading = np.rad2deg(result.heading_error)
        axis.set_title(
            f"error {result.position_error:.2f} m, {heading:.1f} deg; score {result.score:.2f}; {result.status.name}",
            fontsize=10,
        )
    for axis in axes[:, 0]:
        axis.set_axis_off()
    figure.savefig(path, dpi=90, bbox_inches="tight")


def _pose_of(result: DemoResult) -> Pose:
    """Return the estimated pose, or the true one of an image without hypotheses."""
    return result.T_map_base_true if result.T_map_base is None else result.T_map_base


def _points_from_above(lidar_map: LidarMap, keyframe: int) -> NDArray[np.float64]:
    """Return (N, 2) map coordinates of some of a keyframe's points above the ground."""
    points = lidar_map.keyframe_points(keyframe)
    points = points[points[:, 2] > GROUND_HEIGHT][::POINT_STEP]
    T = lidar_map.keyframes[keyframe]["T_map_lidar"]
    return np.asarray(points[:, :3] @ T[:2, :3].T + T[:2, 3])
