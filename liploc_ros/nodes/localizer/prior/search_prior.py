# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""A prior that restricts the search until the pose is known, and that moves with the vehicle meanwhile."""

import threading

import numpy as np

from liploc_ros.geometry import Pose, inverse
from liploc_ros.geometry.se2 import compose, se2_of
from liploc_ros.localization import PosePrior, TrackingConfig


class SearchPrior:
    """Holds a prior for at most ``timeout`` seconds of images. Thread-safe.

    The prior holds at the time of the first image after it was set. From there odometry moves it; without odometry its
    covariance grows with time.
    """

    def __init__(self, timeout: float, tracking: TrackingConfig) -> None:
        """Start without a prior; ``tracking`` has the noise of odometry and the speed without odometry."""
        self._timeout = timeout
        self._tracking = tracking
        self._lock = threading.Lock()
        self._prior: PosePrior | None = None
        self._start_ns: int | None = None
        self._T_odom_start: Pose | None = None

    def set(self, prior: PosePrior) -> None:
        """Use a prior from the next image on."""
        with self._lock:
            self._clear()
            self._prior = prior

    def clear(self) -> None:
        """Search the whole map again."""
        with self._lock:
            self._clear()

    def at(self, stamp_ns: int, T_odom_base: Pose | None) -> PosePrior | None:
        """Return the prior at the time of an image, or None if there is none, or if its time is over.

        Args:
            stamp_ns: of the image.
            T_odom_base: pose of the base in the frame of odometry at that time, or None.
        """
        with self._lock:
            if self._prior is None:
                return None
            if self._start_ns is None:
                self._start_ns, self._T_odom_start = stamp_ns, T_odom_base
            seconds = 1e-9 * (stamp_ns - self._start_ns)
            # Images of several cameras may come in any order within clock_jump.
            if not -self._tracking.clock_jump <= seconds <= self._timeout:
                self._clear()
                return None
            return self._moved(self._prior, abs(seconds), T_odom_base)

    def _moved(self, prior: PosePrior, seconds: float, T_odom_base: Pose | None) -> PosePrior:
        tracking = self._tracking
        if self._T_odom_start is None or T_odom_base is None:
            distance, turn = tracking.default_speed * seconds, tracking.turn_rate_sigma * seconds
            return PosePrior(prior.mean, prior.covariance + np.diag(np.square([distance, distance, turn])))
        step = se2_of(inverse(self._T_odom_start) @ T_odom_base)
        distance = float(np.hypot(*step[:2]))
        noise, turn = tracking.odometry_noise * distance, tracking.odometry_heading_noise * distance
        # The heading of the prior is uncertain: driving turns that into an uncertainty across the direction.
        across = distance * np.sqrt(prior.covariance[2, 2])
        sigma = np.array([np.hypot(noise, across), np.hypot(noise, across), turn])
        return PosePrior(compose(np.asarray(prior.mean), step), prior.covariance + np.diag(sigma**2))

    def _clear(self) -> None:
        self._prior = self._start_ns = self._T_odom_start = None
