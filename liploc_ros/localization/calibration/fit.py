"""Calibrate: what similarities mean, how often answers are right and how far off, from trials."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_expit, logsumexp

from liploc_ros.encoders.spec import ConfidenceModel
from liploc_ros.errors import LiplocError
from liploc_ros.geometry import angle_difference
from liploc_ros.geometry.se2 import PoseSE2, difference
from liploc_ros.localization.calibration.samples import ConfidenceSample
from liploc_ros.localization.clustering import groups_of
from liploc_ros.localization.confidence import log_odds_of, log_times_longer, signs_of
from liploc_ros.localization.config import LocalizerConfig

NEAR, TURNED = 2.0, np.deg2rad(4)  # of a match that a view should choose [m, rad]
RIGHT, RIGHT_TURN = 2.0, np.deg2rad(5)  # of an answer [m, rad]
PENALTY = 0.03  # on squared weights of standardised rows; keeps a few hundred views from being learnt by heart
FALSE_ACCEPTS = 0.0005  # share of images from elsewhere that may be accepted; half of what is promised
TAIL, LEAST_IN_TAIL = 0.02, 10  # share, and least number, of the images from elsewhere that look most like the map
LEAST_PRECISION = 0.99  # of answers above the threshold whose lead reaches the margin
LEAST_MARGIN = 0.5  # a place that is less than about three times as likely as the next is not sure


class CalibrationError(LiplocError):
    """Trials from which nothing can be learnt."""


@dataclass(frozen=True)
class Answer:
    """What the localizer makes of a trial: signs (3,) of confidence, length of the map [m], lead, and errors.

    ``away`` [m], ``ahead`` [m] along the heading and ``turned`` [rad] are infinite for an image from elsewhere;
    ``spread`` is the variance of the matches along the heading [m^2] and of their yaw [rad^2].
    """

    signs: NDArray[np.float64]
    path_length: float
    lead: float
    away: float
    ahead: float
    turned: float
    spread: tuple[float, float]

    @property
    def is_right(self) -> bool:
        """Say whether it counts as found."""
        return self.away < RIGHT and abs(self.turned) < RIGHT_TURN

    @property
    def is_elsewhere(self) -> bool:
        """Say whether the image is of no place of the map."""
        return bool(np.isinf(self.away))


def calibrate(
    trials: Sequence[ConfidenceSample],
    spacing: float,
    source: str,
    config: LocalizerConfig = LocalizerConfig(),  # noqa: B008  frozen
) -> ConfidenceModel:
    """Return the calibration that fits trials of images on the map, and of images from elsewhere.

    Args:
        trials: of images that the model did not train on.
        spacing: of the places [m].
        source: what the trials are, in words.
        config: of the localizer.

    Raises:
        CalibrationError: there are none of one kind, or none is found.
    """
    weights = fit_evidence(trials)
    answers = [answer for trial in trials if (answer := answer_of(trial, weights, config)) is not None]
    right = np.array([a.is_right for a in answers])
    if right.all() or not right.any():
        raise CalibrationError(
            f"{right.sum()} of {len(right)} images are found: give drives to compare with (--elsewhere), or another one"
        )
    signs, lengths = np.stack([a.signs for a in answers]), np.array([a.path_length for a in answers])
    usual = float(lengths.min())
    confidence_model = ConfidenceModel(
        min_score=round(_least(signs[:, 1], answers, FALSE_ACCEPTS), 4),
        min_margin=LEAST_MARGIN,
        temperature=round(max(0.005, float(signs[right, 1].std()) / 2), 4),
        score_weights=tuple(round(float(w), 4) for w in weights),
        confidence_weights=_fit_confidence(signs, right, log_times_longer(lengths, usual)),
        reference_length=round(usual, 1),
        source=source,
    )
    odds = log_odds_of(signs, confidence_model, lengths)
    min_confidence = float(expit(_least(odds, answers, FALSE_ACCEPTS)))
    confidence = expit(odds)
    accepted = [a for a, c in zip(answers, confidence, strict=True) if c >= min_confidence and not a.is_elsewhere]
    found = [a for a in answers if a.is_right]
    between_places = spacing**2 / 12
    along = _fit_error([a.ahead for a in found], [a.spread[0] + between_places for a in found])
    turned = _fit_error([a.turned for a in found], [a.spread[1] for a in found])
    return confidence_model.model_copy(
        update={
            "min_confidence": round(min_confidence, 4),
            "min_margin": round(max(LEAST_MARGIN, _margin(accepted)), 4),
            "spread_position": round(along[0], 3),
            "sigma_position": round(along[1], 3),
            "spread_heading": round(turned[0], 3),
            "sigma_heading": round(turned[1], 5),
        }
    )


def fit_evidence(trials: Sequence[ConfidenceSample]) -> NDArray[np.float64]:
    """Return (2 h,) weights with which views choose right matches among all of theirs (conditional logit).

    The loss is the mean over views of minus the log of the probability of all matches within 2 m and 4 degrees.

    Raises:
        CalibrationError: no view has such a match.
    """
    views = [_labelled(trial, trial.truth) for trial in trials if trial.truth is not None]
    views = [(rows, right) for rows, right in views if right.any() and not right.all()]
    if not views:
        raise CalibrationError("no image was compared with the place where it was taken: another drive, or more scans")
    scale = np.concatenate([rows for rows, _ in views]).std(axis=0) + 1e-6
    views = [(rows / scale, right) for rows, right in views]

    def loss(w: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        value, slope = PENALTY * float(w @ w), 2 * PENALTY * w
        for rows, right in views:
            s = rows @ w
            among, all_of_it = s[right], logsumexp(s)
            value += float(all_of_it - logsumexp(among)) / len(views)
            slope += (np.exp(s - all_of_it) @ rows - np.exp(among - logsumexp(among)) @ rows[right]) / len(views)
        return value, slope

    found = minimize(loss, np.zeros(len(scale)), jac=True, method="L-BFGS-B", options={"maxiter": 200})
    return np.asarray(found.x / scale)


def answer_of(trial: ConfidenceSample, weights: NDArray[np.float64], config: LocalizerConfig) -> Answer | None:
    """Return what the localizer answers; None if nothing of the map was compared."""
    evidence = trial.rows.astype(np.float64) @ weights
    groups = groups_of(trial.poses, evidence, config)
    if not groups:
        return None
    best = groups[0]
    apart = difference(trial.poses[best.members], trial.poses[best.best])
    offset = best.share @ apart
    pose = difference(trial.poses[best.best] + offset, np.zeros(3))
    ahead = np.array([np.cos(pose[2]), np.sin(pose[2])])
    spread = (best.share @ ((apart - offset)[:, :2] @ ahead) ** 2, best.share @ (apart - offset)[:, 2] ** 2)
    error = np.full(3, np.inf) if trial.truth is None else difference(pose, trial.truth)
    return Answer(
        signs=signs_of(evidence, trial.similarity, best),
        path_length=trial.path_length,
        lead=best.probability - (groups[1].probability if len(groups) > 1 else 0.0),
        away=float(np.hypot(error[0], error[1])),
        ahead=float(error[:2] @ ahead) if trial.truth is not None else np.inf,
        turned=float(error[2]),
        spread=(float(spread[0]), float(spread[1])),
    )


def summary(trials: Sequence[ConfidenceSample], confidence_model: ConfidenceModel, spacing: float) -> str:
    """Return in words what trials show of a calibration; of those it was fitted to, that is no independent measure."""
    config, weights = LocalizerConfig(), np.array(confidence_model.score_weights)
    answers = [answer for trial in trials if (answer := answer_of(trial, weights, config)) is not None]
    inside, outside = [a for a in answers if not a.is_elsewhere], [a for a in answers if a.is_elsewhere]
    accepted = [a for a in inside if is_accepted(a, confidence_model)]
    recall = ", ".join(
        f"{limit:g} m {np.mean([a.away < limit and abs(a.turned) < RIGHT_TURN for a in inside]):.1%}"
        for limit in (1, 2, 5)
    )
    precision = np.mean([a.is_right for a in accepted]) if accepted else 0.0
    false_accepts = sum(is_accepted(a, confidence_model) for a in outside)
    along, turned = coverage(accepted, confidence_model, spacing)
    return (
        f"{len(inside)} images on the map, all headings searched, recall@1 within 5 degrees and {recall}; accepted "
        f"{len(accepted) / max(1, len(inside)):.1%}, {precision:.1%} of them right, along the path "
        f"{along[0]:.0%} within 1 sigma and {along[1]:.0%} within 2, in heading {turned[0]:.0%} and {turned[1]:.0%}; "
        f"{false_accepts} of {len(outside)} images from elsewhere accepted"
    )


def is_accepted(answer: Answer, confidence_model: ConfidenceModel) -> bool:
    """Say whether the localizer would take it for true."""
    confidence = expit(log_odds_of(answer.signs, confidence_model, answer.path_length))
    return bool(confidence >= confidence_model.min_confidence and answer.lead >= confidence_model.min_margin)


def coverage(
    answers: Sequence[Answer], confidence_model: ConfidenceModel, spacing: float
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the shares of answers within 1 and 2 sigma, along the heading and in heading."""
    if not answers:
        return (0.0, 0.0), (0.0, 0.0)
    between_places = np.array([spacing**2 / 12, 0.0])
    variance = np.array([a.spread for a in answers]) + between_places
    variance *= [confidence_model.spread_position, confidence_model.spread_heading]
    variance += np.square([confidence_model.sigma_position, confidence_model.sigma_heading])
    ratios = np.abs([[a.ahead, a.turned] for a in answers]) / np.sqrt(variance)
    return _shares(ratios[:, 0]), _shares(ratios[:, 1])


def _shares(ratios: NDArray[np.float64]) -> tuple[float, float]:
    return float(np.mean(ratios < 1)), float(np.mean(ratios < 2))


def _labelled(trial: ConfidenceSample, truth: PoseSE2) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the rows (M, 2 h) about their mean, and which are of the place (M,)."""
    apart = trial.poses - truth
    near = np.hypot(apart[:, 0], apart[:, 1]) < NEAR
    near &= np.abs(angle_difference(apart[:, 2], 0.0)) < TURNED
    rows = trial.rows.astype(np.float64)
    return rows - rows.mean(axis=0), near


def _fit_confidence(
    signs: NDArray[np.float64], right: NDArray[np.bool_], less: NDArray[np.float64]
) -> tuple[float, float, float, float]:
    """Return weights and constant of a logistic regression, both classes weighted alike; ``less`` is taken off (N,).

    A weight that is negative would make a better answer less likely: all are kept at zero or above.
    """
    mean, scale = signs.mean(axis=0), signs.std(axis=0) + 1e-6
    X = np.column_stack([(signs - mean) / scale, np.ones(len(signs))])
    weight = np.where(right, 0.5 / right.mean(), 0.5 / (~right).mean()) / len(right)
    side = np.where(right, 1.0, -1.0)

    def loss(w: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margin = side * (X @ w - less)
        penalty = 1e-3 * w[:3]
        value = -float(weight @ log_expit(margin)) + float(penalty @ w[:3]) / 2
        return value, -(weight * side * expit(-margin)) @ X + np.append(penalty, 0.0)

    bounds = [(0, None)] * 3 + [(None, None)]
    w = minimize(loss, np.zeros(4), jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 500}).x
    slopes = w[:3] / scale
    constant = float(w[3] - slopes @ mean)
    return round(float(slopes[0]), 5), round(float(slopes[1]), 4), round(float(slopes[2]), 5), round(constant, 4)


def _least(values: NDArray[np.float64], answers: Sequence[Answer], share: float) -> float:
    """Return the value that at most a share of the images from elsewhere reach.

    A single image would decide on a share of one in a thousand: the highest 2 % are taken for exponentially distributed
    above the rest (peaks over a threshold), which is what one of another thousand reaches.
    """
    outside = np.sort(values[[a.is_elsewhere for a in answers]])
    if not len(outside):
        return float(values.min())
    highest = max(LEAST_IN_TAIL, round(TAIL * len(outside)))
    if len(outside) <= 2 * highest:
        return float(outside[-1]) + 1e-4
    start = outside[-highest - 1]
    return float(start + (outside[-highest:] - start).mean() * np.log(highest / (len(outside) * share)))


def _margin(accepted: Sequence[Answer]) -> float:
    """Return the least lead above which the share of right answers is high enough."""
    leads, right = np.array([a.lead for a in accepted]), np.array([a.is_right for a in accepted], bool)
    for lead in [0.0, *np.sort(leads)]:
        kept = leads >= lead
        if not kept.any() or right[kept].mean() >= LEAST_PRECISION:
            return min(float(lead), 0.9)
    return 0.9


def _fit_error(errors: Sequence[float], spread: Sequence[float]) -> tuple[float, float]:
    """Return by how much a spread counts and what standard deviation is added, under which errors are most likely.

    The errors are taken as normal, with variance ``scale * spread + sigma^2``.
    """
    squared, variance = np.square(errors), np.asarray(spread)
    usual = float(squared.mean()) + 1e-9

    def loss(w: NDArray[np.float64]) -> float:
        expected = np.exp(w[0]) * variance + np.exp(w[1]) * usual
        return float((np.log(expected) + squared / expected).mean())

    bounds = [(np.log(0.02), np.log(10.0)), (np.log(0.05), np.log(2.0))]
    w = minimize(loss, np.array([np.log(0.5), np.log(0.5)]), method="L-BFGS-B", bounds=bounds).x
    return float(np.exp(w[0])), float(np.sqrt(np.exp(w[1]) * usual))
