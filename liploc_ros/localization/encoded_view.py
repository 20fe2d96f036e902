# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""A camera view as the localizer compares it with the map."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liploc_ros.geometry import MountedCamera
from liploc_ros.geometry.se2 import PoseSE2
from liploc_ros.localization.tilt import NO_TILT, Tilt


@dataclass(frozen=True)
class EncodedView:
    """The features of a camera view, and where the view was drawn.

    Attributes:
        features: (h, w, D) unit vectors, 0 where the camera sees nothing.
        camera: the camera on the vehicle.
        heading: yaw [rad] in the base frame of the middle of the view.
        tilt: error of the mount that was assumed.
    """

    features: NDArray[np.float32]
    camera: MountedCamera
    heading: float
    tilt: Tilt = NO_TILT

    @property
    def T_base_view(self) -> PoseSE2:  # noqa: N802
        """(3,) x, y [m] of the camera in the base frame, and the heading [rad]."""
        return np.array([*self.camera.T_base_camera[:2, 3], self.heading])
