"""LIP-Loc's augmentation."""

import numpy as np
from numpy.typing import NDArray

HOLES = 5
LEAST, MOST = 50 / 224, 100 / 224  # of rows and columns, a hole


def blank_rectangles(view: NDArray[np.float32], rng: np.random.Generator, share: float) -> NDArray[np.float32]:
    """Return an input (3, H, W) in which, for a share of the inputs, five rectangles are 0: the mean of all inputs.

    It is the CoarseDropout of albumentations with the paper's settings, as shares of rows and columns.
    """
    if rng.random() >= share:
        return view
    blanked: NDArray[np.float32] = np.array(view)
    height, width = view.shape[1:]
    for _ in range(HOLES):
        rows, columns = round(rng.uniform(LEAST, MOST) * height), round(rng.uniform(LEAST, MOST) * width)
        top, left = rng.integers(height - rows + 1), rng.integers(width - columns + 1)
        blanked[:, top : top + rows, left : left + columns] = 0
    return blanked
