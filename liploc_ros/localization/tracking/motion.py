"""Motion between two images, by odometry, or by what the vehicle did so far."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liploc_ros.geometry import Pose, inverse
from liploc_ros.geometry.se2 import PoseSE2, se2_of
from liploc_ros.localization.tracking.config import TrackingConfig

ERRORS_LAST = 10.0  # metres over which odometry errs alike, such as by a wrong wheel size
TURNS_LAST = 1.0  # seconds over which a vehicle without odometry turns alike
SWERVE = 0.1  # standard deviation across a metre that was driven without odometry [m]


@dataclass(frozen=True)
class Motion:
    """What is known of the motion since the last image.

    Attributes:
        seconds: gone by; negative for an image that is a little older than the last one.
        step: (3,) motion in the base's own frame from odometry, or None: each hypothesis goes on as it did.
        noise: (3,) standard deviations ahead, to the left [m] and of the turn [rad].
    """

    seconds: float
    step: PoseSE2 | None
    noise: NDArray[np.float64]

    def usual_step(self, speed: float) -> PoseSE2:
        """Return the step (3,) of a vehicle that drives ahead at a speed [m/s], where odometry does not tell it."""
        return np.array([speed * self.seconds, 0.0, 0.0]) if self.step is None else self.step


def motion_between(
    seconds: float, T_odom_before: Pose | None, T_odom_now: Pose | None, speed: float, config: TrackingConfig
) -> Motion:
    """Return the motion between two images.

    Variances grow with the way, or with time, whether there are many images in between or few.

    Args:
        seconds: between them.
        T_odom_before: pose of the base in the frame of odometry at the first of them, or None where there is none.
        T_odom_now: the same at the second.
        speed: of the vehicle so far [m/s], for the noise where there is no odometry.
        config: how much odometry errs, and vehicles change their speed and heading.
    """
    if T_odom_before is not None and T_odom_now is not None:
        step = se2_of(inverse(T_odom_before) @ T_odom_now)
        lasting = float(np.sqrt(np.hypot(step[0], step[1]) * ERRORS_LAST))
        noise = np.array([config.odometry_noise, config.odometry_noise, config.odometry_turn_noise]) * lasting
        return Motion(seconds, step, noise)
    swerve = SWERVE * np.sqrt(abs(speed * seconds))
    return Motion(seconds, None, np.array([0.0, swerve, config.turn_rate * np.sqrt(abs(seconds) * TURNS_LAST)]))


def why_unknown(motion: Motion, unseen: float, config: TrackingConfig) -> str:
    """Return why the motion cannot be known, or an empty text; ``unseen`` [s] is since anything new was seen."""
    if motion.seconds < -config.clock_jump:
        return f"the clock went back by {-motion.seconds:.1f} s"
    if motion.step is None:
        if unseen > config.longest_image_gap:
            return f"no new image for {unseen:.1f} s, and no odometry"
        return ""
    way = float(np.hypot(motion.step[0], motion.step[1]))
    if way > config.highest_speed * max(abs(motion.seconds), 0.1):
        return f"odometry jumped by {way:.1f} m in {motion.seconds:.2f} s"
    return ""
