# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Cluster matches that agree in position and heading, and average them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from liploc_ros.geometry import Pose, angle_difference, pose_from_yaw, yaw_of
from liploc_ros.geometry.se2 import PoseSE2
from liploc_ros.localization.config import MatchingConfig

MAX_MATCHES = 256  # that are clustered; the probability of all others together is far below 0.001

# Of the match scores in the weights of the mean pose. Neighbouring matches have errors in common. At temperature 1 one
# or two of them would decide alone, and off the mapped line the errors of the heading would be a quarter larger.
MEAN_TEMPERATURE = 2.0


@dataclass(frozen=True)
class Cluster:
    """Matches around one pose.

    Attributes:
        members: (m,) indices of the matches.
        weights: (m,) of each member in the mean pose; they sum to 1.
        probability: of the cluster among all matches.
        best: index of the match with the highest match score.
    """

    members: NDArray[np.intp]
    weights: NDArray[np.float64]
    probability: float
    best: int


def cluster_matches(poses: PoseSE2, match_score: NDArray[np.float64], config: MatchingConfig) -> tuple[Cluster, ...]:
    """Return clusters of matches at poses (M, 3), most probable first, at most ``max_hypotheses``.

    The first cluster gathers the matches within ``merge_distance`` and ``merge_angle`` of the match that has the most
    probability around it; the next one is found in the same way among the remaining matches.
    """
    if not len(poses):
        return ()
    top = np.argsort(-match_score, kind="stable")[:MAX_MATCHES]
    probability = np.exp(match_score[top] - match_score[top[0]])
    probability /= np.exp(match_score - match_score[top[0]]).sum()
    # Relative to the best match, single precision is enough, and twice as fast.
    x, y, yaw = (poses[top] - [*poses[top[0], :2], 0.0]).T.astype(np.float32)
    dx, dy = x[:, None] - x, y[:, None] - y
    near = dx * dx + dy * dy < config.merge_distance**2
    direction = np.stack([np.cos(yaw), np.sin(yaw)])
    near &= direction.T @ direction > np.cos(min(config.merge_angle, np.pi))  # cheaper than wrapping differences
    neighbours = near.astype(np.float32)
    remaining = np.ones(len(top), dtype=bool)
    clusters: list[Cluster] = []
    while remaining.any() and len(clusters) < config.max_hypotheses:
        around = neighbours @ (probability * remaining).astype(np.float32)
        centre = int(np.argmax(np.where(remaining, around, -1.0)))
        members = np.flatnonzero(near[centre] & remaining)
        remaining[members] = False
        weights = softmax(match_score[top[members]] / MEAN_TEMPERATURE)
        clusters.append(Cluster(top[members], weights, float(probability[members].sum()), int(top[members[0]])))
    return tuple(sorted(clusters, key=lambda cluster: -cluster.probability))


def mean_pose(
    poses: NDArray[np.float64], weights: NDArray[np.float64], T_reference: Pose
) -> tuple[Pose, NDArray[np.float64]]:
    """Return the weighted mean of poses (m, 4, 4), and their covariance (6, 6) about it.

    Headings are averaged relative to a reference pose close to all of them; roll and pitch are those of the reference.
    The covariance is over x, y, z [m] and rotation about X, Y, Z [rad]; position and heading are taken as uncorrelated.
    """
    position = weights @ poses[:, :3, 3]
    heading = angle_difference(np.arctan2(poses[:, 1, 0], poses[:, 0, 0]), yaw_of(T_reference))
    mean_heading = float(weights @ heading)
    T = pose_from_yaw(0, 0, 0, mean_heading) @ T_reference
    T[:3, 3] = position
    covariance = np.zeros((6, 6))
    offset = poses[:, :3, 3] - position
    covariance[:3, :3] = (weights[:, None] * offset).T @ offset
    covariance[5, 5] = weights @ (heading - mean_heading) ** 2
    return T, covariance
