"""How often an answer is right that looks as good as this one."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from liploc_ros.encoders.spec import ConfidenceModel
from liploc_ros.localization.clustering import Group
from liploc_ros.localization.matching import Matches


def confidence_of(matches: Matches, group: Group, confidence_model: ConfidenceModel, path_length: float) -> float:
    """Return how often an answer like this is right on a map so long [m], 0 to 1, were as many right as wrong."""
    signs = signs_of(matches.evidence, matches.similarity, group)
    return float(expit(log_odds_of(signs, confidence_model, path_length)))


def signs_of(evidence: NDArray[np.float64], similarity: NDArray[np.float64], group: Group) -> NDArray[np.float64]:
    """Return evidence, similarity and prominence (3,) of a group's best match among matches (M,).

    The prominence is how much more evidence there is for it than for what else of the map looks similar: the median of
    the matches that are not of the group. Where there are none, nothing is prominent.
    """
    others = np.delete(evidence, group.members)
    best = evidence[group.best]
    return np.array([best, similarity[group.best], best - np.median(others) if len(others) else 0.0])


def log_odds_of(
    signs: NDArray[np.float64], confidence_model: ConfidenceModel, path_length: ArrayLike
) -> NDArray[np.float64]:
    """Return log-odds (...) that answers with signs (..., 3) are right; from the similarity where none were fitted.

    A map of twice the length has twice as many places that may look like an image by chance.
    """
    if confidence_model.confidence_weights is None:
        return np.asarray((signs[..., 1] - confidence_model.min_score) / confidence_model.temperature)
    odds = signs @ np.array(confidence_model.confidence_weights[:3]) + confidence_model.confidence_weights[3]
    return np.asarray(odds - log_times_longer(path_length, confidence_model.reference_length))


def log_times_longer(path_length: ArrayLike, usual: float) -> NDArray[np.float64]:
    """Return the log of how many times as long as usual maps are, 0 for shorter ones and where the usual is unknown."""
    return np.log(np.maximum(np.asarray(path_length) / usual, 1)) if usual > 0 else np.zeros(np.shape(path_length))
