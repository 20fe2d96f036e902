"""A report to look at: figures, the numbers, and a page that shows both."""

import html
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from numpy.typing import NDArray

from liploc_ros.demo.metrics import Metrics, Query
from liploc_ros.geometry import MountedCamera, pose_from_yaw
from liploc_ros.mapping import LidarMap
from liploc_ros.views import CameraViewer, Panorama, Scan, draw_virtual_view

matplotlib.use("Agg")
from matplotlib import pyplot as plt

SHOWN_VIEWS = 5
ENLARGED = 3
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>body{{font:15px system-ui;max-width:1100px;margin:2em auto;padding:0 1em}}img{{max-width:100%}}
td{{padding:.15em 1em .15em 0}}td+td{{text-align:right;font-variant-numeric:tabular-nums}}</style>
<h1>{title}</h1><p>{note}</p><table>{rows}</table>
<h2>From above</h2><img src="map.png" alt="true and estimated poses">
<h2>What was matched</h2>
<p>Each pair: the camera view, and under it the LiDAR view of the map at the pose that was found.</p>
<img src="views.png" alt="camera views above LiDAR views"></html>
"""


def write_report(
    folder: Path,
    title: str,
    note: str,
    metrics: Metrics,
    queries: Sequence[Query],
    images: Mapping[int, NDArray[np.uint8]],
    mounted: MountedCamera,
    lidar_map: LidarMap,
) -> Path:
    """Write metrics.json, map.png, views.png and index.html; returns the page.

    Args:
        folder: created where it is missing.
        title: heading of the page.
        note: a sentence below it.
        metrics: the numbers.
        queries: what was asked and answered.
        images: (h, w, 3) RGB by stamp; at most five are shown, spread over the drive.
        mounted: their camera.
        lidar_map: the map they were looked for in.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metrics.json").write_text(metrics.model_dump_json(indent=2) + "\n")
    draw_map(folder / "map.png", queries, lidar_map)
    shown = [q for q in queries if q.stamp_ns in images and q.T_map_base is not None]
    chosen = [shown[i] for i in np.unique(np.linspace(0, len(shown) - 1, SHOWN_VIEWS).astype(int))] if shown else []
    draw_views(folder / "views.png", chosen, images, mounted, lidar_map)
    values = metrics.model_dump().items()
    rows = "".join(f"<tr><td>{html.escape(name)}</td><td>{_shown(value)}</td></tr>" for name, value in values)
    page = folder / "index.html"
    page.write_text(PAGE.format(title=html.escape(title), note=html.escape(note), rows=rows))
    return page


def draw_map(path: Path, queries: Sequence[Query], lidar_map: LidarMap) -> None:
    """Draw the map from above with true and estimated poses, coloured by position error."""
    figure, axes = plt.subplots(figsize=(11, 8))
    cloud = [_seen_from_above(lidar_map, k) for k in range(len(lidar_map.keyframes))]
    axes.plot(*np.concatenate(cloud).T, ",", color="0.75", rasterized=True)
    places = lidar_map.T_map_base[:, :2, 3]
    axes.plot(*places.T, "-", color="0.4", lw=1, label="places of the map")
    keyframes = lidar_map.keyframes["T_map_lidar"][:, :2, 3]
    axes.plot(*keyframes.T, "s", color="0.3", ms=4, label="keyframe scans")
    true = np.array([q.T_map_base_true[:2, 3] for q in queries])
    axes.plot(*true.T, "o", mfc="none", mec="0.2", ms=11, label="true pose of an image")
    answered = [q for q in queries if q.T_map_base is not None]
    for q in answered:
        if q.T_map_base is not None:
            axes.plot(*zip(q.T_map_base_true[:2, 3], q.T_map_base[:2, 3], strict=True), "-", color="r", lw=0.7)
    if answered:
        poses = np.array([q.T_map_base for q in answered])
        error = np.array([q.position_error for q in answered])
        x, y = poses[:, :2, 3].T
        dots = axes.scatter(x, y, c=error, cmap="viridis", clim=(0, 5), s=28, zorder=5, label="found pose")
        figure.colorbar(dots, label="position error [m]", extend="max")
        axes.quiver(x, y, *poses[:, :2, 0].T, color="0.2", angles="xy", scale=25, width=0.003, zorder=4)
    margin = 25
    axes.set_xlim(places[:, 0].min() - margin, places[:, 0].max() + margin)
    axes.set_ylim(places[:, 1].min() - margin, places[:, 1].max() + margin)
    axes.set_aspect("equal")
    axes.set_xlabel("x [m]")
    axes.set_ylabel("y [m]")
    axes.legend(loc="best", fontsize=8)
    figure.savefig(path, dpi=110, bbox_inches="tight")
    plt.close(figure)


def draw_views(
    path: Path,
    queries: Sequence[Query],
    images: Mapping[int, NDArray[np.uint8]],
    mounted: MountedCamera,
    lidar_map: LidarMap,
) -> None:
    """Draw, for each query, the camera view above the LiDAR view at the pose that was found."""
    figure, axes = plt.subplots(max(1, len(queries)), 1, figsize=(11, 5.2 * max(1, len(queries))), squeeze=False)
    viewer = CameraViewer(lidar_map.manifest.grid, mounted)
    for q, axis in zip(queries, axes[:, 0], strict=False):
        pair = np.vstack([viewer.draw(images[q.stamp_ns]).image, coloured(_view_at(q, lidar_map))])
        axis.imshow(cv2.resize(pair, None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_NEAREST))
        heading = np.rad2deg(q.heading_error)
        axis.set_title(
            f"error {q.position_error:.2f} m, {heading:.1f} deg; score {q.score:.2f}; {q.status.name}", fontsize=10
        )
    for axis in axes[:, 0]:
        axis.set_axis_off()
    figure.savefig(path, dpi=90, bbox_inches="tight")
    plt.close(figure)


def _view_at(query: Query, lidar_map: LidarMap) -> Panorama:
    """Draw the map's stored points as seen from the found pose, along its heading."""
    grid = lidar_map.manifest.grid
    found = query.T_map_base_true if query.T_map_base is None else query.T_map_base
    T_map_view = found @ pose_from_yaw(*lidar_map.manifest.view_origin, 0.0)
    distance = np.linalg.norm(lidar_map.keyframes["T_map_lidar"][:, :3, 3] - T_map_view[:3, 3], axis=1)
    nearest = np.argsort(distance)[: lidar_map.manifest.config.scans_per_place]
    scans = [Scan(lidar_map.keyframe_points(int(k)), lidar_map.keyframes[k]["T_map_lidar"]) for k in nearest]
    return draw_virtual_view(scans, T_map_view, grid).facing(grid, 0.0)


def coloured(view: Panorama) -> NDArray[np.uint8]:
    """Return the ranges of a view as colours (H, W, 3), red near and blue far; black where nothing returned."""
    near = np.clip(255 * (1 - np.log(np.maximum(view.range, 1.5) / 1.5) / np.log(80 / 1.5)), 0, 255).astype(np.uint8)
    colours = np.asarray(cv2.cvtColor(cv2.applyColorMap(near, cv2.COLORMAP_TURBO), cv2.COLOR_BGR2RGB), dtype=np.uint8)
    colours[~view.mask] = 0
    return colours


def _seen_from_above(lidar_map: LidarMap, keyframe: int) -> NDArray[np.float64]:
    """Return (N, 2) map coordinates of a keyframe's points that stand up from the ground, thinned."""
    points = lidar_map.keyframe_points(keyframe)
    points = points[points[:, 2] > -1][::5]
    T = lidar_map.keyframes[keyframe]["T_map_lidar"]
    return np.asarray(points[:, :3] @ T[:2, :3].T + T[:2, 3])


def _shown(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else html.escape(str(value))
