"""Matches that agree in place and heading."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liploc_ros.geometry.se2 import PoseSE2
from liploc_ros.localization.config import LocalizerConfig

MOST_MATCHES = 256  # that are told apart; what others add to a probability is far below a thousandth


@dataclass(frozen=True)
class Group:
    """Matches around one pose.

    Attributes:
        members: (m,) rows of the matches.
        share: (m,) of the group's probability; they add up to one.
        probability: of the group, among all matches.
        best: the member with most evidence.
    """

    members: NDArray[np.intp]
    share: NDArray[np.float64]
    probability: float
    best: int


def groups_of(poses: PoseSE2, evidence: NDArray[np.float64], config: LocalizerConfig) -> tuple[Group, ...]:
    """Return groups of matches at poses (M, 3), most probable first.

    The first is where most of the probability lies within ``merge_distance`` and ``merge_angle`` of a match, the next
    where most of the rest does. All matches of one view are neighbours on the same grid, so that none is favoured.
    """
    if not len(poses):
        return ()
    strongest = np.argsort(-evidence, kind="stable")[:MOST_MATCHES]
    weights = np.exp(evidence[strongest] - evidence[strongest[0]])
    weights /= np.exp(evidence - evidence[strongest[0]]).sum()
    x, y, yaw = poses[strongest].T
    near = (x[:, None] - x) ** 2 + (y[:, None] - y) ** 2 < config.merge_distance**2
    looking = np.stack([np.cos(yaw), np.sin(yaw)])
    near &= looking.T @ looking > np.cos(min(config.merge_angle, np.pi))  # cheaper than to wrap all differences
    left = np.ones(len(strongest), dtype=bool)
    groups: list[Group] = []
    while left.any() and len(groups) < config.max_hypotheses:
        densest = int(np.argmax(np.where(left, near @ (weights * left), -1.0)))
        members = np.flatnonzero(near[densest] & left)
        left[members] = False
        probability = float(weights[members].sum())
        share = weights[members] / max(probability, 1e-300)
        groups.append(Group(strongest[members], share, probability, int(strongest[members[0]])))
    return tuple(sorted(groups, key=lambda group: -group.probability))
