# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The confidence in a hypothesis: how often hypotheses with the same features are correct."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from liploc_ros.encoders.spec import ConfidenceModel
from liploc_ros.localization.clustering import Cluster
from liploc_ros.localization.matching import Matches

MIN_SEEN = 1e-3  # share of the view


def confidence_of(
    matches: Matches,
    clusters: Sequence[Cluster],
    confidence_model: ConfidenceModel,
    map_length: float,
    tries: float = 1.0,
) -> NDArray[np.float64]:
    """Return the probabilities (K,) that clusters are correct, given equal prior probability of correct and wrong.

    Args:
        matches: of one view.
        clusters: K groups of them.
        confidence_model: the fitted model.
        map_length: length of path along which the map has places [m].
        tries: number of independent views that were compared; as with a longer map, more may resemble by chance.
    """
    compared = matches.match_score, matches.similarity, matches.seen
    features = [confidence_features(*compared, cluster) for cluster in clusters]
    log_odds = confidence_log_odds(np.array(features), confidence_model, map_length) - np.log(tries)
    return np.asarray(expit(log_odds))


def confidence_features(
    match_score: NDArray[np.float64],
    similarity: NDArray[np.float64],
    seen: NDArray[np.float64],
    cluster: Cluster,
) -> NDArray[np.float64]:
    """Return the confidence features (4,) of a cluster's best match among all matches (M,).

    They are its match score, its similarity, its prominence, and the log of the share of the view that both sides see:
    of few cells, more places resemble by chance. The prominence is the difference to the median match score outside the
    cluster, 0 if there are no other matches.
    """
    is_other = np.ones(len(match_score), np.bool_)
    is_other[cluster.members] = False
    others = match_score[is_other]
    best = match_score[cluster.best]
    prominence = best - np.median(others) if len(others) else 0.0
    return np.array([best, similarity[cluster.best], prominence, np.log(max(seen[cluster.best], MIN_SEEN))])


def confidence_log_odds(
    features: NDArray[np.float64], confidence_model: ConfidenceModel, map_length: ArrayLike
) -> NDArray[np.float64]:
    """Return the log-odds (...) that hypotheses with confidence features (..., 4) are correct.

    A longer map has more places that resemble an image by chance, which lowers the log-odds. A model that was never
    fitted uses the similarity alone. One of an older version does not use the last feature.
    """
    if confidence_model.confidence_weights is None:
        return np.asarray((features[..., 1] - confidence_model.min_score) / confidence_model.temperature)
    weights = np.array(confidence_model.confidence_weights)
    log_odds = features[..., : len(weights) - 1] @ weights[:-1] + weights[-1]
    return np.asarray(log_odds - length_log_ratio(map_length, confidence_model.reference_length))


def length_log_ratio(map_length: ArrayLike, reference_length: float) -> NDArray[np.float64]:
    """Return the log of map length over reference length; 0 for shorter maps, and if there is no reference."""
    if reference_length <= 0:
        return np.zeros(np.shape(map_length))
    return np.log(np.maximum(np.asarray(map_length) / reference_length, 1))
