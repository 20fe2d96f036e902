# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""What the matches of one image say about the pose of the vehicle."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from liploc_ros.encoders.spec import ConfidenceModel
from liploc_ros.geometry.se2 import PoseSE2
from liploc_ros.localization.confidence import length_log_odds
from liploc_ros.localization.config import CovarianceConfig
from liploc_ros.localization.hypotheses import Hypothesis, across_sigma
from liploc_ros.localization.matching import Matches
from liploc_ros.mapping import LidarMap

MIN_CONFIDENCE = 1e-6  # and its complement: log-odds stay finite


@dataclass(frozen=True)
class Measurement:
    """A view compared at poses of the base.

    Attributes:
        poses: (M, 3) x, y [m], yaw [rad].
        match_score: (M,) log-odds of each, up to a constant.
        log_odds: (M,) that the image was taken at this pose rather than at none of the map.
        sigma: (3,) standard deviations forward, to the left [m] and of the yaw [rad] of a single match.
    """

    poses: PoseSE2
    match_score: NDArray[np.float64]
    log_odds: NDArray[np.float64]
    sigma: NDArray[np.float64]


def measurement_of(
    matches: Matches,
    predicted_matches: Matches | None,
    hypotheses: Sequence[Hypothesis],
    confidence_model: ConfidenceModel,
    covariance: CovarianceConfig,
    lidar_map: LidarMap,
) -> Measurement:
    """Return the measurement from the matches of a view.

    The best match of the hypotheses is correct with the confidence of the first hypothesis; other matches are less
    likely by the difference of their match scores. The length of the map is not counted here: it is counted once, when
    a hypothesis is spawned, because a tracked hypothesis predicts the next image at one place, however long the map is.

    Args:
        matches: those that the hypotheses were estimated from.
        predicted_matches: further ones, where tracking predicted the view.
        hypotheses: of this view alone, most probable first.
        confidence_model: for the reference length of the map.
        covariance: resolved standard deviations of a match.
        lidar_map: the map.
    """
    every = matches if predicted_matches is None else matches.concatenate(predicted_matches)
    confidence = hypotheses[0].confidence if hypotheses else 0.5
    best_log_odds = logit(np.clip(confidence, MIN_CONFIDENCE, 1 - MIN_CONFIDENCE))
    best_log_odds += float(length_log_odds(lidar_map.drawn_length, confidence_model))
    best_score = float(matches.match_score.max(initial=-np.inf))
    across = across_sigma(lidar_map.place_spacing, covariance)
    return Measurement(
        every.poses,
        every.match_score,
        log_odds=float(best_log_odds) + every.match_score - best_score,
        sigma=np.array([covariance.sigma_position, across, covariance.sigma_heading]),
    )
