# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The motion between two images, from odometry or from the previous speed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liploc_ros.geometry import Pose, inverse
from liploc_ros.geometry.se2 import PoseSE2, se2_of
from liploc_ros.localization.config import TrackingConfig

ODOMETRY_CORRELATION = 10.0  # metres over which errors of odometry are correlated, such as by a wrong wheel radius
TURN_CORRELATION = 1.0  # seconds over which the turn rate of a vehicle without odometry is correlated
SWERVE_SIGMA = 0.1  # standard deviation to the side after one metre without odometry [m]


@dataclass(frozen=True)
class Motion:
    """The motion since the last image.

    Attributes:
        seconds: elapsed; negative for an image that is slightly older than the last one.
        displacement: (3,) in the base's own frame from odometry, or None: each hypothesis keeps its speed and heading.
        sigma: (3,) standard deviations forward, to the left [m] and of the heading [rad].
    """

    seconds: float
    displacement: PoseSE2 | None
    sigma: NDArray[np.float64]

    def displacement_at(self, speed: float) -> PoseSE2:
        """Return the displacement (3,) from odometry, or without it that of driving forward at a speed [m/s]."""
        if self.displacement is None:
            return np.array([speed * self.seconds, 0.0, 0.0])
        return self.displacement


def motion_between(
    seconds: float, T_odom_before: Pose | None, T_odom_now: Pose | None, speed: float, config: TrackingConfig
) -> Motion:
    """Return the motion between two images.

    Variances grow linearly with distance or time, so the result does not depend on the number of images in between.

    Args:
        seconds: between the images.
        T_odom_before: pose of the base in the frame of odometry at the first image, or None.
        T_odom_now: the same at the second image.
        speed: of the vehicle so far [m/s]; scales the noise if there is no odometry.
        config: noise of odometry and of the motion without it.
    """
    if T_odom_before is not None and T_odom_now is not None:
        displacement = se2_of(inverse(T_odom_before) @ T_odom_now)
        scale = float(np.sqrt(np.hypot(displacement[0], displacement[1]) * ODOMETRY_CORRELATION))
        sigma = np.array([config.odometry_noise, config.odometry_noise, config.odometry_heading_noise]) * scale
        return Motion(seconds, displacement, sigma)
    swerve = SWERVE_SIGMA * np.sqrt(abs(speed * seconds))
    turn = config.turn_rate_sigma * np.sqrt(abs(seconds) * TURN_CORRELATION)
    return Motion(seconds, None, np.array([0.0, swerve, turn]))


def reset_reason(motion: Motion, image_gap: float, config: TrackingConfig) -> str:
    """Return why tracking must restart because the motion cannot be known, or an empty text.

    Args:
        motion: since the last image.
        image_gap: time since the last image that differed from its predecessor [s].
        config: limits.
    """
    if motion.seconds < -config.clock_jump:
        return f"the clock went back by {-motion.seconds:.1f} s"
    if motion.displacement is None:
        if image_gap > config.max_image_gap:
            return f"no new image for {image_gap:.1f} s, and no odometry"
        return ""
    distance = float(np.hypot(motion.displacement[0], motion.displacement[1]))
    if distance > config.max_speed * max(abs(motion.seconds), 0.1):
        return f"odometry jumped by {distance:.1f} m in {motion.seconds:.2f} s"
    return ""
