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

FEATURES = [1, 3, 4, 5]  # of the confidence features, which a model weighs
FEATURES_OF_OLDER_MODELS = [0, 1, 2]  # before 2026-11-26
MIN_SEEN = 1e-3  # share of the view
MIN_DEVIATION = 1e-3  # of the match scores of other places


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
    """Return the confidence features (6,) of a cluster's best match among all matches (M,).

    They are, in this order:

    0. its match score,
    1. its similarity,
    2. its prominence: the difference to the median match score outside the cluster, 0 without other matches,
    3. the prominence times the square root of the share of the view that both sides see: of few cells, the mean is less
       certain, and more places resemble by chance,
    4. the prominence in standard deviations of the other match scores,
    5. the log of the share of the view that both sides see.
    """
    is_other = np.ones(len(match_score), np.bool_)
    is_other[cluster.members] = False
    others = match_score[is_other]
    best, share = match_score[cluster.best], max(float(seen[cluster.best]), MIN_SEEN)
    prominence = best - np.median(others) if len(others) else 0.0
    deviations = prominence / max(float(others.std()), MIN_DEVIATION) if len(others) else 0.0
    return np.array(
        [best, similarity[cluster.best], prominence, prominence * np.sqrt(share), deviations, np.log(share)]
    )


def confidence_log_odds(
    features: NDArray[np.float64], confidence_model: ConfidenceModel, map_length: ArrayLike
) -> NDArray[np.float64]:
    """Return the log-odds (...) that hypotheses with confidence features (..., 6) are correct.

    A longer map has more places that resemble an image by chance, which lowers the log-odds. A model that was never
    fitted uses the similarity alone.
    """
    if confidence_model.confidence_weights is None:
        return np.asarray((features[..., 1] - confidence_model.min_score) / confidence_model.temperature)
    weights = np.array(confidence_model.confidence_weights)
    columns = FEATURES_OF_OLDER_MODELS if len(weights) == len(FEATURES_OF_OLDER_MODELS) + 1 else FEATURES
    log_odds = features[..., columns] @ weights[:-1] + weights[-1]
    return np.asarray(log_odds - length_log_odds(map_length, confidence_model))


def length_log_odds(map_length: ArrayLike, confidence_model: ConfidenceModel) -> NDArray[np.float64]:
    """Return what a long map subtracts from the log-odds; 0 for maps that are not longer than the reference.

    Args:
        map_length: length of path along which the map has places [m].
        confidence_model: its reference length and exponent.
    """
    if confidence_model.reference_length <= 0:
        return np.zeros(np.shape(map_length))
    ratio = np.maximum(np.asarray(map_length) / confidence_model.reference_length, 1)
    return np.asarray(confidence_model.length_exponent * np.log(ratio))
