"""From drawn views to the encoders' inputs, and which cells of them say anything."""

import numpy as np
from numpy.typing import NDArray

from liploc_ros.encoders.spec import InputSpec, LidarChannel, ModelSpec
from liploc_ros.geometry import ViewGrid
from liploc_ros.views import CameraView, Panorama


def camera_input(view: CameraView, spec: InputSpec) -> NDArray[np.float32]:
    """Return (3, H, W) normalised RGB, 0 where the camera sees nothing."""
    scale = np.float32(1 / 255) / np.array(spec.camera_std, np.float32)
    shift = np.array(spec.camera_mean, np.float32) / np.array(spec.camera_std, np.float32)
    normalised = (view.image * scale - shift) * view.mask[..., None]
    return np.ascontiguousarray(normalised.transpose(2, 0, 1), dtype=np.float32)


def lidar_input(panorama: Panorama, grid: ViewGrid, spec: InputSpec) -> NDArray[np.float32]:
    """Return (3, H, W) the channels that the bundle names, scaled.

    Log range is 0 at ``grid.near`` and 1 at ``grid.far``, range 0 at the LiDAR and 1 at ``grid.far``.
    """
    channels = np.stack([_channel(name, panorama, grid, spec) for name in spec.lidar_channels])
    scale, shift = np.array(spec.lidar_scale, np.float32), np.array(spec.lidar_shift, np.float32)
    return np.asarray(channels * scale[:, None, None] + shift[:, None, None], dtype=np.float32)


def panorama_input(panorama: Panorama, spec: ModelSpec) -> NDArray[np.float32]:
    """Return (3, H, W + 2 margins) a whole panorama, repeated at both ends, so that it is closed all round."""
    margin = spec.inputs.panorama_margin
    return np.pad(lidar_input(panorama, spec.grid, spec.inputs), ((0, 0), (0, 0), (margin, margin)), mode="wrap")


def heading_inputs(around: NDArray[np.float32], spec: ModelSpec, headings: NDArray[np.integer]) -> NDArray[np.float32]:
    """Return (N, 3, H, W) what is seen along some headings; each begins ``stride`` columns after the one before.

    Args:
        around: (3, H, W) the input of a whole panorama.
        spec: of a model for whole images.
        headings: (N,) numbers of headings.
    """
    columns = (headings[:, None] * spec.stride + np.arange(spec.grid.width)) % around.shape[2]
    return np.ascontiguousarray(around[:, :, columns].transpose(2, 0, 1, 3))


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


def camera_cell_mask(mask: NDArray[np.bool_], stride: int) -> NDArray[np.bool_]:
    """Return (H / s, W / s): cells of which the camera sees at least half."""
    return np.asarray(_cells(mask, stride).mean(axis=(1, 3)) >= 0.5)


def lidar_cell_mask(mask: NDArray[np.bool_], stride: int) -> NDArray[np.bool_]:
    """Return (H / s, W / s): cells with at least one return."""
    return np.asarray(_cells(mask, stride).any(axis=(1, 3)))


def _cells(mask: NDArray[np.bool_], stride: int) -> NDArray[np.bool_]:
    height, width = mask.shape
    return mask.reshape(height // stride, stride, width // stride, stride)
