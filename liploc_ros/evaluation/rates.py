"""Shares with their uncertainty, and what chance alone would give."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.stats import binomtest

from liploc_ros.schema import FrozenModel

CONFIDENCE = 0.95
POINTS = 50  # of a curve


class Rate(FrozenModel):
    """A share of queries. The interval takes them for independent; neighbouring images are not, so it is too narrow."""

    recall: float
    low: float = Field(description="of the 95 % interval after Wilson")
    high: float
    chance: float = Field(description="recall of places drawn at random")
    queries: int = Field(description="that have a right answer, or all of them where the protocol always leaves one")


class AcceptancePoint(FrozenModel):
    """What would come of accepting answers from a score on."""

    score: float
    accepted: float = Field(description="share of all queries")
    precision: float = Field(description="share of the accepted that are right")


def rate(hits: NDArray[np.bool_], chance: NDArray[np.float64]) -> Rate:
    """Return the rate of hits (N,), N > 0, with the chance (N,) of each."""
    interval = binomtest(int(hits.sum()), len(hits)).proportion_ci(CONFIDENCE, method="wilson")
    return Rate(
        recall=float(hits.mean()),
        low=float(interval.low),
        high=float(interval.high),
        chance=float(chance.mean()),
        queries=len(hits),
    )


def chance_of(right: NDArray[np.integer], places: NDArray[np.integer], draws: int) -> NDArray[np.float64]:
    """Return how probably one of so many different places, drawn at random, is right.

    Args:
        right: (N,) how many places are right.
        places: (N,) how many there are.
        draws: how many are drawn.
    """
    missed = np.ones(len(right))
    for drawn in range(draws):
        left = np.maximum(places - drawn, 1)
        missed *= np.clip((places - drawn - right) / left, 0, 1)
    return np.asarray(np.where(right > 0, 1 - missed, 0.0))


def acceptance_curve(scores: NDArray[np.floating], right: NDArray[np.bool_]) -> tuple[AcceptancePoint, ...]:
    """Return precision over share accepted, from the best score (N,) down, thinned to some points."""
    order = np.argsort(-scores, kind="stable")
    precision = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    kept: Sequence[int] = np.unique(np.linspace(0, len(order) - 1, POINTS).astype(int)).tolist() if len(order) else []
    return tuple(
        AcceptancePoint(
            score=float(scores[order[i]]), accepted=float((i + 1) / len(order)), precision=float(precision[i])
        )
        for i in kept
        if np.isfinite(scores[order[i]])
    )
