# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The pipeline figure: from images and scans to a belief, with real views of the demo's street."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from benchmarks.figures.drive import Street, TrackedImage
from benchmarks.figures.from_above import EXTENT, FromAbove
from benchmarks.figures.layout import Page
from benchmarks.figures.style import BLUE, GREY, INK, colour_lidar_view
from liploc_ros.errors import LiplocError
from liploc_ros.geometry import Pose, transform_points
from liploc_ros.localization.matching import rescore
from liploc_ros.mapping import Candidate
from liploc_ros.views import CameraViewer, Panorama

SHOWN_IMAGE = 17  # of the drive
HEIGHT, DPI = 384, 180
COLUMNS = ((12, 172), (206, 204), (432, 204), (658, 148), (828, 160))  # left edge and width of the pictures
TOP, BOTTOM, PICTURE = 58, 252, 84  # of the pictures of both rows, and their height
ONLINE, OFFLINE, BROWN = "#e8f1f8", "#f5f1e8", "#7a5c1e"
HEADING = {"fontsize": 12, "fontweight": "bold", "va": "center"}
VIEW, STRIP = 51, 27  # height of a view in its proportions, and of what is below it
CANDIDATES_PER_BLOCK = 2048
Image = NDArray[np.uint8]


def draw_pipeline(street: Street, several: TrackedImage, known: TrackedImage) -> Page:
    """Return the figure.

    Args:
        street: drive and map.
        several: an image after which the belief has several hypotheses.
        known: an image after which the pose is known.
    """
    page = Page(HEIGHT, DPI)
    page.box(4, 4, 992, 184, ONLINE)
    page.box(816, 170, 180, HEIGHT - 174, ONLINE)
    page.box(4, 198, 804, HEIGHT - 202, OFFLINE)
    page.text(12, 20, "localizer: for each image", color=BLUE, **HEADING)
    page.text(12, 214, "map_builder: once, while driving or from a bag", color=BROWN, **HEADING)
    frame = list(street.drive.images())[SHOWN_IMAGE]
    image = frame.images[street.camera.frame_id]()
    localizer = street.localizer()
    view = localizer.encode(image, street.camera)
    best = localizer.localize(image, street.camera, frame.stamp_ns).best
    if view is None or best is None:
        raise LiplocError(f"image {SHOWN_IMAGE}: cannot be localized")
    panorama = street.lidar_view(best.T_map_base)
    colours = _colour_features(view.features, localizer.encoders.encode_panorama(panorama))
    above = FromAbove(street.from_above)
    _draw_localizer_row(page, street, image, colours[0])
    _draw_builder_row(page, street, above, panorama, colours[1], best.T_map_base)
    _draw_search(page, street, view.features)
    _draw_hypotheses(page, above, several, known)
    _draw_arrows(page)
    return page


def _draw_localizer_row(page: Page, street: Street, image: Image, features: Image) -> None:
    axes = _picture(page, 0, TOP, "camera image", "pinhole or fisheye,\nany heading")
    shown = image[:, 120:-120]
    axes.imshow(shown, aspect="auto", interpolation="antialiased")
    axes = _picture(page, 1, TOP, "view on the angular grid", "equal pixels look along\nequal rays", VIEW)
    axes.imshow(CameraViewer(street.grid, street.camera).draw(image).image, interpolation="nearest", aspect="auto")
    axes = _picture(page, 2, TOP, "features", "camera network: 32 numbers\nfor each of 8 × 32 cells", VIEW)
    axes.imshow(features, interpolation="nearest", aspect="auto")


def _draw_builder_row(
    page: Page, street: Street, above: FromAbove, panorama: Panorama, features: Image, T_map_base: Pose
) -> None:
    (x, y), _ = above.pose(T_map_base)
    axes = _picture(page, 0, BOTTOM, "scans and odometry", "one scan every 10 m\nis enough")
    nearest = street.scans_near(T_map_base)[0]
    points = street.from_above.of(transform_points(nearest.T_map_lidar, nearest.points)[:, :2])
    height = nearest.points[:, 2]
    x_points, y_points = points.T
    axes.scatter(x_points, y_points, s=0.12, c=height, cmap="viridis", vmin=-2, vmax=2.5, linewidths=0)
    axes.plot(*street.from_above.path.T, "-", color=INK, lw=1)
    scans = street.from_above.of(np.array([scan.T_map_lidar[:2, 3] for scan in street.scans]))
    axes.plot(*scans.T, "s", color=INK, ms=3.5)
    axes.set_xlim(x - 26, x + 26)
    axes.set_ylim(y - 26 * PICTURE / COLUMNS[0][1], y + 26 * PICTURE / COLUMNS[0][1])
    grid = street.grid
    window = grid.columns_facing(0.0)
    caption = "at places every metre, and in\nthe lanes beside the path"
    axes = _picture(page, 1, BOTTOM, "360-degree views", caption, VIEW, STRIP)
    colours = colour_lidar_view(panorama)
    axes.imshow(colours[:, window], interpolation="nearest", aspect="auto")
    _draw_strip(page, 1, colours, window, grid.panorama_width)
    axes = _picture(page, 2, BOTTOM, "features", "LiDAR network, trained to\nagree with the camera's", VIEW, STRIP)
    stride = grid.panorama_width // features.shape[1]
    columns = window[::stride] // stride
    axes.imshow(features[:, columns], interpolation="nearest", aspect="auto")
    _draw_strip(page, 2, features, columns, features.shape[1])
    axes = _picture(page, 3, BOTTOM, "map", "coded features of\nall places")
    lattice = street.lidar_map.lattice
    on_path = lattice.lateral == 0
    for chosen, size, colour in ((~on_path, 2.2, "#c8a15a"), (on_path, 6.0, INK)):
        x_places, y_places = street.from_above.places[chosen].T
        axes.scatter(x_places, y_places, s=size, c=colour, linewidths=0)
    width = 34.0
    axes.imshow(above.points, extent=EXTENT, origin="lower", interpolation="bilinear", zorder=0)
    axes.set_aspect("auto")
    axes.set_xlim(x - width / 2, x + width / 2)
    axes.set_ylim(y - width / 2 * PICTURE / COLUMNS[3][1], y + width / 2 * PICTURE / COLUMNS[3][1])


def _draw_strip(page: Page, column: int, panorama: Image, window: NDArray[np.intp], width: int) -> None:
    """Draw a whole panorama below its window, and mark the window."""
    left, across = COLUMNS[column]
    axes = page.axes(left, BOTTOM + 60, across, 18)
    axes.imshow(panorama, interpolation="antialiased", aspect="auto", extent=(0, width, 0, 1))
    axes.add_patch(Rectangle((window[0], 0.03), len(window), 0.94, fc="none", ec=BLUE, lw=1.8, clip_on=False))


def _draw_search(page: Page, street: Street, features: NDArray[np.float32]) -> None:
    """Draw how similar a view is to every place on the path at every heading."""
    layout = street.lidar_map.manifest.layout
    places = np.flatnonzero(street.lidar_map.lattice.lateral == 0)
    order = np.argsort(street.from_above.places[places, 0])
    everywhere = [Candidate(int(place), heading, 0.0) for place in places[order] for heading in range(layout.headings)]
    row = {int(place): number for number, place in enumerate(places[order])}
    scores = np.zeros((layout.headings, len(places)))
    for start in range(0, len(everywhere), CANDIDATES_PER_BLOCK):
        block = everywhere[start : start + CANDIDATES_PER_BLOCK]
        for candidate in rescore(features, block, street.lidar_map):
            scores[candidate.heading, row[candidate.place]] = candidate.score
    scores = scores[np.argsort(layout.heading_yaws)]
    axes = _picture(page, 3, TOP, "search", "compare with all\nplaces and headings")
    low, high = np.quantile(scores, [0.02, 1.0])
    axes.imshow(scores, cmap="cividis", vmin=low, vmax=high, aspect="auto", origin="lower", interpolation="nearest")
    heading, place = np.unravel_index(scores.argmax(), scores.shape)
    axes.plot(place, heading, "o", mfc="none", mec="white", ms=11, mew=1.6)
    axes.text(0.97, 0.1, "place →", color="white", fontsize=9, ha="right", va="center", transform=axes.transAxes)
    axes.text(0.05, 0.5, "heading →", color="white", fontsize=9, ha="center", va="center", rotation=90,
              transform=axes.transAxes)  # fmt: skip


def _draw_hypotheses(page: Page, above: FromAbove, several: TrackedImage, known: TrackedImage) -> None:
    for tracked, top, title, caption in (
        (several, TOP, "hypotheses", "poses with probability\nand covariance"),
        (known, BOTTOM, "belief", "LOST, CONVERGING\nor LOCALIZED"),
    ):
        axes = _picture(page, 4, top, title, caption)
        best = tracked.result.best
        (x, y), _ = above.pose(tracked.T_map_base_true if best is None else best.T_map_base)
        half = 17.0, 17.0 * PICTURE / COLUMNS[4][1]
        above.draw(axes, tracked, 3.6, (x - half[0], x + half[0], y - half[1], y + half[1]))
        axes.set_aspect("auto")


def _draw_arrows(page: Page) -> None:
    for column in range(4):
        left, width = COLUMNS[column]
        following = COLUMNS[column + 1][0]
        for top in (TOP, BOTTOM)[: 1 if column == 3 else 2]:
            page.arrow((left + width + 4, top + 26), (following - 4, top + 26))
    left, width = COLUMNS[3]
    page.arrow((left + width - 10, BOTTOM - 20), (left + width - 10, TOP + PICTURE + 42))
    left, width = COLUMNS[4]
    page.arrow((left + width - 10, TOP + PICTURE + 42), (left + width - 10, BOTTOM - 20))
    page.text(left + width - 18, (TOP + PICTURE + BOTTOM) / 2 + 10, "over time", fontsize=9, va="center", ha="right",
              color=GREY)  # fmt: skip


def _picture(
    page: Page, column: int, top: float, title: str, caption: str, height: float = PICTURE, below: float = 0
) -> Axes:
    """Return the axes of a picture between its title and its caption."""
    left, width = COLUMNS[column]
    page.text(left, top - 5, title, fontsize=10.5, fontweight="bold", va="bottom")
    page.text(left, top + height + below + 6, caption, fontsize=9, va="top", color=GREY, linespacing=1.15)
    return page.axes(left, top, width, height)


def _colour_features(*features: NDArray[np.float32]) -> list[Image]:
    """Return features (h, w, D) as images (h, w, 3): their three principal components, the same for all."""
    cells = np.concatenate([one[np.any(one != 0, axis=-1)] for one in features])
    mean = cells.mean(axis=0)
    _, _, axes = np.linalg.svd(cells - mean, full_matrices=False)
    low, high = np.quantile((cells - mean) @ axes[:3].T, [0.03, 0.97], axis=0)
    images = []
    for one in features:
        colours = np.clip(((one - mean) @ axes[:3].T - low) / (high - low), 0, 1)
        empty = ~np.any(one != 0, axis=-1, keepdims=True)
        images.append(np.where(empty, 240, 255 * colours).astype(np.uint8))
    return images
