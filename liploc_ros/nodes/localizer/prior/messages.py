# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Priors in messages."""

from typing import Any

import numpy as np
from geometry_msgs.msg import PoseWithCovariance

from liploc_ros.datasets.pose_message import pose_of
from liploc_ros.geometry.se2 import SE2_AXES, se2_of
from liploc_ros.localization import PosePrior

DEFAULT_SIGMA = np.array([0.5, 0.5, 0.26])
"""Standard deviations of x, y [m] and yaw [rad] if a message has none: those of RViz's button "2D Pose Estimate"."""


def prior_of(msg: PoseWithCovariance | Any) -> PosePrior:
    """Return the prior in a geometry_msgs/PoseWithCovariance. Height, roll and pitch are dropped.

    Raises:
        PoseError: the pose is not finite, or its quaternion is not of length 1.
        PriorError: the covariance is not finite or not positive semi-definite.
    """
    covariance = np.asarray(msg.covariance, np.float64).reshape(6, 6)[SE2_AXES[:, None], SE2_AXES]
    return PosePrior(se2_of(pose_of(msg.pose)), covariance if covariance.any() else np.diag(DEFAULT_SIGMA**2))
