# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""A camera image resampled to the angular grid."""

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from liploc_ros.errors import LiplocError
from liploc_ros.geometry import MountedCamera, ViewGrid, inverse


class ViewError(LiplocError):
    """An image does not match the calibration of its camera."""


@dataclass(frozen=True)
class CameraView:
    """A camera view: ``image`` (H, W, 3) uint8 RGB, and ``mask`` (H, W), true where the camera sees the grid."""

    image: NDArray[np.uint8]
    mask: NDArray[np.bool_]


class Viewer(Protocol):
    """Converts images of one camera to views."""

    def draw(self, image: NDArray[np.uint8]) -> CameraView:
        """Return the view of an RGB (h, w, 3) or grey (h, w) uint8 image.

        Raises:
            ViewError: the image is not 8 bit, or its size is not that of the calibration.
        """


class WholeImageViewer:
    """Scales whole images to a square, as LIP-Loc does. The calibration is not used, except for the image size."""

    def __init__(self, mounted: MountedCamera, side: int) -> None:
        self.mounted = mounted
        self.mask = np.ones((side, side), dtype=bool)

    def draw(self, image: NDArray[np.uint8]) -> CameraView:
        """See :class:`Viewer`."""
        _check_size(image, self.mounted)
        view = cv2.resize(image, self.mask.shape, interpolation=cv2.INTER_AREA)
        if view.ndim == 2:
            view = cv2.cvtColor(view, cv2.COLOR_GRAY2RGB)
        return CameraView(view, self.mask)  # type: ignore[arg-type]


class CameraViewer:
    """Resamples the images of one camera to a grid whose axes are those of the vehicle.

    The grid is rotated by ``heading`` [rad] about the vehicle's z axis; 0 is for a camera that looks forward. Only the
    rotation of the camera in the vehicle is used, not its position: the map compensates the offset by its view origin.
    """

    def __init__(self, grid: ViewGrid, mounted: MountedCamera, heading: float = 0.0) -> None:
        """Compute the look-up tables. This takes a few milliseconds, once per camera."""
        self.grid = grid
        self.mounted = mounted
        cos, sin = np.cos(heading), np.sin(heading)
        R_base_grid = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
        R_camera_grid = inverse(mounted.T_base_camera)[:3, :3] @ R_base_grid
        pixels, self.mask = mounted.camera.project(grid.rays() @ R_camera_grid.T)
        # A grid pixel covers several image pixels. Downscaling first averages them, and is faster than a blur.
        pitch = int(_image_pixels_per_grid_pixel(pixels, self.mask))
        self._downscale = max(1, min(pitch, mounted.camera.width, mounted.camera.height))
        small = ((pixels + 0.5) / self._downscale - 0.5).astype(np.float32)
        small[~self.mask] = -10
        self._map, self._map_fraction = cv2.convertMaps(small[..., 0], small[..., 1], cv2.CV_16SC2)

    def draw(self, image: NDArray[np.uint8]) -> CameraView:
        """Return the view of an RGB (h, w, 3) or grey (h, w) uint8 image. Pixels outside the mask are black.

        Raises:
            ViewError: the image is not 8 bit, or its size is not that of the calibration.
        """
        _check_size(image, self.mounted)
        image = _downscaled(image, self._downscale)
        view = cv2.remap(image, self._map, self._map_fraction, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        if view.ndim == 2:
            view = cv2.cvtColor(view, cv2.COLOR_GRAY2RGB)
        view = cv2.copyTo(view, self.mask.view(np.uint8))  # black elsewhere
        return CameraView(view, self.mask)  # type: ignore[arg-type]


def _downscaled(image: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """Return the averages of blocks of factor x factor pixels; an incomplete block at the edge is left out."""
    height, width = image.shape[0] // factor * factor, image.shape[1] // factor * factor
    image = image[:height, :width]
    while factor > 1:
        step = 2 if factor % 2 == 0 else factor  # OpenCV halves an image several times faster than it quarters it
        size = image.shape[1] // step, image.shape[0] // step
        image, factor = cv2.resize(image, size, interpolation=cv2.INTER_AREA), factor // step  # type: ignore[assignment]
    return image


def _check_size(image: NDArray[np.uint8], mounted: MountedCamera) -> None:
    camera = mounted.camera
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3):
        raise ViewError(f"image of shape {image.shape} and type {image.dtype}: expected (h, w, 3) or (h, w) uint8")
    if image.shape[:2] != (camera.height, camera.width):
        raise ViewError(
            f"image of {image.shape[1]} x {image.shape[0]} pixels, but {mounted.frame_id} is calibrated for "
            f"{camera.width} x {camera.height}: give the CameraInfo or calibration file of this image size"
        )


def _image_pixels_per_grid_pixel(pixels: NDArray[np.float64], seen: NDArray[np.bool_]) -> float:
    """Return the median distance [image pixels] between neighbouring columns of the grid, over the seen pixels."""
    both = seen[:, 1:] & seen[:, :-1]
    if not both.any():
        return 1.0
    return float(np.median(np.linalg.norm(np.diff(pixels, axis=1)[both], axis=-1)))
