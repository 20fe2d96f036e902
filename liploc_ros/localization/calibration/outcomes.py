# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""What the localizer makes of confidence samples: the error of the first hypothesis, and its confidence features."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from liploc_ros.encoders.spec import ConfidenceModel
from liploc_ros.geometry import pose_from_yaw, yaw_of
from liploc_ros.geometry.se2 import SE2_AXES, difference, se2_of
from liploc_ros.localization.calibration.samples import ConfidenceSample
from liploc_ros.localization.clustering import cluster_matches, mean_pose
from liploc_ros.localization.confidence import confidence_features, confidence_log_odds
from liploc_ros.localization.config import MatchingConfig
from liploc_ros.localization.matching import path_log_odds

MAX_POSITION_ERROR, MAX_HEADING_ERROR = 2.0, np.deg2rad(5)  # of a correct hypothesis [m, rad]


@dataclass(frozen=True)
class SampleOutcome:
    """The first hypothesis of a sample.

    Attributes:
        features: (6,) confidence features.
        map_length: of the sample [m].
        margin: lead in probability over the second hypothesis.
        error: (3,) along the heading and to its left [m], and of the heading [rad]; infinite for an off-map image.
        spread: (3,) variances of the matches in these directions.
    """

    features: NDArray[np.float64]
    map_length: float
    margin: float
    error: NDArray[np.float64]
    spread: NDArray[np.float64]

    @property
    def position_error(self) -> float:
        """Distance from the truth [m]."""
        return float(np.hypot(self.error[0], self.error[1]))

    @property
    def is_correct(self) -> bool:
        """Whether the hypothesis is within 2 m and 5 degrees of the truth."""
        return self.position_error < MAX_POSITION_ERROR and abs(self.error[2]) < MAX_HEADING_ERROR

    @property
    def is_off_map(self) -> bool:
        """Whether the image was not taken on the map."""
        return bool(np.isinf(self.position_error))


def outcome_of(
    sample: ConfidenceSample, score_weights: NDArray[np.float64], config: MatchingConfig
) -> SampleOutcome | None:
    """Return the first hypothesis of a sample; None if it was compared with no place.

    Args:
        sample: a view compared with a map.
        score_weights: (2 h,) of the row scores in the match score.
        config: how matches are clustered.
    """
    match_score = sample.row_scores.astype(np.float64) @ score_weights
    match_score += path_log_odds(sample.lateral, config.path_log_odds)
    clusters = cluster_matches(sample.poses, match_score, config)
    if not clusters:
        return None
    best = clusters[0]
    poses = np.stack([pose_from_yaw(x, y, 0.0, yaw) for x, y, yaw in sample.poses[best.members]])
    x, y, yaw = sample.poses[best.best]
    T, spread = mean_pose(poses, best.weights, pose_from_yaw(x, y, 0.0, yaw))
    cos, sin = np.cos(yaw_of(T)), np.sin(yaw_of(T))
    R = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    error = np.full(3, np.inf) if sample.truth is None else R.T @ difference(se2_of(T), sample.truth)
    return SampleOutcome(
        features=confidence_features(match_score, sample.similarity, sample.seen, best),
        map_length=sample.map_length,
        margin=best.probability - (clusters[1].probability if len(clusters) > 1 else 0.0),
        error=error,
        spread=np.diag(R.T @ spread[SE2_AXES[:, None], SE2_AXES] @ R),
    )


def is_accepted(outcome: SampleOutcome, confidence_model: ConfidenceModel) -> bool:
    """Return whether the localizer would accept the hypothesis."""
    confidence = expit(confidence_log_odds(outcome.features, confidence_model, outcome.map_length))
    return bool(confidence >= confidence_model.min_confidence and outcome.margin >= confidence_model.min_margin)


def coverage(
    outcomes: Sequence[SampleOutcome], confidence_model: ConfidenceModel, place_spacing: tuple[float, float]
) -> NDArray[np.float64]:
    """Return the shares (3, 2) of errors within 1 and 2 standard deviations: along, across and of the heading.

    Args:
        outcomes: of correct hypotheses.
        confidence_model: gives the standard deviations.
        place_spacing: of the maps, along the path and across it [m].
    """
    if not outcomes:
        return np.zeros((3, 2))
    model = confidence_model
    between_places = np.array([*np.square(place_spacing) / 12, 0.0])
    variance = np.array([o.spread for o in outcomes]) + between_places
    variance *= [model.spread_position, model.spread_lateral, model.spread_heading]
    variance += np.square([model.sigma_position, model.sigma_lateral, model.sigma_heading])
    ratios = np.abs([o.error for o in outcomes]) / np.sqrt(variance)
    return np.stack([np.mean(ratios < 1, axis=0), np.mean(ratios < 2, axis=0)], axis=1)


def summarize(
    samples: Sequence[ConfidenceSample], confidence_model: ConfidenceModel, place_spacing: tuple[float, float]
) -> str:
    """Return in words how a confidence model does on samples; those it was fitted to are no independent measure."""
    config, weights = MatchingConfig(), np.array(confidence_model.score_weights)
    outcomes = [outcome for sample in samples if (outcome := outcome_of(sample, weights, config)) is not None]
    on_map, off_map = [o for o in outcomes if not o.is_off_map], [o for o in outcomes if o.is_off_map]
    accepted = [o for o in on_map if is_accepted(o, confidence_model)]
    recall = ", ".join(f"{limit:g} m {_recall(on_map, limit):.1%}" for limit in (1, 2, 5))
    precision = np.mean([o.is_correct for o in accepted]) if accepted else 0.0
    false_accepts = sum(is_accepted(o, confidence_model) for o in off_map)
    along, across, heading = coverage([o for o in accepted if o.is_correct], confidence_model, place_spacing)
    return (
        f"{len(on_map)} images on the map, all headings searched, recall@1 within 5 degrees and {recall}; accepted "
        f"{len(accepted) / max(1, len(on_map)):.1%}, {precision:.1%} of them correct, along the path "
        f"{along[0]:.0%} within 1 sigma and {along[1]:.0%} within 2, across {across[0]:.0%} and {across[1]:.0%}, in "
        f"heading {heading[0]:.0%} and {heading[1]:.0%}; {false_accepts} of {len(off_map)} off-map images accepted"
    )


def _recall(outcomes: Sequence[SampleOutcome], limit: float) -> float:
    found = [o.position_error < limit and abs(o.error[2]) < MAX_HEADING_ERROR for o in outcomes]
    return float(np.mean(found)) if found else 0.0
