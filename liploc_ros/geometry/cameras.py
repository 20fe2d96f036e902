"""Camera models: from a ray in the optical frame to a pixel. Formulas: OpenCV's calib3d and fisheye modules."""

from dataclasses import dataclass, field
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from liploc_ros.errors import LiplocError
from liploc_ros.geometry.se3 import Pose

FloatArray = NDArray[np.float64]

WIDEST_PINHOLE = np.deg2rad(85)  # beyond it a pinhole's pixel runs to infinity
WIDEST_FISHEYE = np.deg2rad(120)


class CameraError(LiplocError):
    """A camera calibration that cannot be used."""


class Camera(Protocol):
    """What a camera view needs to know of a camera."""

    @property
    def width(self) -> int:
        """Columns of the image."""

    @property
    def height(self) -> int:
        """Rows of the image."""

    def project(self, rays: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
        """Return pixels (..., 2) of rays (..., 3) in the optical frame, and (...) whether each is seen.

        Optical frame after REP-103: x right, y down, z forward. Pixel centres have whole coordinates. Pixels of unseen
        rays are meaningless but finite.
        """


@dataclass(frozen=True)
class PinholeCamera:
    """Pinhole with Brown-Conrady distortion (``plumb_bob``: 5 coefficients; ``rational_polynomial``: 8 to 14)."""

    width: int
    height: int
    K: FloatArray
    distortion: FloatArray = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        _check(self.width, self.height, self.K, self.distortion, (0, 4, 5, 8, 12, 14))

    def project(self, rays: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
        """See :class:`Camera`."""
        shape = rays.shape[:-1]
        rays = rays.reshape(-1, 3)
        ahead = rays[:, 2] > np.cos(WIDEST_PINHOLE) * np.linalg.norm(rays, axis=1)
        safe = np.where(ahead[:, None], rays, (0.0, 0.0, 1.0))
        projected = cv2.projectPoints(safe, np.zeros(3), np.zeros(3), self.K, self.distortion)[0]
        pixels = np.asarray(projected, dtype=np.float64).reshape(-1, 2)
        seen = ahead & _inside(pixels, self.width, self.height) & ~self._folds_back(safe)
        return pixels.reshape(*shape, 2), seen.reshape(shape)

    def _folds_back(self, rays: FloatArray) -> NDArray[np.bool_]:
        """Say where a distortion polynomial, used far outside its calibration, maps rays back into the image."""
        if not np.any(self.distortion):
            return np.zeros(len(rays), dtype=bool)
        radius = np.linalg.norm(rays[:, :2], axis=1) / rays[:, 2]
        probe = np.linspace(0, np.tan(WIDEST_PINHOLE), 2048)
        k = np.zeros(14)
        k[: len(self.distortion)] = self.distortion
        r2 = probe**2
        distorted = probe * (1 + r2 * (k[0] + r2 * (k[1] + r2 * k[4]))) / (1 + r2 * (k[5] + r2 * (k[6] + r2 * k[7])))
        turning = np.flatnonzero(np.diff(distorted) <= 0)
        limit = probe[turning[0]] if len(turning) else np.inf
        return np.asarray(radius >= limit)


@dataclass(frozen=True)
class FisheyeCamera:
    """Equidistant (Kannala-Brandt) fisheye with 4 coefficients."""

    width: int
    height: int
    K: FloatArray
    distortion: FloatArray = field(default_factory=lambda: np.zeros(4))

    def __post_init__(self) -> None:
        _check(self.width, self.height, self.K, self.distortion, (4,))

    def project(self, rays: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
        """See :class:`Camera`. Written out, since OpenCV's projects x/z, y/z and so loses rays beyond 90 degrees."""
        across = np.linalg.norm(rays[..., :2], axis=-1)
        theta = np.arctan2(across, rays[..., 2])
        theta_2 = theta**2
        k1, k2, k3, k4 = self.distortion
        bent = theta * (1 + theta_2 * (k1 + theta_2 * (k2 + theta_2 * (k3 + theta_2 * k4))))
        scale = np.divide(bent, across, out=np.zeros_like(across), where=across > 1e-12)
        plane = np.stack([rays[..., 0] * scale, rays[..., 1] * scale, np.ones_like(across)], axis=-1)
        pixels = (plane @ self.K.T)[..., :2]
        seen = (theta < self._widest()) & _inside(pixels, self.width, self.height)
        return pixels, seen

    def _widest(self) -> float:
        """Return the angle from the axis [rad] up to which the polynomial grows, so that it can be trusted."""
        theta = np.linspace(0, WIDEST_FISHEYE, 1024)
        powers = theta[:, None] ** np.array([3, 5, 7, 9])
        turning = np.flatnonzero(np.diff(theta + powers @ self.distortion) <= 0)
        return float(theta[turning[0]] if len(turning) else WIDEST_FISHEYE)


@dataclass(frozen=True)
class OmnidirectionalCamera:
    """Unified camera model, for fisheyes and mirrors.

    A ray goes to the unit sphere, and from there to the plane as seen from ``xi`` behind the sphere's centre. Then come
    the distortion k1, k2, p1, p2, and K: gamma1, gamma2 are its focal lengths, u0, v0 its principal point. See Mei,
    Rives: "Single View Point Omnidirectional Camera Calibration from Planar Grids", ICRA 2007.
    """

    width: int
    height: int
    K: FloatArray
    xi: float
    distortion: FloatArray = field(default_factory=lambda: np.zeros(4))

    def __post_init__(self) -> None:
        _check(self.width, self.height, self.K, self.distortion, (4,))
        if not 0 <= self.xi < np.inf:
            raise CameraError(
                f"mirror parameter xi is {self.xi}, expected a finite number from 0: calibrate the camera"
            )

    def project(self, rays: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
        """See :class:`Camera`."""
        length = np.linalg.norm(rays, axis=-1)
        x, y, z = np.moveaxis(rays / np.maximum(length, np.finfo(np.float64).tiny)[..., None], -1, 0)
        theta = np.arctan2(np.hypot(x, y), z)
        seen = (theta < self._widest()) & (length > 0)
        depth = np.where(seen, z + self.xi, 1.0)
        x, y = x / depth, y / depth
        k1, k2, p1, p2 = self.distortion
        r2 = x * x + y * y
        radial = 1 + r2 * (k1 + r2 * k2)
        bent_x = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
        bent_y = y * radial + 2 * p2 * x * y + p1 * (r2 + 2 * y * y)
        pixels = (np.stack([bent_x, bent_y, np.ones_like(x)], axis=-1) @ self.K.T)[..., :2]
        return pixels, seen & _inside(pixels, self.width, self.height)

    def _widest(self) -> float:
        """Return the angle from the axis [rad] up to which the radius in the image grows."""
        theta = np.linspace(0, WIDEST_FISHEYE, 1024)
        depth = np.cos(theta) + self.xi
        radius = np.sin(theta) / np.where(depth > 0, depth, np.inf)
        k1, k2 = self.distortion[:2]
        turning = np.flatnonzero(np.diff(radius * (1 + radius**2 * (k1 + radius**2 * k2))) <= 0)
        return float(theta[turning[0]] if len(turning) else WIDEST_FISHEYE)


@dataclass(frozen=True)
class MountedCamera:
    """A camera on a vehicle: ``T_base_camera`` takes optical-frame coordinates to the vehicle's base frame."""

    frame_id: str
    camera: Camera
    T_base_camera: Pose


def camera_from_model(
    distortion_model: str, width: int, height: int, K: FloatArray, distortion: FloatArray
) -> PinholeCamera | FisheyeCamera:
    """Return the camera for a distortion model as ``sensor_msgs/CameraInfo`` names it.

    Args:
        distortion_model: ``plumb_bob``, ``rational_polynomial``, ``equidistant`` or ``fisheye``; empty for none.
        width: columns of the image.
        height: rows of the image.
        K: (3, 3) intrinsics [pixels].
        distortion: coefficients in OpenCV's order.

    Raises:
        CameraError: unknown model, or numbers that cannot be a calibration.
    """
    K = np.asarray(K, dtype=np.float64).reshape(3, 3)
    distortion = np.asarray(distortion, dtype=np.float64).ravel()
    if distortion_model in ("equidistant", "fisheye"):
        return FisheyeCamera(width, height, K, distortion if len(distortion) else np.zeros(4))
    if distortion_model in ("", "none", "plumb_bob", "rational_polynomial"):
        return PinholeCamera(width, height, K, distortion)
    raise CameraError(
        f"distortion model {distortion_model!r} is not known: use plumb_bob, rational_polynomial or equidistant"
    )


def _inside(pixels: FloatArray, width: int, height: int) -> NDArray[np.bool_]:
    u, v = pixels[..., 0], pixels[..., 1]
    return np.asarray((u >= 0) & (u <= width - 1) & (v >= 0) & (v <= height - 1))


def _check(width: int, height: int, K: FloatArray, distortion: FloatArray, lengths: tuple[int, ...]) -> None:
    if width <= 0 or height <= 0:
        raise CameraError(f"image size {width} x {height} is not positive: is the CameraInfo filled in?")
    if K.shape != (3, 3) or not np.all(np.isfinite(K)) or K[0, 0] <= 0 or K[1, 1] <= 0:
        raise CameraError(f"intrinsics K {K.ravel().tolist()} have no positive focal length: calibrate the camera")
    if len(distortion) not in lengths or not np.all(np.isfinite(distortion)):
        raise CameraError(f"{len(distortion)} distortion coefficients, expected one of {lengths}, all finite")
