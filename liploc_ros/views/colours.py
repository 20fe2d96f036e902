# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Colours of ranges and of probabilities, the same in reports, in RViz and in the browser."""

import cv2
import numpy as np
from numpy.typing import NDArray

from liploc_ros.views.panorama import Panorama

NEAR, FAR = 1.5, 80.0  # metres, ends of the colour scale of ranges
PROBABILITIES = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
PROBABILITY_COLOURS = np.array([[122, 74, 163], [222, 73, 104], [250, 142, 49], [214, 204, 48], [64, 214, 110]])


def colour_ranges(view: Panorama) -> NDArray[np.uint8]:
    """Return the ranges of a view as colours (H, W, 3): red is near, blue is far, black has no return."""
    log_range = np.log(np.maximum(view.range, NEAR) / NEAR) / np.log(FAR / NEAR)
    nearness = np.clip(255 * (1 - log_range), 0, 255).astype(np.uint8)
    colours = cv2.cvtColor(cv2.applyColorMap(nearness, cv2.COLORMAP_TURBO), cv2.COLOR_BGR2RGB)
    return np.where(view.mask[..., None], colours, 0).astype(np.uint8)


def colour_probability(probability: float) -> tuple[int, int, int]:
    """Return red, green, blue from 0 to 255: violet for 0, orange for 0.5, green for 1. Brightness grows with it."""
    mixed = [np.interp(probability, PROBABILITIES, channel) for channel in PROBABILITY_COLOURS.T]
    red, green, blue = (round(float(value)) for value in mixed)
    return red, green, blue
