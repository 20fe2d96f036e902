# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The images of the held-out drive as encoded views, so that what is timed does not depend on the encoder."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.scale.bank import Bank
from liploc_ros.datasets import Drive
from liploc_ros.geometry import PinholeCamera, pose_from_yaw
from liploc_ros.geometry.cameras import MountedCamera
from liploc_ros.localization import EncodedView, Localizer
from liploc_ros.localization.tilt import NO_TILT, Tilt

PERIOD_NS = 100_000_000  # between two images


@dataclass(frozen=True)
class Queries:
    """Encoded views of one camera.

    Attributes:
        features: (Q, h, w, D).
        heading: (Q,) of the views in the base frame [rad].
        poses: (Q, 3) x, y [m] and yaw [rad] of the base.
        T_base_camera: (4, 4).
        view_origin: (3,) of the panoramas of the drive's map in the base frame [m].
    """

    features: NDArray[np.float32]
    heading: NDArray[np.float64]
    poses: NDArray[np.float64]
    T_base_camera: NDArray[np.float64]
    view_origin: NDArray[np.float64]

    @classmethod
    def of(cls, bank: Bank, drive: Drive) -> "Queries":
        """Return the views of a bank, which were encoded from images of a drive's first camera."""
        T_base_lidar = np.eye(4) if drive.T_base_lidar is None else drive.T_base_lidar
        mounted = next(iter(drive.cameras.values()))
        return cls(bank.views, bank.view_heading, bank.view_poses, mounted.T_base_camera, T_base_lidar[:3, 3])

    def save(self, path: Path) -> None:
        """Write all arrays."""
        np.savez(path, **vars(self))

    @classmethod
    def load(cls, path: Path) -> "Queries":
        """Read what :meth:`save` wrote."""
        with np.load(path) as file:
            return cls(**file)

    def __len__(self) -> int:
        return len(self.features)

    @property
    def camera(self) -> MountedCamera:
        """The camera. Its calibration is not used: the views are encoded."""
        return MountedCamera("camera", PinholeCamera(8, 8, np.eye(3), np.zeros(5)), self.T_base_camera)

    def image(self, number: int) -> NDArray[np.uint8]:
        """Return a stand-in for an image: its number."""
        return np.array([[number]], np.uint8)

    def use_in(self, localizer: Localizer) -> None:
        """Let a localizer take the stored view instead of encoding an image."""

        def encode(image: NDArray[np.uint8], camera: MountedCamera, tilt: Tilt = NO_TILT) -> EncodedView:
            number = int(image[0, 0])
            return EncodedView(self.features[number], camera, float(self.heading[number]))

        localizer.encode = encode  # type: ignore[method-assign]

    def odometry(self, number: int) -> NDArray[np.float64]:
        """Return the pose (4, 4) of the base in the frame of odometry."""
        x, y, yaw = self.poses[number]
        return pose_from_yaw(x, y, 0.0, yaw)

    def truth(self, start: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return where the images were taken (Q, 3), if the drive's map begins at ``start`` (2,) [m]."""
        return np.asarray(self.poses + np.append(start, 0.0))
