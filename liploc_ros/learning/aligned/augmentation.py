# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Augmentation of camera and LiDAR views that keeps the place the same."""

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from liploc_ros.views import CameraView, Panorama

Pair = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]
"""Camera input, LiDAR input and cell mask of one frame."""
LEVELS = np.arange(256, dtype=np.float32)[None, :, None]  # of a color, as a look-up table of OpenCV


def jitter_color(view: CameraView, rng: np.random.Generator) -> CameraView:
    """Change gamma, color balance and contrast, and remove the color with probability 0.25."""
    gamma, balance = np.float32(rng.uniform(0.6, 1.6)), rng.uniform(0.7, 1.3, (1, 1, 3)).astype(np.float32)
    contrast = np.float32(rng.uniform(0.6, 1.4))
    # Look-up tables (1, 256, 3) of all values are much faster than arithmetic on every pixel, with the same result.
    values = np.clip(LEVELS / 255, 1e-3, 1) ** gamma * balance
    pixels = cv2.LUT(view.image, values)
    mean = pixels.mean()
    if rng.random() < 0.25:
        x = (pixels - mean) * contrast + mean
        x = np.repeat(x.mean(-1, keepdims=True), 3, axis=-1)
        return replace(view, image=(np.clip(x, 0, 1) * 255).astype(np.uint8))
    table = (np.clip((values - mean) * contrast + mean, 0, 1) * 255).astype(np.uint8)
    return replace(view, image=np.asarray(cv2.LUT(view.image, table)))


def mask_columns(view: CameraView, rng: np.random.Generator) -> CameraView:
    """Mask outer columns with probability 0.25, like a camera with a narrower or rotated field of view."""
    if rng.random() > 0.25:
        return view
    width = view.mask.shape[1]
    left, right = (rng.uniform(0, 0.25, 2) * width).astype(int)
    visible = np.zeros_like(view.mask)
    visible[:, left : width - right] = True
    mask = view.mask & visible
    return CameraView(view.image * mask[..., None], mask)


def vary_sensor(panorama: Panorama, rng: np.random.Generator) -> Panorama:
    """Scale or remove the reflectance, drop random returns, and drop rows, like a sensor with fewer beams."""
    reflectance = np.clip(panorama.reflectance * np.float32(rng.uniform(0.7, 1.4)), 0, 1) * np.float32(
        rng.random() > 0.3
    )
    kept = np.ones(panorama.range.shape, bool)
    if rng.random() < 0.3:
        kept &= rng.random(kept.shape) > rng.uniform(0, 0.3)
    if rng.random() < 0.25:
        row_step = rng.integers(2, 5)  # of 64 rows, 32 to 16 are left
        kept &= ((np.arange(len(kept)) + rng.integers(row_step)) % row_step == 0)[:, None]
    return Panorama(panorama.range * kept, reflectance * kept)


def drop_blocks(panorama: Panorama, rng: np.random.Generator) -> Panorama:
    """Drop the returns in one to three blocks with probability 0.3.

    This imitates glass, a nearby vehicle, and areas that no scan reached.
    """
    if rng.random() > 0.3:
        return panorama
    rows, columns = panorama.range.shape
    kept = np.ones((rows, columns), bool)
    for _ in range(rng.integers(1, 4)):
        height, width = rng.integers(6, 24), rng.integers(10, 50)
        row, column = rng.integers(0, rows - height), rng.integers(0, columns - width)
        kept[row : row + height, column : column + width] = False
    return Panorama(panorama.range * kept, panorama.reflectance * kept)


def flip(pair: Pair) -> Pair:
    """Mirror a pair left to right."""
    image, cloud, mask = pair
    return np.ascontiguousarray(image[:, :, ::-1]), np.ascontiguousarray(cloud[:, :, ::-1]), mask[:, ::-1]


def mosaic(pair: Pair, other: Pair, stride: int, rng: np.random.Generator) -> Pair:
    """Return an artificial place: columns of one pair next to columns of another, both from random positions.

    Both inputs are cut at the same columns, so each camera pixel still looks along the ray of its LiDAR pixel. The
    encoders can use neither the position of an object in the view nor its neighbors, with which they would overfit to
    the few streets in training.

    Args:
        pair: camera input (3, H, W), LiDAR input (3, H, W + 2 context) and cell mask (H / stride, W / stride).
        other: of the same shapes.
        stride: side of a cell [pixel]; cuts are multiples of it.
        rng: random numbers.
    """
    (image, cloud, mask), (image_2, cloud_2, mask_2) = pair, other
    width = image.shape[2]
    context = (cloud.shape[2] - width) // 2
    cut = stride * int(rng.integers(width // stride // 4, width // stride * 3 // 4 + 1))
    rest = width - cut
    first, first_2 = (stride * int(rng.integers(0, (width - part) // stride + 1)) for part in (cut, rest))
    left, right = slice(first, first + cut + context), slice(first_2 + context, first_2 + rest + 2 * context)
    cells, cells_2 = (slice(f // stride, (f + p) // stride) for f, p in ((first, cut), (first_2, rest)))
    return (
        np.concatenate([image[:, :, first : first + cut], image_2[:, :, first_2 : first_2 + rest]], axis=2),
        np.concatenate([cloud[:, :, left], cloud_2[:, :, right]], axis=2),
        np.concatenate([mask[:, cells], mask_2[:, cells_2]], axis=1),
    )
