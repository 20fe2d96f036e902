# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""A Gaussian-mixture filter over SE(2) and speed: the Bayes filter behind tracking."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from liploc_ros.geometry import angle_difference
from liploc_ros.geometry.se2 import PoseSE2
from liploc_ros.localization.config import TrackingConfig
from liploc_ros.localization.tracking.measurement import Measurement
from liploc_ros.localization.tracking.motion import Motion

X, Y, YAW, SPEED = range(4)
NEW_SPEED_SIGMA = 10.0  # m/s, standard deviation of the speed of a new hypothesis


class MixtureFilter:
    """Hypotheses, each with a Gaussian state and two measures of its probability.

    The *log-likelihood* of a hypothesis is the log of how much more likely the recent images are at its pose than at a
    pose drawn at random from the map. It tells hypotheses from one another. The *existence log-odds* are the log-odds
    that the images were taken there rather than somewhere that is not on the map; they follow from the confidence of
    single images. They tell whether any hypothesis is correct.

    Attributes:
        state: (N, 4) x, y [m], yaw [rad], forward speed [m/s].
        covariance: (N, 4, 4).
        log_likelihoods: (N, H) weighted log-likelihood ratios of the recent images, oldest first.
        information_weights: (H,) share of each image's information that was new, 0 to 1.
        existence_log_odds: (N,).
    """

    def __init__(self, config: TrackingConfig, distinct_poses: int) -> None:
        """Start without hypotheses, on a map with ``distinct_poses`` poses that can be distinguished."""
        self.config = config
        self.state = np.zeros((0, 4))
        self.covariance = np.zeros((0, 4, 4))
        self.log_likelihoods = np.zeros((0, 0))
        self.information_weights = np.zeros(0)
        self.existence_log_odds = np.zeros(0)
        self._log_poses = float(np.log(distinct_poses))
        self._viterbi_cache: tuple[NDArray[np.float64], NDArray[np.float64], float] | None = None

    def __len__(self) -> int:
        return len(self.state)

    @property
    def log_likelihood(self) -> NDArray[np.float64]:
        """(N,) of all recent images together, see :meth:`_viterbi`."""
        return self._viterbi()[0]

    @property
    def probability(self) -> NDArray[np.float64]:
        """(N,) probabilities; the rest to 1 is :attr:`probability_lost`."""
        log_likelihood, elsewhere = self._viterbi()
        share = np.exp(log_likelihood - np.logaddexp.reduce([*log_likelihood, elsewhere]))
        return np.asarray(share * expit(self.existence_log_odds))

    @property
    def probability_lost(self) -> float:
        """Probability that the vehicle is at none of the hypotheses."""
        return 1.0 - float(self.probability.sum())

    @property
    def ranking(self) -> Sequence[int]:
        """Indices of the hypotheses, most probable first."""
        return [int(i) for i in np.argsort(-self.probability, kind="stable")]

    @property
    def expected_speed(self) -> float:
        """Forward speed [m/s] of the most probable hypothesis, or the default while there is none."""
        if not len(self):
            return self.config.default_speed
        return float(self.state[np.argmax(self.probability), SPEED])

    def contains(self, poses: PoseSE2) -> NDArray[np.bool_]:
        """Return which of the poses (K, 3) are within the merge distance and angle of a hypothesis: (K,)."""
        return np.asarray(self._is_near(poses[:, None]).any(axis=1))

    def predict(self, motion: Motion) -> None:
        """Move all hypotheses, and let their existence log-odds decay with distance."""
        if not len(self):
            return
        yaw, seconds = self.state[:, YAW], motion.seconds
        cos, sin = np.cos(yaw), np.sin(yaw)
        if motion.displacement is None:
            forward, left, turn = self.state[:, SPEED] * seconds, np.zeros(len(self)), np.zeros(len(self))
        else:
            forward, left, turn = (np.full(len(self), value) for value in motion.displacement)
        F = np.tile(np.eye(4), (len(self), 1, 1))
        F[:, X, YAW], F[:, Y, YAW] = -sin * forward - cos * left, cos * forward - sin * left
        G = np.zeros((len(self), 4, 3))  # noise in the base frame to noise of the state
        G[:, X, 0], G[:, X, 1], G[:, Y, 0], G[:, Y, 1], G[:, YAW, 2] = cos, -sin, sin, cos, 1
        if motion.displacement is None:
            F[:, X, SPEED], F[:, Y, SPEED] = cos * seconds, sin * seconds
        self.covariance = F @ self.covariance @ F.transpose(0, 2, 1) + (G * motion.sigma**2) @ G.transpose(0, 2, 1)
        self.state[:, X] += cos * forward - sin * left
        self.state[:, Y] += sin * forward + cos * left
        self.state[:, YAW] = angle_difference(yaw + turn, 0.0)
        self._predict_speed(motion)
        self.existence_log_odds *= np.exp(-self.config.existence_decay * np.hypot(forward, left))

    def update(self, measurement: Measurement, log_ratio: NDArray[np.float64], information_weight: float) -> None:
        """Update probabilities and states by an image.

        The errors of images taken close to each other are correlated. An image that is only partly new counts in part,
        in the probabilities as in the precision of the pose.

        Args:
            measurement: of the image.
            log_ratio: (N,) log-likelihood ratio of the image at the hypotheses, see :class:`ViewLikelihood`.
            information_weight: share of its information that is new, above 0 to 1.
        """
        config, limit = self.config, self.config.max_log_likelihood
        column = information_weight * np.clip(log_ratio, -limit, limit)
        self.information_weights = np.append(self.information_weights, information_weight)[-config.max_images :]
        self.log_likelihoods = np.column_stack([self.log_likelihoods, column])[:, -config.max_images :]
        if not len(self) or not len(measurement.poses):
            return
        R = self._match_covariance(measurement) / information_weight
        associated, offset, mahalanobis = self._associate(measurement, R)
        log_odds = np.where(associated, measurement.log_odds - mahalanobis / 2, -np.inf).max(axis=1)
        self._kalman_update(associated, offset, measurement.match_score, R)
        limit = config.max_existence_update
        self.existence_log_odds += information_weight * np.clip(log_odds, -limit, limit)
        limit = config.max_existence_log_odds
        self.existence_log_odds = np.clip(self.existence_log_odds, -limit, limit)

    def update_stationary(self, measurement: Measurement) -> None:
        """Update states by an image from where the last one was taken; probabilities stay.

        Such an image contains no new information. Only hypotheses that are less precise than a match are updated, so
        that those of a standing vehicle do not drift.
        """
        if not len(self) or not len(measurement.poses):
            return
        R = self._match_covariance(measurement)
        associated, offset, _ = self._associate(measurement, R)
        P = self.covariance
        position_worse = P[:, X, X] + P[:, Y, Y] > R[:, X, X] + R[:, Y, Y]
        associated[~(position_worse | (P[:, YAW, YAW] > R[:, YAW, YAW]))] = False
        self._kalman_update(associated, offset, measurement.match_score, R)

    def spawn(
        self,
        poses: PoseSE2,
        covariance: NDArray[np.float64],
        log_likelihoods: NDArray[np.float64],
        existence_log_odds: NDArray[np.float64],
    ) -> None:
        """Add hypotheses found in a single image.

        Args:
            poses: (K, 3).
            covariance: (K, 3, 3).
            log_likelihoods: (K, H) of the recent images, oldest first.
            existence_log_odds: (K,).
        """
        states = np.column_stack([poses, np.full(len(poses), self.expected_speed)])
        covariances = np.zeros((len(states), 4, 4))
        covariances[:, :3, :3] = covariance
        covariances[:, SPEED, SPEED] = NEW_SPEED_SIGMA**2
        self.state = np.concatenate([self.state, states])
        self.covariance = np.concatenate([self.covariance, covariances])
        self.log_likelihoods = np.concatenate([self.log_likelihoods, log_likelihoods])
        self.existence_log_odds = np.concatenate([self.existence_log_odds, existence_log_odds])

    def merge_and_prune(self) -> None:
        """Of hypotheses that agree keep the most likely one; remove those far less likely than the best."""
        kept: list[int] = []
        log_likelihood, near = self.log_likelihood, self._is_near(self.state[:, None, :3])
        remaining = log_likelihood > log_likelihood.max(initial=-np.inf) - self.config.prune_log_odds
        for best in np.argsort(-log_likelihood, kind="stable"):
            if remaining[best] and len(kept) < self.config.max_hypotheses:
                remaining &= ~near[best]
                kept.append(int(best))
        self.state, self.covariance = self.state[kept], self.covariance[kept]
        self.log_likelihoods, self.existence_log_odds = self.log_likelihoods[kept], self.existence_log_odds[kept]

    def _viterbi(self) -> tuple[NDArray[np.float64], float]:
        """Return the log-likelihood (N,) of the hypotheses, and that of being at any other pose.

        Before each image the vehicle may have been moved anywhere without odometry measuring it (the kidnapped robot
        problem). The log-likelihood up to then is that of the best pose before, less ``kidnap_log_odds``, spread over
        all poses. Each hypothesis takes the best sequence of such moves (Viterbi's algorithm over the images). The odds
        are those of an image that is entirely new.
        """
        if self._viterbi_cache is not None and self._viterbi_cache[0] is self.log_likelihoods:
            return self._viterbi_cache[1:]
        log_likelihood, elsewhere = np.zeros(len(self)), self._log_poses
        penalties = self.config.kidnap_log_odds - np.log(self.information_weights)
        for column, penalty in zip(self.log_likelihoods.T, penalties, strict=True) if len(self) else ():
            kidnapped = max(float(log_likelihood.max()), elsewhere - self._log_poses) - penalty
            elsewhere = max(elsewhere, kidnapped)
            log_likelihood = np.maximum(log_likelihood, kidnapped - self._log_poses) + column
        self._viterbi_cache = self.log_likelihoods, log_likelihood, elsewhere
        return log_likelihood, elsewhere

    def _is_near(self, poses: PoseSE2) -> NDArray[np.bool_]:
        offset = np.asarray(poses - self.state[:, :3])
        close = offset[..., X] ** 2 + offset[..., Y] ** 2 < self.config.merge_distance**2
        return np.asarray(close & (np.abs(angle_difference(offset[..., YAW], 0.0)) < self.config.merge_angle))

    def _match_covariance(self, measurement: Measurement) -> NDArray[np.float64]:
        """Return the covariances (N, 3, 3) of a match in the map frame, if it belonged to each hypothesis."""
        return _rotate(np.diag(measurement.sigma**2), self.state[:, YAW])

    def _associate(
        self, measurement: Measurement, R: NDArray[np.float64]
    ) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64]]:
        """Return associated matches (N, M), their offsets (N, M, 3) and squared Mahalanobis distances (N, M)."""
        # One contiguous array per axis: slices of an (N, M, 3) array are several times slower.
        x, y, yaw = (measurement.poses[:, axis] - self.state[:, axis, None] for axis in (X, Y, YAW))
        yaw = angle_difference(yaw, 0.0)
        S = np.linalg.inv(self.covariance[:, :3, :3] + R)[..., None]
        squared = x * (S[:, 0, 0] * x + 2 * (S[:, 0, 1] * y + S[:, 0, 2] * yaw))
        squared += y * (S[:, 1, 1] * y + 2 * S[:, 1, 2] * yaw) + S[:, 2, 2] * yaw * yaw
        return squared < self.config.gate_sigma**2, np.stack([x, y, yaw], axis=-1), squared

    def _kalman_update(
        self,
        associated: NDArray[np.bool_],
        offset: NDArray[np.float64],
        match_score: NDArray[np.float64],
        R: NDArray[np.float64],
    ) -> None:
        """Update hypotheses by the mean of their associated matches (N, M), which are ``offset`` (N, M, 3) away."""
        rows = np.flatnonzero(associated.any(axis=1))
        if not len(rows):
            return
        score, offset = np.where(associated[rows], match_score, -np.inf), offset[rows]
        weights = np.exp(score - score.max(axis=1, keepdims=True))
        weights /= weights.sum(axis=1, keepdims=True)
        mean = (weights[:, None] @ offset)[:, 0]
        offset = offset - mean[:, None]
        spread = (offset * weights[..., None]).transpose(0, 2, 1) @ offset
        P = self.covariance[rows]
        gain = P[:, :, :3] @ np.linalg.inv(P[:, :3, :3] + spread + R[rows])
        self.state[rows] += (gain @ mean[..., None])[..., 0]
        self.state[rows, YAW] = angle_difference(self.state[rows, YAW], 0.0)
        P = P - gain @ P[:, :3]
        self.covariance[rows] = (P + P.transpose(0, 2, 1)) / 2

    def _predict_speed(self, motion: Motion) -> None:
        """Take the speed from odometry, or let it change at random."""
        if motion.displacement is not None and abs(motion.seconds) > 1e-3:
            self.state[:, SPEED] = motion.displacement[0] / motion.seconds
            self.covariance[:, SPEED, :] = self.covariance[:, :, SPEED] = 0.0
            self.covariance[:, SPEED, SPEED] = 1.0
        self.covariance[:, SPEED, SPEED] += self.config.acceleration_sigma**2 * abs(motion.seconds)


def _rotate(covariance: NDArray[np.float64], yaw: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a covariance (3, 3) in the base frame rotated into the map frame, for each yaw (N,): (N, 3, 3)."""
    R = np.tile(np.eye(3), (len(yaw), 1, 1))
    R[:, 0, 0] = R[:, 1, 1] = np.cos(yaw)
    R[:, 1, 0] = np.sin(yaw)
    R[:, 0, 1] = -R[:, 1, 0]
    return np.asarray(R @ covariance @ R.transpose(0, 2, 1))
