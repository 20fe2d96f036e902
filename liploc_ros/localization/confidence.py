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


def confidence_of(
    matches: Matches, clusters: Sequence[Cluster], confidence_model: ConfidenceModel, map_length: float
) -> NDArray[np.float64]:
    """Return the probabilities (K,) that clusters are correct, given equal prior probability of correct and wrong.

    Args:
        matches: of one view.
        clusters: K groups of them.
        confidence_model: the fitted model.
        map_length: length of path along which the map has places [m].
    """
    features = [confidence_features(matches.match_score, matches.similarity, cluster) for cluster in clusters]
    return np.asarray(expit(confidence_log_odds(np.array(features), confidence_model, map_length)))


def confidence_features(
    match_score: NDArray[np.float64], similarity: NDArray[np.float64], cluster: Cluster
) -> NDArray[np.float64]:
    """Return match score, similarity and prominence (3,) of a cluster's best match among all matches (M,).

    The prominence is the difference to the median match score outside the cluster, 0 if there are no other matches.
    """
    is_other = np.ones(len(match_score), np.bool_)
    is_other[cluster.members] = False
    others = match_score[is_other]
    best = match_score[cluster.best]
    return np.array([best, similarity[cluster.best], best - np.median(others) if len(others) else 0.0])


def confidence_log_odds(
    features: NDArray[np.float64], confidence_model: ConfidenceModel, map_length: ArrayLike
) -> NDArray[np.float64]:
    """Return the log-odds (...) that hypotheses with confidence features (..., 3) are correct.

    A longer map has more places that resemble an image by chance, which lowers the log-odds. A model that was never
    fitted uses the similarity alone.
    """
    if confidence_model.confidence_weights is None:
        return np.asarray((features[..., 1] - confidence_model.min_score) / confidence_model.temperature)
    weights = np.array(confidence_model.confidence_weights)
    log_odds = features @ weights[:3] + weights[3]
    return np.asarray(log_odds - length_log_ratio(map_length, confidence_model.reference_length))


def length_log_ratio(map_length: ArrayLike, reference_length: float) -> NDArray[np.float64]:
    """Return the log of map length over reference length; 0 for shorter maps, and if there is no reference."""
    if reference_length <= 0:
        return np.zeros(np.shape(map_length))
    return np.log(np.maximum(np.asarray(map_length) / reference_length, 1))
