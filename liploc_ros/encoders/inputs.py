# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The encoders' input arrays, computed from drawn views, and the masks of the cells that contain data."""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from liploc_ros.encoders.spec import InputSpec, LidarChannel, ModelSpec
from liploc_ros.geometry import ViewGrid
from liploc_ros.views import CameraView, Panorama


def camera_input(view: CameraView, spec: InputSpec) -> NDArray[np.float32]:
    """Return normalized RGB (3, H, W), 0 outside the camera's field of view."""
    normalized = cv2.copyTo(cv2.LUT(view.image, _normalized_colours(spec)), view.mask.view(np.uint8))
    return np.ascontiguousarray(normalized.transpose(2, 0, 1), dtype=np.float32)


@lru_cache(maxsize=8)
def _normalized_colours(spec: InputSpec) -> NDArray[np.float32]:
    """Return the look-up table (1, 256, 3) of normalized RGB; it is faster than arithmetic on every pixel."""
    scale = np.float32(1 / 255) / np.array(spec.camera_std, np.float32)
    shift = np.array(spec.camera_mean, np.float32) / np.array(spec.camera_std, np.float32)
    values = np.arange(256, dtype=np.float32)[None, :, None]
    return np.asarray(values * scale - shift, dtype=np.float32)


def lidar_input(panorama: Panorama, grid: ViewGrid, spec: InputSpec) -> NDArray[np.float32]:
    """Return the scaled channels (3, H, W) of a panorama that the bundle names.

    ``log_range`` is 0 at ``grid.near`` and 1 at ``grid.far``. ``range`` is 0 at the LiDAR and 1 at ``grid.far``.
    """
    channels = np.stack([_channel(name, panorama, grid, spec) for name in spec.lidar_channels])
    scale, shift = np.array(spec.lidar_scale, np.float32), np.array(spec.lidar_shift, np.float32)
    return np.asarray(channels * scale[:, None, None] + shift[:, None, None], dtype=np.float32)


def panorama_input(panorama: Panorama, spec: ModelSpec) -> NDArray[np.float32]:
    """Return the channels (3, H, W + 2 margins) of a panorama.

    Columns are repeated at both ends, because the panorama wraps around 360 degrees.
    """
    margin = spec.inputs.panorama_margin
    return np.pad(lidar_input(panorama, spec.grid, spec.inputs), ((0, 0), (0, 0), (margin, margin)), mode="wrap")


def heading_inputs(
    panorama_channels: NDArray[np.float32], spec: ModelSpec, headings: NDArray[np.integer]
) -> NDArray[np.float32]:
    """Return (N, 3, H, W): the windows of a panorama that are seen along some headings.

    The window of each heading begins ``stride`` columns after that of the previous heading.

    Args:
        panorama_channels: (3, H, W) the input of a whole panorama.
        spec: of a model of whole images.
        headings: (N,) indices of headings.
    """
    columns = (headings[:, None] * spec.stride + np.arange(spec.grid.width)) % panorama_channels.shape[2]
    return np.ascontiguousarray(panorama_channels[:, :, columns].transpose(2, 0, 1, 3))


def camera_cell_mask(mask: NDArray[np.bool_], stride: int) -> NDArray[np.bool_]:
    """Return (H / s, W / s): the cells of which the camera sees at least half."""
    return np.asarray(_pixels_of_cells(mask, stride).mean(axis=(1, 3)) >= 0.5)


def lidar_cell_mask(mask: NDArray[np.bool_], stride: int) -> NDArray[np.bool_]:
    """Return (H / s, W / s): the cells with at least one LiDAR return."""
    return np.asarray(_pixels_of_cells(mask, stride).any(axis=(1, 3)))


def _channel(name: LidarChannel, panorama: Panorama, grid: ViewGrid, spec: InputSpec) -> NDArray[np.float32]:
    mask = panorama.mask
    if name == "mask":
        return mask.astype(np.float32)
    if name == "reflectance":
        return panorama.reflectance
    if name == "range":
        return np.asarray(np.where(mask, panorama.range / np.float32(grid.far), spec.lidar_empty), dtype=np.float32)
    log_range = np.log(np.maximum(panorama.range, grid.near) / grid.near) / np.log(grid.far / grid.near)
    return np.asarray(np.where(mask, log_range, spec.lidar_empty), dtype=np.float32)


def _pixels_of_cells(mask: NDArray[np.bool_], stride: int) -> NDArray[np.bool_]:
    """Return (H / s, s, W / s, s): the pixels by row and column of their cell."""
    height, width = mask.shape
    return mask.reshape(height // stride, stride, width // stride, stride)
