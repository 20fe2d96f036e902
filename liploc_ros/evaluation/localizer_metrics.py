# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Metrics of the localizer's first hypotheses: recall, acceptance, and errors along, across and of the heading."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from liploc_ros.evaluation.metrics import ACCEPTANCE_THRESHOLD, GroundTruth, RetrievalMetrics, median
from liploc_ros.evaluation.rates import Share, acceptance_curve, chance_of, rate, share
from liploc_ros.geometry import angle_difference
from liploc_ros.geometry.se2 import PoseSE2, se2_of
from liploc_ros.localization import Localization, Status
from liploc_ros.schema import FrozenModel

MAX_HEADING_ERROR = np.deg2rad(5.0)  # of a correct pose
CORRECT = 2.0  # [m] of a pose that is counted as correct


class ErrorStatistics(FrozenModel):
    """Errors, found minus true."""

    mean: float = Field(description="bias")
    std: float
    median_absolute: float


class LocalizerMetrics(RetrievalMetrics):
    """The metrics of first hypotheses. A correct one is within the threshold and within 5 degrees of heading."""

    accepted: Share = Field(description="of all images")
    accepted_correct: Share = Field(description="accepted and within 2 m and 5 degrees, of all images")
    accepted_wrong: Share = Field(description="accepted and wrong by more than 5 m, of all images")
    found: int = Field(description="number of hypotheses within 2 m and 5 degrees, whose errors follow")
    along_m: ErrorStatistics | None = Field(description="along the true heading, forward positive")
    lateral_m: ErrorStatistics | None = Field(description="across it, left positive")
    heading_deg: ErrorStatistics | None = Field(description="left positive")


def localizer_metrics(
    results: Sequence[Localization | None],
    T_map_base_true: NDArray[np.float64],
    truth: GroundTruth,
    *,
    heading_known: bool,
) -> LocalizerMetrics:
    """Return the metrics of the localizer's first hypotheses.

    Chance is that of a place drawn at random, with the true heading.

    Args:
        results: of each query; None for an image that shows nothing.
        T_map_base_true: (Q, 4, 4) where the queries were taken.
        truth: the correct places.
        heading_known: the heading was given to the search, so its median error is not reported.
    """
    errors = pose_errors(results, se2_of(T_map_base_true))
    position, heading = np.hypot(errors[:, 0], errors[:, 1]), np.abs(errors[:, 2])
    is_aligned = heading < MAX_HEADING_ERROR
    counted = truth.counted_queries()
    accepted = np.array([r is not None and r.status is Status.SUCCESS for r in results])
    scores = np.array([-np.inf if r is None or r.best is None else r.best.confidence for r in results])
    correct, total = truth.counts()
    at_1 = {}
    for column, threshold in enumerate(truth.thresholds):
        of_threshold = correct[:, column] > 0 if truth.only_answerable else counted
        if of_threshold.any():
            chance = chance_of(correct[of_threshold, column], total[of_threshold], 1)
            at_1[f"{threshold:g}"] = rate((is_aligned & (position < threshold))[of_threshold], chance)
    found = errors[counted & is_aligned & (position < CORRECT)]
    return LocalizerMetrics(
        search="localizer",
        recall_at_1=at_1,
        median_position_error_m=median(position[counted]),
        median_heading_error_deg=None if heading_known else median(np.rad2deg(heading[counted])),
        acceptance=acceptance_curve(scores[counted], position[counted] < ACCEPTANCE_THRESHOLD),
        accepted=share(accepted[counted]),
        accepted_correct=share((accepted & is_aligned & (position < CORRECT))[counted]),
        accepted_wrong=share((accepted & (position > ACCEPTANCE_THRESHOLD))[counted]),
        found=len(found),
        along_m=_statistics(found[:, 0]),
        lateral_m=_statistics(found[:, 1]),
        heading_deg=_statistics(np.rad2deg(found[:, 2])),
    )


def pose_errors(results: Sequence[Localization | None], true: PoseSE2) -> NDArray[np.float64]:
    """Return (Q, 3) errors of first hypotheses: along and across the true heading [m], and of the heading [rad].

    Without a hypothesis the distances are infinite and the heading error is pi.
    """
    errors = np.full((len(true), 3), [np.inf, np.inf, np.pi])
    for error, result, (x, y, yaw) in zip(errors, results, true, strict=True):
        if result is not None and result.best is not None:
            found = se2_of(result.best.T_map_base)
            cos, sin = np.cos(yaw), np.sin(yaw)
            dx, dy = found[0] - x, found[1] - y
            error[:] = cos * dx + sin * dy, cos * dy - sin * dx, angle_difference(found[2], yaw)
    return errors


def _statistics(errors: NDArray[np.float64]) -> ErrorStatistics | None:
    if not len(errors):
        return None
    return ErrorStatistics(
        mean=float(errors.mean()), std=float(errors.std()), median_absolute=float(np.median(np.abs(errors)))
    )
