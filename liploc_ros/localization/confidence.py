"""How often an answer is right that looks as good as this one."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from liploc_ros.encoders.spec import AcceptanceSpec
from liploc_ros.localization.groups import Group
from liploc_ros.localization.refine import Matches


def confidence_of(matches: Matches, group: Group, acceptance: AcceptanceSpec) -> float:
    """Return how often an answer like this group of matches is right, 0 to 1; see :func:`signs_of`."""
    signs = signs_of(matches.evidence, matches.similarity, group)
    return float(expit(log_odds_of(signs, acceptance)))


def signs_of(evidence: NDArray[np.float64], similarity: NDArray[np.float64], group: Group) -> NDArray[np.float64]:
    """Return evidence, similarity and prominence (3,) of a group's best match among matches (M,).

    The prominence is how much more evidence there is for it than for what else of the map looks similar: the median of
    the matches that are not of the group. Where there are none, nothing is prominent.
    """
    others = np.delete(evidence, group.members)
    best = evidence[group.best]
    return np.array([best, similarity[group.best], best - np.median(others) if len(others) else 0.0])


def log_odds_of(signs: NDArray[np.float64], acceptance: AcceptanceSpec) -> NDArray[np.float64]:
    """Return log-odds (...) that answers with signs (..., 3) are right; from the similarity where none were fitted."""
    if acceptance.confidence is None:
        return np.asarray((signs[..., 1] - acceptance.min_score) / acceptance.temperature)
    return np.asarray(signs @ np.array(acceptance.confidence[:3]) + acceptance.confidence[3])
