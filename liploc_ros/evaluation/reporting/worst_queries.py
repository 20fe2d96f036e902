# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""A picture of the queries with the largest errors."""

from pathlib import Path

import cv2
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from liploc_ros.encoders import ModelBundle
from liploc_ros.evaluation.result import EvaluationResult
from liploc_ros.geometry import yaw_of
from liploc_ros.mapping.build import draw_places
from liploc_ros.views import CameraViewer, colour_ranges

COUNT = 5
MIN_SEPARATION = 5  # queries between two that are shown, so that they are not all of one spot
WIDTH, HEIGHT, BORDER = 768, 192, 6  # pixels of a view
NAMES = ("camera", "LiDAR, correct place", "LiDAR, retrieved place")


def worst_queries(result: EvaluationResult, count: int = COUNT) -> list[int]:
    """Return the queries with the largest errors, spread over the drive, worst first."""
    chosen: list[int] = []
    errors = result.position_error
    separation = min(MIN_SEPARATION, len(errors) // count)
    for query in np.lexsort((result.scores, -np.where(np.isfinite(errors), errors, -1))):
        if result.found[query] < 0 or result.nearest[query] < 0:
            continue
        if all(abs(int(query) - other) >= separation for other in chosen):
            chosen.append(int(query))
        if len(chosen) == count:
            break
    return chosen


def draw_worst_queries(path: Path, result: EvaluationResult, bundle: ModelBundle, heading: float) -> None:
    """Draw the camera view above the LiDAR views of the correct and of the retrieved place, for the worst queries.

    Args:
        path: of the picture.
        result: of the evaluation.
        bundle: its model.
        heading: yaw [rad] in the base frame of the middle of the camera views.
    """
    queries = worst_queries(result)
    figure = Figure(figsize=(8, 4.9 * max(1, len(queries))))
    axes = figure.subplots(max(1, len(queries)), 1, squeeze=False)[:, 0]
    viewer = CameraViewer(bundle.spec.grid, result.scene.mounted, heading)
    for axis in axes:
        axis.set_axis_off()
    for query, axis in zip(queries, axes, strict=False):
        correct, found = int(result.nearest[query]), int(result.found[query])
        views = [
            viewer.draw(result.scene.image(query)).image,
            _lidar_view(result, bundle, correct, _true_yaw(result, query, heading)),
            _lidar_view(result, bundle, found, float(result.heading[query])),
        ]
        padding = ((0, BORDER), (0, 0), (0, 0))
        axis.imshow(np.vstack([np.pad(_enlarge(view), padding, constant_values=255) for view in views]))
        error, score = result.position_error[query], result.scores[query]
        axis.set_title(f"image {query}: error {error:.1f} m, score {score:.3f}", fontsize=10)
        for row, name in enumerate(NAMES):
            y = row * (HEIGHT + BORDER) + 4
            axis.text(4, y, name, color="w", va="top", fontsize=8, bbox={"fc": "k", "alpha": 0.6})
    figure.savefig(path, dpi=90, bbox_inches="tight", pil_kwargs={"quality": 85})


def _lidar_view(result: EvaluationResult, bundle: ModelBundle, place: int, yaw: float) -> NDArray[np.uint8]:
    scene, database = result.scene, result.database
    scans, T = database.scans_of(scene, place), database.T_map_base[place]
    panorama = next(draw_places([scans], T[None], scene.T_base_lidar[:3, 3], bundle.spec.grid))
    return colour_ranges(panorama.facing(bundle.spec.grid, yaw))


def _true_yaw(result: EvaluationResult, query: int, heading: float) -> float:
    """Return the yaw of the camera view in the frame of the correct place."""
    T_map_base = result.scene.path[result.scene.query_rows[query]]
    rotation = np.eye(4)
    rotation[:3, :3] = result.database.T_map_base[result.nearest[query]][:3, :3].T @ T_map_base[:3, :3]
    return yaw_of(rotation) + heading


def _enlarge(view: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(view, (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST), dtype=np.uint8)
