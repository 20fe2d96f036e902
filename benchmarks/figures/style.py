# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Colours, fonts and sizes that all pictures share. The colours are safe for colour-blind readers (Okabe and Ito)."""

import cv2
import matplotlib
import numpy as np
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from numpy.typing import NDArray

from liploc_ros.localization import TrackingState
from liploc_ros.views import Panorama

INK, GREY, PALE, PAPER, DARK = "#1f2430", "#6b7280", "#e5e7eb", "#ffffff", "#5c1403"
BLUE, ORANGE = "#0072b2", "#d98200"
STATE_COLOURS = {TrackingState.LOST: GREY, TrackingState.CONVERGING: ORANGE, TrackingState.LOCALIZED: BLUE}
PROBABILITY = LinearSegmentedColormap.from_list("probability", ["#fff1d6", "#fdc070", "#ee7a2c", "#b8350b", "#5c1403"])
PROBABILITY_NORM = LogNorm(0.003, 1.0, clip=True)
NEAR, FAR = 5.0, 70.0  # metres, ends of the colour scale of ranges


def use_style() -> None:
    """Set fonts and lines of matplotlib for all pictures."""
    matplotlib.rcParams.update(
        {
            "font.family": "DejaVu Sans",
            "font.size": 11,
            "text.color": INK,
            "axes.edgecolor": GREY,
            "axes.labelcolor": INK,
            "axes.linewidth": 0.8,
            "xtick.color": GREY,
            "ytick.color": GREY,
            "figure.facecolor": PAPER,
            "savefig.facecolor": PAPER,
        }
    )


def colour_lidar_view(view: Panorama, zoom: int = 1) -> NDArray[np.uint8]:
    """Return a LiDAR view as an image (h, w, 3): hue and brightness are the range, finer detail the reflectance."""
    log_range = np.log(np.clip(view.range, NEAR, FAR) / NEAR) / np.log(FAR / NEAR)
    colours = matplotlib.colormaps["viridis"](1 - log_range)[..., :3]
    colours = colours * (0.55 + 0.75 * np.sqrt(np.clip(view.reflectance, 0, 1))[..., None])
    image = np.where(view.mask[..., None], np.clip(255 * colours, 0, 255), [243, 244, 246]).astype(np.uint8)
    return np.asarray(cv2.resize(image, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_NEAREST), np.uint8)
