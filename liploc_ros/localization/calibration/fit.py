# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Fit a confidence model: weights of the match score, confidence, thresholds and covariance."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_expit, logsumexp

from liploc_ros.encoders.spec import ConfidenceModel
from liploc_ros.errors import LiplocError
from liploc_ros.geometry import angle_difference
from liploc_ros.geometry.se2 import PoseSE2
from liploc_ros.localization.calibration.outcomes import SampleOutcome, outcome_of
from liploc_ros.localization.calibration.samples import ConfidenceSample
from liploc_ros.localization.confidence import FEATURES, confidence_log_odds, length_log_odds
from liploc_ros.localization.config import MatchingConfig
from liploc_ros.localization.feature_comparison import MIN_COLUMN_SIMILARITY

MAX_MATCH_DISTANCE, MAX_MATCH_ANGLE = 2.0, np.deg2rad(4)  # of a match that a view should choose [m, rad]
L2_PENALTY = 0.03  # on squared weights of standardized row scores; prevents overfitting to a few hundred views
FALSE_ACCEPT_RATE = 0.0005  # share of off-map images that may be accepted
TAIL_SHARE, MIN_IN_TAIL = 0.02, 10  # share and minimum number of off-map images in the upper tail of a score
MIN_PRECISION = 0.99  # of hypotheses that reach min_confidence and min_margin
# The best wrong match gains 1.5 of log-odds from 1 to 10 km, and 0.9 per decade up to 1,000 km (benchmarks.scale).
# That is less than the number of places grows, because few of them resemble the image. The steepest part is taken.
LENGTH_EXPONENT = 0.65
MIN_MARGIN, MAX_MARGIN = 0.5, 0.8  # a first hypothesis nine times as likely as the second is not ambiguous


class CalibrationError(LiplocError):
    """Samples to which no confidence model can be fitted, or a place where it cannot be stored."""


def fit_confidence_model(
    samples: Sequence[ConfidenceSample],
    place_spacing: tuple[float, float],
    source: str,
    config: MatchingConfig = MatchingConfig(),  # noqa: B008  frozen
) -> ConfidenceModel:
    """Return the confidence model fitted to samples of on-map and off-map images.

    Args:
        samples: of images that the encoders were not trained on, compared with :data:`MIN_COLUMN_SIMILARITY`.
        place_spacing: of the maps, along the path and across it [m]; across it 0 if they have places on the path only.
        source: what the samples are, in words.
        config: how matches are clustered.

    Raises:
        CalibrationError: there are none of one kind, or no image is localized.
    """
    weights = fit_score_weights(samples)
    outcomes = [outcome for sample in samples if (outcome := outcome_of(sample, weights, config)) is not None]
    correct = np.array([o.is_correct for o in outcomes])
    if correct.all() or not correct.any():
        raise CalibrationError(
            f"{correct.sum()} of {len(correct)} images are localized correctly, and both kinds are needed: "
            "give recordings of other places (--elsewhere), or another drive"
        )
    features, lengths = np.stack([o.features for o in outcomes]), np.array([o.map_length for o in outcomes])
    reference_length = float(lengths.min())
    model = ConfidenceModel(
        min_score=round(_upper_limit(features[:, 1], outcomes, FALSE_ACCEPT_RATE), 4),
        min_margin=MIN_MARGIN,
        temperature=round(max(0.005, float(features[correct, 1].std()) / 2), 4),
        score_weights=tuple(round(float(w), 4) for w in weights),
        min_column_similarity=MIN_COLUMN_SIMILARITY,
        reference_length=round(reference_length, 1),
        length_exponent=LENGTH_EXPONENT,
        source=source,
    )
    confidence_weights = _fit_confidence(features[:, FEATURES], correct, length_log_odds(lengths, model))
    model = model.model_copy(update={"confidence_weights": confidence_weights})
    log_odds = confidence_log_odds(features, model, lengths)
    min_confidence = float(expit(_upper_limit(log_odds, outcomes, FALSE_ACCEPT_RATE)))
    confident = [o for o, c in zip(outcomes, expit(log_odds), strict=True) if c >= min_confidence and not o.is_off_map]
    found = [o for o in outcomes if o.is_correct]
    errors, spread = np.array([o.error for o in found]), np.array([o.spread for o in found])
    spread += np.array([*np.square(place_spacing) / 12, 0.0])
    position, heading = _fit_error(errors[:, 0], spread[:, 0]), _fit_error(errors[:, 2], spread[:, 2])
    if place_spacing[1]:
        lateral = _fit_error(errors[:, 1], spread[:, 1])
        model = model.model_copy(update={"spread_lateral": round(lateral[0], 3), "sigma_lateral": round(lateral[1], 3)})
    return model.model_copy(
        update={
            "min_confidence": round(min_confidence, 4),
            "min_margin": round(max(MIN_MARGIN, _fit_margin(confident)), 4),
            "spread_position": round(position[0], 3),
            "sigma_position": round(position[1], 3),
            "spread_heading": round(heading[0], 3),
            "sigma_heading": round(heading[1], 5),
        }
    )


def fit_score_weights(samples: Sequence[ConfidenceSample]) -> NDArray[np.float64]:
    """Return (2 h,) weights of the row scores, with which views choose the correct match (conditional logit).

    The loss is the mean over views of the negative log of the probability of all matches within 2 m and 4 degrees.

    Raises:
        CalibrationError: no view has such a match.
    """
    views = [_labelled(sample, sample.truth) for sample in samples if sample.truth is not None]
    views = [(scores, correct) for scores, correct in views if correct.any() and not correct.all()]
    if not views:
        raise CalibrationError(
            "no image was compared with the place where it was taken: give another drive, or more scans"
        )
    scale = np.concatenate([scores for scores, _ in views]).std(axis=0) + 1e-6
    views = [(scores / scale, correct) for scores, correct in views]

    def loss(w: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        value, gradient = L2_PENALTY * float(w @ w), 2 * L2_PENALTY * w
        for scores, correct in views:
            s = scores @ w
            s_correct, log_total = s[correct], logsumexp(s)
            log_correct = logsumexp(s_correct)
            value += float(log_total - log_correct) / len(views)
            expected = np.exp(s - log_total) @ scores
            gradient += (expected - np.exp(s_correct - log_correct) @ scores[correct]) / len(views)
        return value, gradient

    found = minimize(loss, np.zeros(len(scale)), jac=True, method="L-BFGS-B", options={"maxiter": 200})
    return np.asarray(found.x / scale)


def _labelled(sample: ConfidenceSample, truth: PoseSE2) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the row scores (M, 2 h) minus their mean, and which matches are correct (M,)."""
    offset = sample.poses - truth
    correct = np.hypot(offset[:, 0], offset[:, 1]) < MAX_MATCH_DISTANCE
    correct &= np.abs(angle_difference(offset[:, 2], 0.0)) < MAX_MATCH_ANGLE
    scores = sample.row_scores.astype(np.float64)
    return scores - scores.mean(axis=0), correct


def _fit_confidence(
    features: NDArray[np.float64], correct: NDArray[np.bool_], offset: NDArray[np.float64]
) -> tuple[float, ...]:
    """Return weights and constant of a logistic regression with equal weight of both classes.

    ``offset`` (N,) is subtracted from the log-odds. Weights are not negative, since a better feature must not lower the
    confidence.
    """
    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-6
    count = features.shape[1]
    X = np.column_stack([(features - mean) / scale, np.ones(len(features))])
    weight = np.where(correct, 0.5 / correct.mean(), 0.5 / (~correct).mean()) / len(correct)
    sign = np.where(correct, 1.0, -1.0)

    def loss(w: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margin = sign * (X @ w - offset)
        penalty = 1e-3 * w[:-1]
        value = -float(weight @ log_expit(margin)) + float(penalty @ w[:-1]) / 2
        return value, -(weight * sign * expit(-margin)) @ X + np.append(penalty, 0.0)

    bounds = [(0, None)] * count + [(None, None)]
    w = minimize(loss, np.zeros(count + 1), jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 500}).x
    slopes = w[:-1] / scale
    return *(round(float(slope), 5) for slope in slopes), round(float(w[-1] - slopes @ mean), 4)


def _upper_limit(values: NDArray[np.float64], outcomes: Sequence[SampleOutcome], rate: float) -> float:
    """Return the value that a share ``rate`` of off-map images exceeds.

    There are too few images to count a share of one in a thousand. The upper 2 % are modelled as exponential above
    their start (peaks over threshold), and extrapolated.
    """
    off_map = np.sort(values[[o.is_off_map for o in outcomes]])
    if not len(off_map):
        return float(values.min())
    in_tail = max(MIN_IN_TAIL, round(TAIL_SHARE * len(off_map)))
    if len(off_map) <= 2 * in_tail:
        return float(off_map[-1]) + 1e-4
    start = off_map[-in_tail - 1]
    return float(start + (off_map[-in_tail:] - start).mean() * np.log(in_tail / (len(off_map) * rate)))


def _fit_margin(outcomes: Sequence[SampleOutcome]) -> float:
    """Return the smallest margin above which the share of correct hypotheses is high enough."""
    margins, correct = np.array([o.margin for o in outcomes]), np.array([o.is_correct for o in outcomes], bool)
    for margin in [0.0, *np.sort(margins)]:
        kept = margins >= margin
        if not kept.any() or correct[kept].mean() >= MIN_PRECISION:
            return min(float(margin), MAX_MARGIN)
    return MAX_MARGIN


def _fit_error(errors: NDArray[np.float64], spread: NDArray[np.float64]) -> tuple[float, float]:
    """Return the factor on the spread and the added standard deviation that maximize the likelihood of errors.

    Errors are modelled as normal, with variance ``factor * spread + sigma^2``.
    """
    squared, variance = np.square(errors), spread
    mean_square = float(squared.mean()) + 1e-9

    def loss(w: NDArray[np.float64]) -> float:
        expected = np.exp(w[0]) * variance + np.exp(w[1]) * mean_square
        return float((np.log(expected) + squared / expected).mean())

    bounds = [(np.log(0.02), np.log(10.0)), (np.log(0.05), np.log(2.0))]
    w = minimize(loss, np.array([np.log(0.5), np.log(0.5)]), method="L-BFGS-B", bounds=bounds).x
    return float(np.exp(w[0])), float(np.sqrt(np.exp(w[1]) * mean_square))
