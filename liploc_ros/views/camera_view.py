"""A camera image drawn on the angular grid."""

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from liploc_ros.errors import LiplocError
from liploc_ros.geometry import MountedCamera, ViewGrid, inverse


class ViewError(LiplocError):
    """An image that does not fit its camera, or a camera that does not fit the grid."""


@dataclass(frozen=True)
class CameraView:
    """What a camera sees of the grid: ``image`` (H, W, 3) uint8 RGB, ``mask`` (H, W) where it sees anything."""

    image: NDArray[np.uint8]
    mask: NDArray[np.bool_]


class Viewer(Protocol):
    """Makes views of one camera's images."""

    def draw(self, image: NDArray[np.uint8]) -> CameraView:
        """Return the view of an RGB (h, w, 3) or grey (h, w) uint8 image.

        Raises:
            ViewError: the image is not 8 bit, or not of the size that the calibration is for.
        """


class WholeImageViewer:
    """Scales whole images to a square, as LIP-Loc does: what the camera is like plays no part."""

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
    """Draws the images of one camera on a grid whose axes are the vehicle's.

    The grid is turned by ``heading`` about the vehicle's z axis: zero for a camera that looks forward. The camera's
    place in the vehicle plays no part, only its rotation: parallax is the map's concern (its view origin).
    """

    def __init__(self, grid: ViewGrid, mounted: MountedCamera, heading: float = 0.0) -> None:
        """Prepare the look-up tables, some milliseconds, once a camera."""
        self.grid = grid
        self.mounted = mounted
        cos, sin = np.cos(heading), np.sin(heading)
        R_base_grid = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
        R_camera_grid = inverse(mounted.T_base_camera)[:3, :3] @ R_base_grid
        pixels, self.mask = mounted.camera.project(grid.rays() @ R_camera_grid.T)
        # A grid pixel spans several image pixels: shrinking first averages them, and is quicker than a blur.
        pitch = int(_image_pixels_per_grid_pixel(pixels, self.mask))
        self._shrink = max(1, min(pitch, mounted.camera.width, mounted.camera.height))
        self._size = mounted.camera.width // self._shrink, mounted.camera.height // self._shrink
        small = ((pixels + 0.5) / self._shrink - 0.5).astype(np.float32)
        small[~self.mask] = -10
        self._map, self._map_fraction = cv2.convertMaps(small[..., 0], small[..., 1], cv2.CV_16SC2)

    def draw(self, image: NDArray[np.uint8]) -> CameraView:
        """Return the view of an RGB (h, w, 3) or grey (h, w) uint8 image. Unseen pixels are black and masked.

        Raises:
            ViewError: the image is not 8 bit, or not of the size that the calibration is for.
        """
        _check_size(image, self.mounted)
        if self._shrink > 1:
            # Whole blocks of pixels are several times quicker to average than fractions of them.
            width, height = self._size[0] * self._shrink, self._size[1] * self._shrink
            image = cv2.resize(image[:height, :width], self._size, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        view = cv2.remap(image, self._map, self._map_fraction, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        if view.ndim == 2:
            view = cv2.cvtColor(view, cv2.COLOR_GRAY2RGB)
        view[~self.mask] = 0
        return CameraView(view, self.mask)  # type: ignore[arg-type]


def _check_size(image: NDArray[np.uint8], mounted: MountedCamera) -> None:
    camera = mounted.camera
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3):
        raise ViewError(f"image of shape {image.shape} and type {image.dtype}: expected (h, w, 3) or (h, w) uint8")
    if image.shape[:2] != (camera.height, camera.width):
        raise ViewError(
            f"image of {image.shape[1]} x {image.shape[0]} pixels, but {mounted.frame_id} is calibrated for "
            f"{camera.width} x {camera.height}: send the CameraInfo of this image size"
        )


def _image_pixels_per_grid_pixel(pixels: NDArray[np.float64], seen: NDArray[np.bool_]) -> float:
    """Return how many image pixels lie between neighbouring columns of the grid, the median over what is seen."""
    both = seen[:, 1:] & seen[:, :-1]
    if not both.any():
        return 1.0
    return float(np.median(np.linalg.norm(np.diff(pixels, axis=1)[both], axis=-1)))
