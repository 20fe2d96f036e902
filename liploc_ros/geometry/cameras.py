# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Camera models that project rays of the optical frame to pixels.

Formulas are from OpenCV's calib3d and fisheye modules.
"""

from dataclasses import dataclass, field
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from liploc_ros.errors import LiplocError
from liploc_ros.geometry.se3 import Pose

FloatArray = NDArray[np.float64]

# Largest angles between a ray and the optical axis [rad]. At 90 degrees a pinhole's pixel is at infinity.
MAX_PINHOLE_ANGLE = np.deg2rad(85)
MAX_FISHEYE_ANGLE = np.deg2rad(120)


PINHOLE_MODELS = ("", "none", "pinhole", "plumb_bob", "radtan", "brown_conrady", "rational_polynomial")
FISHEYE_MODELS = ("equidistant", "fisheye", "equi", "kannala_brandt", "kannala_brandt4")
"""Names of distortion models: those of ROS, and those of Kalibr and camera drivers for the same formulas."""
PINHOLE_LENGTHS = (0, 4, 5, 8, 12, 14)
MIN_CENTRE = (0.3, 0.2)
"""Smallest plausible distances of the principal point from the edges, relative to the image width and height."""
MIN_FOCAL, MAX_FOCAL = 0.2, 6.0
"""Plausible focal lengths relative to the image width: fields of view from 136 degrees (pinhole) to 10 degrees."""


class CameraError(LiplocError):
    """A camera calibration that cannot be used."""


class Camera(Protocol):
    """A camera model."""

    @property
    def width(self) -> int:
        """Number of image columns."""

    @property
    def height(self) -> int:
        """Number of image rows."""

    def project(self, rays: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
        """Project rays (..., 3) of the optical frame.

        The optical frame follows REP-103: x right, y down, z forward. Pixel centres have integer coordinates.

        Returns:
            Pixels (..., 2), and a mask (...) of the rays that hit the image. The pixels of other rays have no meaning,
            but they are finite.
        """


@dataclass(frozen=True)
class PinholeCamera:
    """Pinhole camera with Brown-Conrady distortion.

    ``plumb_bob`` has 5 coefficients, ``rational_polynomial`` 8 to 14.
    """

    width: int
    height: int
    K: FloatArray
    distortion: FloatArray = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        _check(self.width, self.height, self.K, self.distortion, PINHOLE_LENGTHS)

    def project(self, rays: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
        """See :class:`Camera`."""
        shape = rays.shape[:-1]
        rays = rays.reshape(-1, 3)
        ahead = rays[:, 2] > np.cos(MAX_PINHOLE_ANGLE) * np.linalg.norm(rays, axis=1)
        safe = np.where(ahead[:, None], rays, (0.0, 0.0, 1.0))
        if np.any(self.distortion):
            projected = cv2.projectPoints(safe, np.zeros(3), np.zeros(3), self.K, self.distortion)[0]
            pixels = np.asarray(projected, dtype=np.float64).reshape(-1, 2)
        else:  # ten times faster: OpenCV also computes derivatives
            focal, centre = np.diag(self.K)[:2], self.K[:2, 2]
            pixels = safe[:, :2] / safe[:, 2:] * focal + centre
        seen = ahead & _inside(pixels, self.width, self.height) & ~self._folds_back(safe)
        return pixels.reshape(*shape, 2), seen.reshape(shape)

    def _folds_back(self, rays: FloatArray) -> NDArray[np.bool_]:
        """Return where the distortion polynomial maps rays from outside its calibrated range back into the image."""
        if not np.any(self.distortion):
            return np.zeros(len(rays), dtype=bool)
        radius = np.linalg.norm(rays[:, :2], axis=1) / rays[:, 2]
        radii = np.linspace(0, np.tan(MAX_PINHOLE_ANGLE), 2048)
        k = np.zeros(14)
        k[: len(self.distortion)] = self.distortion
        r2 = radii**2
        distorted = radii * (1 + r2 * (k[0] + r2 * (k[1] + r2 * k[4]))) / (1 + r2 * (k[5] + r2 * (k[6] + r2 * k[7])))
        decreasing = np.flatnonzero(np.diff(distorted) <= 0)
        limit = radii[decreasing[0]] if len(decreasing) else np.inf
        return np.asarray(radius >= limit)


@dataclass(frozen=True)
class FisheyeCamera:
    """Equidistant (Kannala-Brandt) fisheye camera with 4 coefficients."""

    width: int
    height: int
    K: FloatArray
    distortion: FloatArray = field(default_factory=lambda: np.zeros(4))

    def __post_init__(self) -> None:
        _check(self.width, self.height, self.K, self.distortion, (4,))

    def project(self, rays: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
        """See :class:`Camera`. OpenCV projects x/z and y/z, and therefore loses rays beyond 90 degrees."""
        off_axis = np.linalg.norm(rays[..., :2], axis=-1)
        theta = np.arctan2(off_axis, rays[..., 2])
        theta_2 = theta**2
        k1, k2, k3, k4 = self.distortion
        distorted = theta * (1 + theta_2 * (k1 + theta_2 * (k2 + theta_2 * (k3 + theta_2 * k4))))
        scale = np.divide(distorted, off_axis, out=np.zeros_like(off_axis), where=off_axis > 1e-12)
        plane = np.stack([rays[..., 0] * scale, rays[..., 1] * scale, np.ones_like(off_axis)], axis=-1)
        pixels = (plane @ self.K.T)[..., :2]
        seen = (theta < self._max_angle()) & _inside(pixels, self.width, self.height)
        return pixels, seen

    def _max_angle(self) -> float:
        """Return the angle from the optical axis [rad] up to which the polynomial increases and is invertible."""
        theta = np.linspace(0, MAX_FISHEYE_ANGLE, 1024)
        powers = theta[:, None] ** np.array([3, 5, 7, 9])
        decreasing = np.flatnonzero(np.diff(theta + powers @ self.distortion) <= 0)
        return float(theta[decreasing[0]] if len(decreasing) else MAX_FISHEYE_ANGLE)


@dataclass(frozen=True)
class OmnidirectionalCamera:
    """Unified camera model for fisheye lenses and mirrors.

    A ray is projected to the unit sphere, and from there to the normalized plane through a point at distance ``xi``
    behind the centre of the sphere. The distortion k1, k2, p1, p2 and K follow. K has the focal lengths gamma1, gamma2
    and the principal point u0, v0. See Mei, Rives: "Single View Point Omnidirectional Camera Calibration from Planar
    Grids", ICRA 2007.
    """

    width: int
    height: int
    K: FloatArray
    xi: float
    distortion: FloatArray = field(default_factory=lambda: np.zeros(4))

    def __post_init__(self) -> None:
        _check(self.width, self.height, self.K, self.distortion, (4,))
        if not 0 <= self.xi < np.inf:
            raise CameraError(f"mirror parameter xi = {self.xi} is not a finite number >= 0: calibrate the camera")

    def project(self, rays: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
        """See :class:`Camera`."""
        length = np.linalg.norm(rays, axis=-1)
        x, y, z = np.moveaxis(rays / np.maximum(length, np.finfo(np.float64).tiny)[..., None], -1, 0)
        theta = np.arctan2(np.hypot(x, y), z)
        seen = (theta < self._max_angle()) & (length > 0)
        depth = np.where(seen, z + self.xi, 1.0)
        x, y = x / depth, y / depth
        k1, k2, p1, p2 = self.distortion
        r2 = x * x + y * y
        radial = 1 + r2 * (k1 + r2 * k2)
        distorted_x = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
        distorted_y = y * radial + 2 * p2 * x * y + p1 * (r2 + 2 * y * y)
        pixels = (np.stack([distorted_x, distorted_y, np.ones_like(x)], axis=-1) @ self.K.T)[..., :2]
        return pixels, seen & _inside(pixels, self.width, self.height)

    def _max_angle(self) -> float:
        """Return the angle from the optical axis [rad] up to which the radius in the image increases."""
        theta = np.linspace(0, MAX_FISHEYE_ANGLE, 1024)
        depth = np.cos(theta) + self.xi
        radius = np.sin(theta) / np.where(depth > 0, depth, np.inf)
        k1, k2 = self.distortion[:2]
        decreasing = np.flatnonzero(np.diff(radius * (1 + radius**2 * (k1 + radius**2 * k2))) <= 0)
        return float(theta[decreasing[0]] if len(decreasing) else MAX_FISHEYE_ANGLE)


@dataclass(frozen=True)
class MountedCamera:
    """A camera on a vehicle: ``T_base_camera`` transforms coordinates of the optical frame to the base frame."""

    frame_id: str
    camera: Camera
    T_base_camera: Pose

    @property
    def optical_axis_yaw(self) -> float:
        """Yaw [rad] of the optical axis in the base frame."""
        axis = self.T_base_camera[:3, 2]
        return float(np.arctan2(axis[1], axis[0]))


def camera_from_model(
    distortion_model: str, width: int, height: int, K: FloatArray, distortion: FloatArray
) -> PinholeCamera | FisheyeCamera:
    """Return the camera of a distortion model that is named as in ``sensor_msgs/CameraInfo``.

    Args:
        distortion_model: ``plumb_bob``, ``rational_polynomial``, ``equidistant`` or another name of these; empty
            without distortion.
        width: number of image columns.
        height: number of image rows.
        K: (3, 3) intrinsics [pixels].
        distortion: coefficients in the order of OpenCV. Zeros at the end do not count.

    Raises:
        CameraError: the model is unknown, or the numbers are not a valid calibration.
    """
    K = np.asarray(K, dtype=np.float64).reshape(3, 3)
    distortion = np.asarray(distortion, dtype=np.float64).ravel()
    model = distortion_model.strip().lower().replace(" ", "_")
    if model in FISHEYE_MODELS:
        return FisheyeCamera(width, height, K, _fit_length(distortion, (4,)))
    if model in PINHOLE_MODELS:
        return PinholeCamera(width, height, K, _fit_length(distortion, PINHOLE_LENGTHS))
    raise CameraError(
        f"distortion model {distortion_model!r} is not supported: use plumb_bob, rational_polynomial or equidistant"
    )


def describe_implausible(camera: PinholeCamera | FisheyeCamera, *, is_cropped: bool = False) -> str:
    """Return a warning if the intrinsics hardly fit the size of the image, otherwise an empty string.

    Args:
        camera: the camera.
        is_cropped: the image is a region of interest, whose centre need not be near the principal point.
    """
    size = np.array([camera.width, camera.height], dtype=np.float64)
    centre, focal = camera.K[:2, 2] / size, np.diag(camera.K)[:2] / size
    scale = "K or P may be of another image size, or binned twice"
    if not is_cropped and not np.all(np.minimum(centre, 1 - centre) > MIN_CENTRE):
        at = f"({camera.K[0, 2]:.0f}, {camera.K[1, 2]:.0f})"
        return f"principal point {at} is far from the centre of {camera.width} x {camera.height} pixels: {scale}"
    if not is_cropped and not MIN_FOCAL < focal[0] < MAX_FOCAL:
        return f"focal length {camera.K[0, 0]:.0f} is unusual for an image {camera.width} pixels wide: {scale}"
    return ""


def _fit_length(distortion: FloatArray, lengths: tuple[int, ...]) -> FloatArray:
    """Return the coefficients with a supported number of them, if only zeros are removed, or added up to 4."""
    used = len(np.trim_zeros(distortion, "b"))
    if len(distortion) in lengths or not np.all(np.isfinite(distortion)):
        return distortion
    length = next((n for n in sorted(lengths) if used <= n <= max(4, len(distortion))), None)
    return distortion if length is None else np.r_[distortion[:used], np.zeros(length - used)]


def _inside(pixels: FloatArray, width: int, height: int) -> NDArray[np.bool_]:
    u, v = pixels[..., 0], pixels[..., 1]
    return np.asarray((u >= 0) & (u <= width - 1) & (v >= 0) & (v <= height - 1))


def _check(width: int, height: int, K: FloatArray, distortion: FloatArray, lengths: tuple[int, ...]) -> None:
    if width <= 0 or height <= 0:
        raise CameraError(f"image size {width} x {height} is not positive: give the calibration of the camera")
    if K.shape != (3, 3) or not np.all(np.isfinite(K)) or K[0, 0] <= 0 or K[1, 1] <= 0:
        raise CameraError(
            f"intrinsics K {K.ravel().tolist()} are not finite with positive focal lengths: calibrate the camera"
        )
    if len(distortion) not in lengths or not np.all(np.isfinite(distortion)):
        raise CameraError(
            f"distortion {distortion.tolist()} is not {' or '.join(map(str, lengths))} finite numbers: "
            "calibrate the camera"
        )
