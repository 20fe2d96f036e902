"""A Bayesian filter over SE(2): where the vehicle may be, after all images and all motion."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liploc_ros.geometry import angle_difference
from liploc_ros.localization.planar import Planar
from liploc_ros.localization.tracking_config import TrackingConfig

X, Y, YAW, SPEED = range(4)
STRANGE_SPEED = 10.0  # m/s, standard deviation of the speed of a vehicle just found


@dataclass(frozen=True)
class Motion:
    """What is known of the motion since the last image.

    Attributes:
        seconds: gone by; negative for an image that is a little older than the last one.
        step: (3,) motion in the base's own frame from odometry, or None: each hypothesis goes on as it did.
        noise: (3,) standard deviations ahead, to the left [m] and of the turn [rad].
    """

    seconds: float
    step: Planar | None
    noise: NDArray[np.float64]


@dataclass(frozen=True)
class Sighting:
    """What an image says of poses of the base.

    Attributes:
        poses: (M, 3) that it was compared at.
        evidence: (M,) log-odds of each, up to a constant.
        log_odds: (M,) that the image was taken there rather than elsewhere.
        error: (3,) standard deviations ahead, to the left and of the yaw of a pose found exactly there.
    """

    poses: Planar
    evidence: NDArray[np.float64]
    log_odds: NDArray[np.float64]
    error: NDArray[np.float64]


class Belief:
    """Hypotheses with their probabilities, and the probability that it is none of them.

    Attributes:
        state: (N, 4) x, y [m], yaw [rad], speed ahead [m/s].
        covariance: (N, 4, 4) of them.
        probability: (N,).
        lost: probability that the vehicle is elsewhere; with the others it adds up to one.
    """

    def __init__(self, config: TrackingConfig) -> None:
        """Begin lost."""
        self.config = config
        self.state = np.zeros((0, 4))
        self.covariance = np.zeros((0, 4, 4))
        self.probability = np.zeros(0)
        self.lost = 1.0

    def __len__(self) -> int:
        return len(self.state)

    def move(self, motion: Motion) -> None:
        """Carry all hypotheses along; some of their probability leaks to being lost."""
        if not len(self):
            return
        yaw, seconds = self.state[:, YAW], motion.seconds
        cos, sin = np.cos(yaw), np.sin(yaw)
        if motion.step is None:
            ahead, left, turn = self.state[:, SPEED] * seconds, np.zeros(len(self)), np.zeros(len(self))
        else:
            ahead, left, turn = (np.full(len(self), value) for value in motion.step)
        F = np.tile(np.eye(4), (len(self), 1, 1))
        F[:, X, YAW], F[:, Y, YAW] = -sin * ahead - cos * left, cos * ahead - sin * left
        G = np.zeros((len(self), 4, 3))  # noise in the base's frame to noise of the state
        G[:, X, 0], G[:, X, 1], G[:, Y, 0], G[:, Y, 1], G[:, YAW, 2] = cos, -sin, sin, cos, 1
        if motion.step is None:
            F[:, X, SPEED], F[:, Y, SPEED] = cos * seconds, sin * seconds
        self.covariance = F @ self.covariance @ F.transpose(0, 2, 1) + (G * motion.noise**2) @ G.transpose(0, 2, 1)
        self.state[:, X] += cos * ahead - sin * left
        self.state[:, Y] += sin * ahead + cos * left
        self.state[:, YAW] = angle_difference(yaw + turn, 0.0)
        self._change_speed(motion)
        self.probability *= np.exp(-self.config.leak * np.hypot(ahead, left))
        self.lost = 1 - float(self.probability.sum())

    def weigh(self, sighting: Sighting, independence: float) -> None:
        """Weigh hypotheses by an image, and draw them to where it matches best.

        Images taken close to one another err alike: one that is only partly new counts in part, as does the precision
        of its poses.

        Args:
            sighting: of the image.
            independence: above 0 to 1, how much of what it tells is not known from earlier images.
        """
        if not len(self) or not len(sighting.poses):
            return
        R = _turned(np.diag(sighting.error**2), self.state[:, YAW])
        apart = sighting.poses[None] - self.state[:, None, :3]
        apart[..., YAW] = angle_difference(apart[..., YAW], 0.0)
        nearness = np.linalg.inv(self.covariance[:, :3, :3] + R)
        near = ((apart @ nearness) * apart).sum(axis=2) < self.config.gate**2
        votes = np.where(near, sighting.log_odds, -np.inf).max(axis=1)
        for i in np.flatnonzero(near.any(axis=1)):
            self._draw(int(i), apart[i, near[i]], sighting.evidence[near[i]], R[i] / independence)
        limit = self.config.strongest_vote
        odds = np.log(np.maximum(self.probability, 1e-300)) + independence * np.clip(votes, -limit, limit)
        self._share_out(np.exp(odds), self.lost)

    def add(
        self, poses: Planar, covariance: NDArray[np.float64], confidence: NDArray[np.float64], share: float
    ) -> None:
        """Take up what a single image found; it takes of the probability of being lost.

        What is near a hypothesis that stands already is that hypothesis, and was weighed with it.

        Args:
            poses: (K, 3).
            covariance: (K, 3, 3).
            confidence: (K,) that the image was taken there.
            share: 0 to 1, of the probability of being lost that is given out.
        """
        total = max(float(confidence.sum()), 1.0)
        new = np.array([not self.near(pose).any() for pose in poses], dtype=bool)
        given = self.lost * share * confidence[new] / total
        states = np.column_stack([poses[new], np.full(new.sum(), self._usual_speed())])
        covariances = np.zeros((len(states), 4, 4))
        covariances[:, :3, :3] = covariance[new]
        covariances[:, SPEED, SPEED] = STRANGE_SPEED**2
        self.state = np.concatenate([self.state, states])
        self.covariance = np.concatenate([self.covariance, covariances])
        self.probability = np.concatenate([self.probability, given])
        self.lost -= float(given.sum())

    def tidy(self) -> None:
        """Merge hypotheses that agree, drop the least probable, and never be quite certain."""
        order = np.argsort(-self.probability, kind="stable")
        left = self.probability >= self.config.least_probability
        merged: list[tuple[NDArray[np.float64], NDArray[np.float64], float]] = []
        for best in order:
            if left[best] and len(merged) < self.config.tracked_hypotheses:
                members = np.flatnonzero(left & self.near(self.state[best, :3]))
                left[members] = False
                merged.append(self._moments(int(best), members))
        self.state = np.array([m[0] for m in merged]).reshape(-1, 4)
        self.covariance = np.array([m[1] for m in merged]).reshape(-1, 4, 4)
        self._share_out(np.array([m[2] for m in merged]), max(self.lost, self.config.least_doubt))

    def near(self, pose: Planar) -> NDArray[np.bool_]:
        """Return which hypotheses (N,) agree with a pose (3,)."""
        apart = self.state[:, :3] - pose
        close = np.hypot(apart[:, X], apart[:, Y]) < self.config.merge_distance
        return np.asarray(close & (np.abs(angle_difference(apart[:, YAW], 0.0)) < self.config.merge_angle))

    @property
    def order(self) -> Sequence[int]:
        """Hypotheses, most probable first."""
        return [int(i) for i in np.argsort(-self.probability, kind="stable")]

    def _draw(self, i: int, apart: Planar, evidence: NDArray[np.float64], R: NDArray[np.float64]) -> None:
        """Update hypothesis i by the mean of the matches near it (Kalman)."""
        share = np.exp(evidence - evidence.max())
        share /= share.sum()
        offset = share @ apart
        P = self.covariance[i]
        gain = P[:, :3] @ np.linalg.inv(P[:3, :3] + (share[:, None] * (apart - offset)).T @ (apart - offset) + R)
        self.state[i] += gain @ offset
        self.state[i, YAW] = angle_difference(self.state[i, YAW], 0.0)
        self.covariance[i] = P - gain @ P[:3]
        self.covariance[i] = (self.covariance[i] + self.covariance[i].T) / 2

    def _change_speed(self, motion: Motion) -> None:
        """Take the speed from odometry, or let it wander."""
        if motion.step is not None and abs(motion.seconds) > 1e-3:
            self.state[:, SPEED] = motion.step[0] / motion.seconds
            self.covariance[:, SPEED, :] = self.covariance[:, :, SPEED] = 0.0
            self.covariance[:, SPEED, SPEED] = 1.0
        self.covariance[:, SPEED, SPEED] += self.config.acceleration**2 * abs(motion.seconds)

    def _moments(self, best: int, members: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
        """Return mean, covariance and probability of hypotheses together."""
        total = float(self.probability[members].sum())
        share = self.probability[members] / total
        apart = self.state[members] - self.state[best]
        apart[:, YAW] = angle_difference(apart[:, YAW], 0.0)
        offset = share @ apart
        scatter = (share[:, None] * (apart - offset)).T @ (apart - offset)
        mean = self.state[best] + offset
        mean[YAW] = angle_difference(mean[YAW], 0.0)
        return mean, np.einsum("m,mij->ij", share, self.covariance[members]) + scatter, total

    def _share_out(self, probability: NDArray[np.float64], lost: float) -> None:
        total = float(probability.sum()) + lost
        self.probability, self.lost = probability / total, lost / total

    def _usual_speed(self) -> float:
        return float(self.state[np.argmax(self.probability), SPEED]) if len(self) else 0.0


def _turned(covariance: NDArray[np.float64], yaw: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a covariance (3, 3) of the base's own frame in the map's, for each yaw (N,): (N, 3, 3)."""
    R = np.tile(np.eye(3), (len(yaw), 1, 1))
    R[:, 0, 0] = R[:, 1, 1] = np.cos(yaw)
    R[:, 1, 0] = np.sin(yaw)
    R[:, 0, 1] = -R[:, 1, 0]
    return np.asarray(R @ covariance @ R.transpose(0, 2, 1))
