# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The reference algorithms of the timings: straightforward implementations of what the library computes."""

import cv2
import numpy as np
from numpy.typing import NDArray


def sorted_range_image(
    points: NDArray[np.float32], height: int = 64, width: int = 900, up_deg: float = 3.0, down_deg: float = -25.0
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], NDArray[np.int32]]:
    """Return range, point, intensity and index images (height, width), like LIP-Loc's projection (arXiv 2312.16648).

    All attributes of the points (N, 4) are sorted by depth and written from far to near: the nearest point of a pixel
    remains.
    """
    up, down = np.deg2rad(up_deg), np.deg2rad(down_deg)
    depth = np.linalg.norm(points[:, :3], 2, axis=1)
    valid = (depth > 0) & (depth < 50)
    points, depth = points[valid], depth[valid]
    yaw = -np.arctan2(points[:, 1], points[:, 0])
    pitch = np.arcsin(points[:, 2] / depth)
    u = np.floor(0.5 * (yaw / np.pi + 1) * width).clip(0, width - 1).astype(np.int32)
    v = np.floor((1 - (pitch - down) / (up - down)) * height).clip(0, height - 1).astype(np.int32)
    order = np.argsort(depth)[::-1]
    u, v = u[order], v[order]
    range_image = np.full((height, width), -1, np.float32)
    point_image = np.full((height, width, 4), -1, np.float32)
    intensity_image = np.full((height, width), -1, np.float32)
    index_image = np.full((height, width), -1, np.int32)
    range_image[v, u] = depth[order]
    point_image[v, u] = np.c_[points[order, :3], np.ones(len(order), np.float32)]
    intensity_image[v, u] = points[order, 3]
    index_image[v, u] = np.arange(len(order))[order]
    return range_image, point_image, intensity_image, index_image


def sorted_range_and_intensity(points: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return range and intensity images (64, 900), computed like :func:`sorted_range_image`.

    These are the channels of our panorama; the point and index images are left out.
    """
    height, width, up, down = 64, 900, np.deg2rad(3.0), np.deg2rad(-25.0)
    depth = np.linalg.norm(points[:, :3], 2, axis=1)
    valid = (depth > 0) & (depth < 50)
    points, depth = points[valid], depth[valid]
    u = np.floor(0.5 * (1 - np.arctan2(points[:, 1], points[:, 0]) / np.pi) * width).clip(0, width - 1).astype(np.int32)
    pitch = np.arcsin(points[:, 2] / depth)
    v = np.floor((1 - (pitch - down) / (up - down)) * height).clip(0, height - 1).astype(np.int32)
    order = np.argsort(depth)[::-1]
    u, v = u[order], v[order]
    range_image, intensity_image = (np.full((height, width), -1, np.float32) for _ in range(2))
    range_image[v, u] = depth[order]
    intensity_image[v, u] = points[order, 3]
    return range_image, intensity_image


def blurred_remap(image: NDArray[np.uint8], pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return a camera view: the whole image is blurred and then sampled at pixel coordinates (H, W, 2)."""
    blurred = cv2.GaussianBlur(image, (0, 0), 1.2)
    return cv2.remap(blurred, pixels[..., 0], pixels[..., 1], cv2.INTER_LINEAR)  # type: ignore[return-value]


def exhaustive_search(descriptors: NDArray[np.float32], query: NDArray[np.float32], k: int) -> NDArray[np.intp]:
    """Return the rows with the k largest inner products; all products are computed and sorted."""
    return np.argsort(-(descriptors @ query))[:k]
