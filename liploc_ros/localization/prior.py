# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""A prior pose that restricts the search, for instance from GNSS or from RViz's initial pose."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liploc_ros.errors import LiplocError
from liploc_ros.geometry import angle_difference
from liploc_ros.geometry.se2 import PoseSE2, compose
from liploc_ros.localization.encoded_view import EncodedView
from liploc_ros.mapping import LidarMap

GATE = 3.0  # standard deviations


class PriorError(LiplocError):
    """A prior that is not finite, or whose covariance is not positive semi-definite."""


@dataclass(frozen=True)
class PosePrior:
    """A Gaussian over the pose of the base in the map frame.

    Attributes:
        mean: (3,) x, y [m] and yaw [rad].
        covariance: (3, 3) of them [m^2, m rad, rad^2].
    """

    mean: PoseSE2
    covariance: NDArray[np.float64]

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            PriorError: they are not a Gaussian over SE(2).
        """
        mean, covariance = np.asarray(self.mean, np.float64), np.asarray(self.covariance, np.float64)
        if mean.shape != (3,) or covariance.shape != (3, 3):
            raise PriorError(f"prior of shapes {mean.shape} and {covariance.shape}: give x, y, yaw and a 3 x 3 matrix")
        if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
            raise PriorError("prior with a value that is not finite: give a finite pose and covariance")
        if not np.allclose(covariance, covariance.T) or np.linalg.eigvalsh(covariance).min() < -1e-9:
            raise PriorError("prior whose covariance is not positive semi-definite: check its source")

    def allows(self, lidar_map: LidarMap, view: EncodedView) -> NDArray[np.bool_]:
        """Return (P, H) the places and headings of a map within 3 standard deviations of the prior.

        One spacing of indexed places and one heading of the index are added, so that an exact prior allows the nearest.

        Args:
            lidar_map: the map.
            view: the camera view; its mount relates the base to the view.
        """
        layout = lidar_map.manifest.layout
        view_pose = compose(np.asarray(self.mean), view.T_base_view)
        offset = lidar_map.view_poses[:, :2] - view_pose[:2]
        along, across = lidar_map.place_spacing
        spacing = max(along, lidar_map.manifest.config.searched_offsets * across)
        position = self.covariance[:2, :2] + np.eye(2) * (spacing / GATE) ** 2
        near = np.flatnonzero(((offset @ np.linalg.inv(position)) * offset).sum(axis=1) <= GATE**2)
        max_angle = GATE * np.sqrt(self.covariance[2, 2]) + layout.column_angle * layout.pool
        yaw = lidar_map.view_poses[near, 2, None] + layout.heading_yaws
        allowed = np.zeros((len(offset), layout.headings), np.bool_)
        allowed[near] = np.abs(angle_difference(yaw, view_pose[2])) <= max_angle
        return allowed
