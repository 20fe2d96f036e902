# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The animation of the README: the belief converges on a street."""

from collections.abc import Sequence

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from benchmarks.figures.drive import Street, TrackedImage
from benchmarks.figures.from_above import EXTENT, FromAbove, percent
from benchmarks.figures.layout import Page, draw_scale, write_label
from benchmarks.figures.style import (
    BLUE,
    DARK,
    GREY,
    INK,
    PALE,
    PAPER,
    PROBABILITY,
    PROBABILITY_NORM,
    STATE_COLOURS,
    colour_lidar_view,
)
from liploc_ros.localization import TrackingState
from liploc_ros.localization.hypotheses import position_sigmas

HEIGHT, DPI = 652, 120
SHOWN = 10.5, -12.5  # elevations that are shown of the camera image [degrees]
ZOOM = (7.0, 4.856)  # metres to both sides of the most probable pose
SLOW, FAST, LAST = 850, 280, 3000  # milliseconds that an image is shown: converging, localized, at the end
QUALITY = 74
NOTE = "KITTI drive 0013, on which the model was trained"


def animate(street: Street, tracked: Sequence[TrackedImage]) -> bytes:
    """Return the animation as a WebP file."""
    animation = cv2.Animation()
    animation.frames = [page[..., ::-1] for page in _pages(street, tracked)]
    durations = np.where(np.arange(len(tracked)) <= _first_localized(tracked) + 1, SLOW, FAST)
    durations[-1] = LAST
    animation.durations = durations.tolist()
    _, encoded = cv2.imencodeanimation(".webp", animation, [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
    return encoded.tobytes()


def describe(tracked: Sequence[TrackedImage]) -> str:
    """Return what the animation shows, in words."""
    first = _first_localized(tracked)
    after = tracked[first:]
    error = [one.position_error for one in after]
    localized = sum(one.result.state is TrackingState.LOCALIZED for one in after)
    return (
        f"{tracked[first].result.state.name} after {first + 1} images, {_travelled(tracked)[first]:.0f} m; LOCALIZED "
        f"after {localized} of the last {len(after)} images, position error {np.median(error):.2f} m (median), "
        f"{max(error):.2f} m (max)"
    )


def _first_localized(tracked: Sequence[TrackedImage]) -> int:
    """Return the number of the first image after which the pose is known, or else of the last one."""
    states = [one.result.state for one in tracked]
    return states.index(TrackingState.LOCALIZED) if TrackingState.LOCALIZED in states else len(states) - 1


def _pages(street: Street, tracked: Sequence[TrackedImage]) -> list[NDArray[np.uint8]]:
    above = FromAbove(street.from_above)
    return [draw_page(street, above, tracked, number).pixels() for number in range(len(tracked))]


def draw_page(street: Street, above: FromAbove, tracked: Sequence[TrackedImage], number: int) -> Page:
    """Return the picture after an image."""
    page = Page(HEIGHT, DPI)
    one = tracked[number]
    _write_header(page, tracked, number)
    _draw_views(page, street, one)
    _draw_zoom(page.axes(668, 54, 320, 222), above, one)
    _draw_history(page.axes(668, 310, 320, 96), tracked, number)
    strip = page.axes(12, 418, 976, 976 * (EXTENT[3] - EXTENT[2]) / (EXTENT[1] - EXTENT[0]))
    above.draw(strip, one, 5.0, labels=True)
    draw_scale(strip, 20)
    _write_legend(page)
    return page


def _write_header(page: Page, tracked: Sequence[TrackedImage], number: int) -> None:
    one = tracked[number]
    state = one.result.state
    page.text(24, 27, state.name, fontsize=15, fontweight="bold", color=PAPER, va="center",
          bbox={"boxstyle": "round,pad=0.35", "fc": STATE_COLOURS[state], "ec": "none"})  # fmt: skip
    seconds = (one.stamp_ns - tracked[0].stamp_ns) / 1e9
    metres = _travelled(tracked)[number]
    page.text(212, 27, f"{seconds:.1f} s    image {number + 1}    {metres:.0f} m driven", fontsize=14, va="center")
    page.text(988, 17, "camera only: no odometry, no initial pose", ha="right", va="center", fontsize=11)
    page.text(988, 37, NOTE, ha="right", va="center", color=GREY, fontsize=10)


def _draw_views(page: Page, street: Street, one: TrackedImage) -> None:
    grid = street.grid
    up, down = SHOWN
    rows = round(3 * grid.height * (up - down) / (grid.up_deg - grid.down_deg))
    fine = grid.model_copy(update={"width": 3 * grid.width, "height": rows, "up_deg": up, "down_deg": down})
    axes = page.axes(12, 54, 640, 184)
    axes.imshow(street.camera_view(one.image, fine), interpolation="antialiased", aspect="auto")
    write_label(axes, "camera image")
    axes = page.axes(12, 246, 640, 160)
    best = one.result.best
    if best is None:
        axes.set_facecolor(PALE)
        return
    view = street.lidar_view(best.T_map_base).facing(grid, street.camera.optical_axis_yaw)
    axes.imshow(colour_lidar_view(view), interpolation="nearest", aspect="auto")
    write_label(axes, f"LiDAR view of the map at the most probable pose ({percent(best.probability)})")


def _draw_zoom(axes: Axes, above: FromAbove, one: TrackedImage) -> None:
    best = one.result.best
    (x, y), _ = above.pose(one.T_map_base_true if best is None else best.T_map_base)
    above.draw(axes, one, 0.9, (x - ZOOM[0], x + ZOOM[0], y - ZOOM[1], y + ZOOM[1]))
    draw_scale(axes, 2)
    if best is None:
        return
    along, across = position_sigmas(best)
    is_localized = one.result.state is TrackingState.LOCALIZED
    text = "around the most probable pose"
    if is_localized:
        text = f"error {one.position_error:.1f} m   σ {along:.1f} × {across:.1f} m"
    if is_localized and above.is_beyond_map(one.T_map_base_true):
        text = f"error {one.position_error:.1f} m: beyond the map"
    write_label(axes, text, BLUE if is_localized else INK)


def _draw_history(axes: Axes, tracked: Sequence[TrackedImage], number: int) -> None:
    """Draw for each image so far the probabilities of its hypotheses, stacked; what is missing to 1 is being lost."""
    for image, one in enumerate(tracked[: number + 1]):
        bottom = 0.0
        for rank, hypothesis in enumerate(one.result.hypotheses):
            is_accepted = rank == 0 and one.result.state is TrackingState.LOCALIZED
            p = hypothesis.probability
            colour = BLUE if is_accepted else PROBABILITY(PROBABILITY_NORM(p))
            axes.bar(image, p, 0.84, bottom, color=colour, ec=PAPER, lw=0.5)
            bottom += p
        axes.bar(image, 1 - bottom, 0.84, bottom, color=PALE)
    axes.set_xlim(-0.7, len(tracked) - 0.3)
    axes.set_ylim(0, 1.02)
    axes.set_yticks([0, 0.95], ["0", "95 %"], fontsize=10)
    axes.axhline(0.95, color=GREY, lw=0.9, ls=(0, (4, 3)), zorder=3)
    axes.set_xticks([])
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.set_position((0.708, *axes.get_position().bounds[1:2], 0.28, axes.get_position().height))
    axes.set_title("probability by image (grey: lost)", fontsize=11, loc="right", pad=5)


def _write_legend(page: Page) -> None:
    axes = page.axes(12, 620, 976, 28)
    axes.axis("off")

    def shown(**style: object) -> Line2D:
        return Line2D([], [], ls="none", **style)  # type: ignore[arg-type]

    handles = [
        (shown(marker=">", mfc=PROBABILITY(0.6), mec=DARK, ms=11), "hypothesis"),
        (shown(marker="s", mfc=PROBABILITY(0.35), mec="none", ms=11, alpha=0.8), "belief"),
        (shown(marker=">", mfc=BLUE, mec=PAPER, ms=11), "accepted pose with 2σ"),
        (shown(marker="o", mfc="none", mec=INK, ms=11, mew=1.8), "true pose"),
        (Line2D([], [], color=GREY, lw=1.2), "mapped path"),
        (shown(marker="s", mfc="#4b5563", mec="none", ms=6), "LiDAR points"),
    ]
    axes.legend(*zip(*handles, strict=True), loc="center", ncols=len(handles), frameon=False, fontsize=11,
                handletextpad=0.3, columnspacing=1.4, borderpad=0)  # fmt: skip


def _travelled(tracked: Sequence[TrackedImage]) -> NDArray[np.float64]:
    """Return the distance from the first image to each image, along the true path [m]."""
    positions = np.array([one.T_map_base_true[:2, 3] for one in tracked])
    return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(positions, axis=0), axis=1))])
