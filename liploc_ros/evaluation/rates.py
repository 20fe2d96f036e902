# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Rates with confidence intervals, and the rate of chance."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.stats import binomtest

from liploc_ros.schema import FrozenModel

CONFIDENCE = 0.95
CURVE_POINTS = 50  # of the acceptance curve


class Rate(FrozenModel):
    """A share of queries.

    The interval assumes independent queries; neighbouring images are not, so it is too narrow.
    """

    recall: float
    low: float = Field(description="lower end of the 95 % Wilson interval")
    high: float
    chance: float = Field(description="recall of places drawn at random")
    queries: int = Field(description="number of queries with a correct place")


class Share(FrozenModel):
    """A number of images out of all images, with an interval as that of :class:`Rate`."""

    count: int
    images: int
    share: float
    low: float = Field(description="lower end of the 95 % Wilson interval")
    high: float


class AcceptancePoint(FrozenModel):
    """The effect of a threshold on the score."""

    score: float
    accepted: float = Field(description="share of all queries")
    precision: float = Field(description="share of the accepted that are correct")


def rate(hits: NDArray[np.bool_], chance: NDArray[np.float64]) -> Rate:
    """Return the rate of hits (N,), N > 0, with the chance (N,) of each."""
    found = share(hits)
    return Rate(recall=found.share, low=found.low, high=found.high, chance=float(chance.mean()), queries=len(hits))


def share(hits: NDArray[np.bool_]) -> Share:
    """Return the share of hits (N,), N > 0."""
    interval = binomtest(int(hits.sum()), len(hits)).proportion_ci(CONFIDENCE, method="wilson")
    return Share(
        count=int(hits.sum()),
        images=len(hits),
        share=float(hits.mean()),
        low=float(interval.low),
        high=float(interval.high),
    )


def chance_of(correct: NDArray[np.integer], places: NDArray[np.integer], draws: int) -> NDArray[np.float64]:
    """Return the probability (N,) that places drawn at random without replacement include a correct one.

    Args:
        correct: (N,) number of correct places.
        places: (N,) number of places.
        draws: number of places drawn.
    """
    missed = np.ones(len(correct))
    for drawn in range(draws):
        left = np.maximum(places - drawn, 1)
        missed *= np.clip((places - drawn - correct) / left, 0, 1)
    return np.asarray(np.where(correct > 0, 1 - missed, 0.0))


def acceptance_curve(scores: NDArray[np.floating], correct: NDArray[np.bool_]) -> tuple[AcceptancePoint, ...]:
    """Return precision over the share accepted, for thresholds from the best score (N,) down, thinned to 50 points."""
    order = np.argsort(-scores, kind="stable")
    precision = np.cumsum(correct[order]) / np.arange(1, len(order) + 1)
    kept: Sequence[int] = (
        np.unique(np.linspace(0, len(order) - 1, CURVE_POINTS).astype(int)).tolist() if len(order) else []
    )
    return tuple(
        AcceptancePoint(
            score=float(scores[order[i]]), accepted=float((i + 1) / len(order)), precision=float(precision[i])
        )
        for i in kept
        if np.isfinite(scores[order[i]])
    )
