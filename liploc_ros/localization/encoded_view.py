# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""A camera view as the localizer compares it with the map."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liploc_ros.geometry import MountedCamera
from liploc_ros.geometry.se2 import PoseSE2


@dataclass(frozen=True)
class EncodedView:
    """The features of a camera view, and where the view was drawn.

    Attributes:
        features: (h, w, D) unit vectors, 0 where the camera sees nothing.
        camera: the camera on the vehicle.
        heading: yaw [rad] in the base frame of the middle of the view.
        tilt: [rad] by which the camera was assumed to look lower than its mount says.
    """

    features: NDArray[np.float32]
    camera: MountedCamera
    heading: float
    tilt: float = 0.0

    @property
    def T_base_view(self) -> PoseSE2:  # noqa: N802
        """(3,) x, y [m] of the camera in the base frame, and the heading [rad]."""
        return np.array([*self.camera.T_base_camera[:2, 3], self.heading])


def optical_axis_yaw(camera: MountedCamera) -> float:
    """Return the yaw [rad] of the optical axis in the base frame."""
    axis = camera.T_base_camera[:3, 2]
    return float(np.arctan2(axis[1], axis[0]))
