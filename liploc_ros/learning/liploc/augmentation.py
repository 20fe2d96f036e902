# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""LIP-Loc's augmentation."""

import numpy as np
from numpy.typing import NDArray

HOLES = 5
MIN_SIDE, MAX_SIDE = 50 / 224, 100 / 224  # height and width of a hole, as a fraction of the rows and columns


def coarse_dropout(view: NDArray[np.float32], rng: np.random.Generator, probability: float) -> NDArray[np.float32]:
    """Return the input (3, H, W), with the given probability with five rectangles set to 0, the mean of all inputs.

    This is CoarseDropout of albumentations with the settings of the paper.
    """
    if rng.random() >= probability:
        return view
    blanked: NDArray[np.float32] = np.array(view)
    height, width = view.shape[1:]
    for _ in range(HOLES):
        rows, columns = round(rng.uniform(MIN_SIDE, MAX_SIDE) * height), round(rng.uniform(MIN_SIDE, MAX_SIDE) * width)
        top, left = rng.integers(height - rows + 1), rng.integers(width - columns + 1)
        blanked[:, top : top + rows, left : left + columns] = 0
    return blanked
