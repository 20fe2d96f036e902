"""A Bayesian filter over SE(2): where the vehicle may be, after all images and all motion."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from liploc_ros.geometry import angle_difference
from liploc_ros.geometry.se2 import PoseSE2
from liploc_ros.localization.tracking.config import TrackingConfig
from liploc_ros.localization.tracking.measurement import Sighting
from liploc_ros.localization.tracking.motion import Motion

X, Y, YAW, SPEED = range(4)
STRANGE_SPEED = 10.0  # m/s, standard deviation of the speed of a vehicle just found


class Belief:
    """Hypotheses, each with its covariance and two measures of how much speaks for it.

    The *support* of a hypothesis is the log of how much likelier the images are there than at a pose drawn at random
    from the map; the *trust* is the log-odds that they were taken there rather than elsewhere, by what answers of the
    localizer look like that are right. Support tells hypotheses from one another, trust whether any of them is right.

    Attributes:
        state: (N, 4) x, y [m], yaw [rad], speed ahead [m/s].
        covariance: (N, 4, 4) of them.
        votes: (N, H) what each of the last images adds to the support, oldest first.
        independence: (H,) how much of what they tell is new, 0 to 1.
        trust: (N,).
    """

    def __init__(self, config: TrackingConfig, poses: int) -> None:
        """Begin lost on a map with so many ``poses`` that can be told apart."""
        self.config = config
        self.state = np.zeros((0, 4))
        self.covariance = np.zeros((0, 4, 4))
        self.votes = np.zeros((0, 0))
        self.independence = np.zeros(0)
        self.trust = np.zeros(0)
        self._elsewhere = float(np.log(poses))
        self._known_ways: tuple[NDArray[np.float64], NDArray[np.float64], float] | None = None  # of these votes

    def __len__(self) -> int:
        return len(self.state)

    @property
    def support(self) -> NDArray[np.float64]:
        """(N,) what all votes add up to, on the best way to each hypothesis; see :meth:`_ways`."""
        return self._ways()[0]

    @property
    def probability(self) -> NDArray[np.float64]:
        """(N,) probabilities; what they lack of one is that of being none of them, or off the map."""
        support, elsewhere = self._ways()
        among = np.exp(support - np.logaddexp.reduce([*support, elsewhere]))
        return np.asarray(among * expit(self.trust))

    def _ways(self) -> tuple[NDArray[np.float64], float]:
        """Return the support (N,) of the hypotheses, and that of being at any other pose.

        A vehicle may have been carried to anywhere before each of the images, with its odometry knowing nothing of it:
        then what spoke for the best of all poses until then counts less by ``kidnapping_odds``, shared among all poses
        (Viterbi's algorithm over the images). The odds are those of an image of which all is new.
        """
        if self._known_ways is not None and self._known_ways[0] is self.votes:
            return self._known_ways[1:]
        support, elsewhere = np.zeros(len(self)), self._elsewhere
        against = self.config.kidnapping_odds - np.log(self.independence)
        for column, odds in zip(self.votes.T, against, strict=True) if len(self) else ():
            moved = max(float(support.max()), elsewhere - self._elsewhere) - odds
            elsewhere = max(elsewhere, moved)
            support = np.maximum(support, moved - self._elsewhere) + column
        self._known_ways = self.votes, support, elsewhere
        return support, elsewhere

    @property
    def lost(self) -> float:
        """Probability that the vehicle is at none of the hypotheses."""
        return 1.0 - float(self.probability.sum())

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
        self.trust *= np.exp(-self.config.trust_leak * np.hypot(ahead, left))

    def weigh(self, sighting: Sighting, likelihood: NDArray[np.float64], independence: float) -> None:
        """Weigh hypotheses by an image, and draw them to where it matches best.

        Images taken close to one another err alike: one that is only partly new counts in part, as does the precision
        of its poses.

        Args:
            sighting: of the image.
            likelihood: (N,) log-likelihood of the image at the hypotheses, relative to a pose drawn at random.
            independence: above 0 to 1, how much of what it tells is not known from earlier images.
        """
        column = independence * np.clip(likelihood, -self.config.strongest_support, self.config.strongest_support)
        self.independence = np.append(self.independence, independence)[-self.config.tracked_images :]
        self.votes = np.column_stack([self.votes, column])[:, -self.config.tracked_images :]
        if not len(self) or not len(sighting.poses):
            return
        R = self._error(sighting) / independence
        near, apart, squared = self._matched(sighting, R)
        votes = np.where(near, sighting.log_odds - squared / 2, -np.inf).max(axis=1)
        self._draw(near, apart, sighting.evidence, R)
        self.trust += independence * np.clip(votes, -self.config.strongest_vote, self.config.strongest_vote)
        self.trust = np.clip(self.trust, -self.config.most_trust, self.config.most_trust)

    def hold(self, sighting: Sighting) -> None:
        """Keep hypotheses where they are, by an image that shows what was seen already.

        It cannot tell more than it did before, so that only those are drawn that are less exact than the image is.
        """
        if not len(self) or not len(sighting.poses):
            return
        R = self._error(sighting)
        near, apart, _ = self._matched(sighting, R)
        variance, known = self.covariance, R
        place = variance[:, X, X] + variance[:, Y, Y] > known[:, X, X] + known[:, Y, Y]
        near[~(place | (variance[:, YAW, YAW] > known[:, YAW, YAW]))] = False
        self._draw(near, apart, sighting.evidence, R)

    def add(
        self,
        poses: PoseSE2,
        covariance: NDArray[np.float64],
        votes: NDArray[np.float64],
        trust: NDArray[np.float64],
    ) -> None:
        """Take up what a single image found.

        Args:
            poses: (K, 3).
            covariance: (K, 3, 3).
            votes: (K, H) of the images remembered, oldest first.
            trust: (K,).
        """
        states = np.column_stack([poses, np.full(len(poses), self.usual_speed)])
        covariances = np.zeros((len(states), 4, 4))
        covariances[:, :3, :3] = covariance
        covariances[:, SPEED, SPEED] = STRANGE_SPEED**2
        self.state = np.concatenate([self.state, states])
        self.covariance = np.concatenate([self.covariance, covariances])
        self.votes = np.concatenate([self.votes, votes])
        self.trust = np.concatenate([self.trust, trust])

    def tidy(self) -> None:
        """Merge hypotheses that agree into what has more support, drop those that hardly anything speaks for."""
        kept: list[int] = []
        support, near = self.support, self._near(self.state[:, None, :3])
        left = support > support.max(initial=-np.inf) - self.config.least_support
        for best in np.argsort(-support, kind="stable"):
            if left[best] and len(kept) < self.config.tracked_hypotheses:
                left &= ~near[best]
                kept.append(int(best))
        self.state, self.covariance = self.state[kept], self.covariance[kept]
        self.votes, self.trust = self.votes[kept], self.trust[kept]

    def near(self, poses: PoseSE2) -> NDArray[np.bool_]:
        """Return which of poses (K, 3) agree with a hypothesis: (K,)."""
        return np.asarray(self._near(poses[:, None]).any(axis=1))

    def _near(self, poses: PoseSE2) -> NDArray[np.bool_]:
        apart = np.asarray(poses - self.state[:, :3])
        close = apart[..., X] ** 2 + apart[..., Y] ** 2 < self.config.merge_distance**2
        return np.asarray(close & (np.abs(angle_difference(apart[..., YAW], 0.0)) < self.config.merge_angle))

    @property
    def order(self) -> Sequence[int]:
        """Hypotheses, most probable first."""
        return [int(i) for i in np.argsort(-self.probability, kind="stable")]

    @property
    def usual_speed(self) -> float:
        """Speed ahead [m/s] of the most probable hypothesis, or what is assumed while there is none."""
        if not len(self):
            return self.config.assumed_speed
        return float(self.state[np.argmax(self.probability), SPEED])

    def _error(self, sighting: Sighting) -> NDArray[np.float64]:
        """Return the covariances (N, 3, 3) of a match in the frame of the map, were it of each hypothesis."""
        return _turned(np.diag(sighting.error**2), self.state[:, YAW])

    def _matched(
        self, sighting: Sighting, R: NDArray[np.float64]
    ) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64]]:
        """Return which matches are near hypotheses (N, M), by how much they are apart (N, M, 3), and squared sigmas."""
        apart = sighting.poses[None] - self.state[:, None, :3]
        apart[..., YAW] = angle_difference(apart[..., YAW], 0.0)
        S = np.linalg.inv(self.covariance[:, :3, :3] + R)[:, None]
        x, y, yaw = apart[..., X], apart[..., Y], apart[..., YAW]
        squared = x * (S[..., 0, 0] * x + 2 * (S[..., 0, 1] * y + S[..., 0, 2] * yaw))
        squared += y * (S[..., 1, 1] * y + 2 * S[..., 1, 2] * yaw) + S[..., 2, 2] * yaw * yaw
        return squared < self.config.tracking_gate**2, apart, squared

    def _draw(
        self, near: NDArray[np.bool_], apart: PoseSE2, evidence: NDArray[np.float64], R: NDArray[np.float64]
    ) -> None:
        """Update hypotheses by the mean of the matches (N, M) near them, (N, M, 3) apart (Kalman)."""
        drawn = np.flatnonzero(near.any(axis=1))
        if not len(drawn):
            return
        chosen, apart = np.where(near[drawn], evidence, -np.inf), apart[drawn]
        share = np.exp(chosen - chosen.max(axis=1, keepdims=True))
        share /= share.sum(axis=1, keepdims=True)
        offset = np.einsum("nm,nmi->ni", share, apart)
        apart = apart - offset[:, None]
        spread = np.einsum("nm,nmi,nmj->nij", share, apart, apart)
        P = self.covariance[drawn]
        gain = P[:, :, :3] @ np.linalg.inv(P[:, :3, :3] + spread + R[drawn])
        self.state[drawn] += np.einsum("nij,nj->ni", gain, offset)
        self.state[drawn, YAW] = angle_difference(self.state[drawn, YAW], 0.0)
        P = P - gain @ P[:, :3]
        self.covariance[drawn] = (P + P.transpose(0, 2, 1)) / 2

    def _change_speed(self, motion: Motion) -> None:
        """Take the speed from odometry, or let it wander."""
        if motion.step is not None and abs(motion.seconds) > 1e-3:
            self.state[:, SPEED] = motion.step[0] / motion.seconds
            self.covariance[:, SPEED, :] = self.covariance[:, :, SPEED] = 0.0
            self.covariance[:, SPEED, SPEED] = 1.0
        self.covariance[:, SPEED, SPEED] += self.config.acceleration**2 * abs(motion.seconds)


def _turned(covariance: NDArray[np.float64], yaw: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a covariance (3, 3) of the base's own frame in the map's, for each yaw (N,): (N, 3, 3)."""
    R = np.tile(np.eye(3), (len(yaw), 1, 1))
    R[:, 0, 0] = R[:, 1, 1] = np.cos(yaw)
    R[:, 1, 0] = np.sin(yaw)
    R[:, 0, 1] = -R[:, 1, 0]
    return np.asarray(R @ covariance @ R.transpose(0, 2, 1))
