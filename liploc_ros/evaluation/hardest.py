"""The queries with the largest errors, to look at."""

from pathlib import Path

import cv2
import matplotlib
import numpy as np
from numpy.typing import NDArray

from liploc_ros.demo.report import coloured
from liploc_ros.encoders import ModelBundle
from liploc_ros.evaluation.result import Result
from liploc_ros.geometry import MountedCamera
from liploc_ros.mapping.build import draw_places
from liploc_ros.views import CameraViewer

matplotlib.use("Agg")
from matplotlib import pyplot as plt

SHOWN = 5
APART = 5  # queries between two that are shown, so that not all are of one spot
WIDTH, HEIGHT = 768, 192  # pixels of a view


def hardest(result: Result, count: int = SHOWN) -> list[int]:
    """Return the queries with the largest errors, spread over the drive, worst first."""
    chosen: list[int] = []
    errors = result.position_error
    for query in np.lexsort((result.scores, -np.where(np.isfinite(errors), errors, -1))):
        if result.found[query] < 0 or result.nearest[query] < 0:
            continue
        if all(abs(int(query) - other) >= min(APART, len(errors) // count) for other in chosen):
            chosen.append(int(query))
        if len(chosen) == count:
            break
    return chosen


def draw_hardest(path: Path, result: Result, bundle: ModelBundle, heading: float) -> None:
    """Draw, for each of them, the camera view above the LiDAR view of the right place and of the one that was found.

    Args:
        path: the picture.
        result: of the evaluation.
        bundle: its model.
        heading: yaw [rad] in the base frame along which camera views stand.
    """
    queries = hardest(result)
    figure, axes = plt.subplots(max(1, len(queries)), 1, figsize=(8, 4.9 * max(1, len(queries))), squeeze=False)
    for axis in axes[:, 0]:
        axis.set_axis_off()
    for query, axis in zip(queries, axes[:, 0], strict=False):
        views = [
            _camera_view(result.scene.image(query), result.scene.mounted, bundle, heading),
            _lidar_view(result, bundle, int(result.nearest[query]), _true_yaw(result, query, heading)),
            _lidar_view(result, bundle, int(result.found[query]), float(result.heading[query])),
        ]
        axis.imshow(np.vstack([np.pad(view, ((0, 6), (0, 0), (0, 0)), constant_values=255) for view in views]))
        error, score = result.position_error[query], result.scores[query]
        axis.set_title(f"image {query}: {error:.1f} m off, score {score:.3f}", fontsize=10)
        names = ("camera", "LiDAR, right place", "LiDAR, found")
        for row, name in enumerate(names):
            axis.text(4, row * (HEIGHT + 6) + 4, name, color="w", va="top", fontsize=8, bbox={"fc": "k", "alpha": 0.6})
    figure.savefig(path, dpi=90, bbox_inches="tight", pil_kwargs={"quality": 85})
    plt.close(figure)


def _camera_view(
    image: NDArray[np.uint8], mounted: MountedCamera, bundle: ModelBundle, heading: float
) -> NDArray[np.uint8]:
    return _enlarged(CameraViewer(bundle.spec.grid, mounted, heading).draw(image).image)


def _lidar_view(result: Result, bundle: ModelBundle, place: int, yaw: float) -> NDArray[np.uint8]:
    scene, database = result.scene, result.database
    scans, T = database.scans_of(scene, place), database.T_map_base[place]
    panorama = next(draw_places([scans], T[None], scene.T_base_lidar[:3, 3], bundle.spec.grid))
    return _enlarged(coloured(panorama.facing(bundle.spec.grid, yaw)))


def _true_yaw(result: Result, query: int, heading: float) -> float:
    """Return the yaw in the right place's frame along which the camera looked."""
    T_map_base = result.scene.path[result.scene.query_rows[query]]
    turned = result.database.T_map_base[result.nearest[query]][:3, :3].T @ T_map_base[:3, :3]
    return float(np.arctan2(turned[1, 0], turned[0, 0]) + heading)


def _enlarged(view: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(view, (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST), dtype=np.uint8)
