# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Metrics of retrieval: recall, errors and acceptance, from ranked places and ground truth."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from liploc_ros.evaluation.rates import AcceptancePoint, Rate, acceptance_curve, chance_of, rate
from liploc_ros.evaluation.retrieval import Ranking
from liploc_ros.schema import FrozenModel

ACCEPTANCE_THRESHOLD = 5.0  # metres within which an accepted result counts as correct
QUERIES_PER_BLOCK = 256

RateByThreshold = dict[str, Rate]
"""By threshold in metres: "1", "2", "0.5"."""


class RetrievalMetrics(FrozenModel):
    """The metrics of one way of searching."""

    search: str = Field(description="how places were compared")
    descriptor_bytes: int | None = Field(None, description="size of a descriptor of a place at one heading")
    recall_at_1: RateByThreshold
    recall_at_5: RateByThreshold | None = None
    recall_at_1_percent: RateByThreshold | None = None
    median_position_error_m: float | None = Field(description="horizontal; null if nothing was found")
    median_heading_error_deg: float | None = Field(description="null if the heading was given")
    acceptance: tuple[AcceptancePoint, ...] = Field((), description="correct means within 5 m")


@dataclass(frozen=True)
class GroundTruth:
    """Which places are correct for each query.

    Attributes:
        queries: (Q, 2) where they were taken [m].
        places: (P, 2) [m].
        allowed: (Q, P) places that a query may be found in; None for all.
        thresholds: [m].
        only_answerable: whether a query without a correct place is left out.
    """

    queries: NDArray[np.float64]
    places: NDArray[np.float64]
    allowed: NDArray[np.bool_] | None
    thresholds: tuple[float, ...]
    only_answerable: bool

    def distance(self, places: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return (Q, K) distances [m] to places (Q, K); infinite for -1."""
        distance = np.linalg.norm(self.places[places] - self.queries[:, None], axis=-1)
        return np.asarray(np.where(places < 0, np.inf, distance))

    def nearest(self) -> NDArray[np.intp]:
        """Return (Q,) the nearest place that each query may be found in, or -1."""
        found = np.full(len(self.queries), -1, np.intp)
        for block, distance in self._distances():
            best = distance.argmin(axis=1)
            found[block] = np.where(np.isfinite(distance[np.arange(len(best)), best]), best, -1)
        return found

    def counts(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return (Q, T) the number of correct places within each threshold, and (Q,) the number of places."""
        correct = np.zeros((len(self.queries), len(self.thresholds)), np.intp)
        total = np.zeros(len(self.queries), np.intp)
        for block, distance in self._distances():
            total[block] = np.isfinite(distance).sum(axis=1)
            correct[block] = (distance[..., None] < np.array(self.thresholds)).sum(axis=1)
        return correct, total

    def counted_queries(self) -> NDArray[np.bool_]:
        """Return (Q,) the queries that count: all, or those with a correct place within the widest threshold."""
        if not self.only_answerable:
            return np.ones(len(self.queries), bool)
        return np.asarray((self.counts()[0] > 0).any(axis=1))

    def _distances(self) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        """Yield blocks of queries with their (n, P) distances; infinite for places that are not allowed."""
        for start in range(0, len(self.queries), QUERIES_PER_BLOCK):
            block = slice(start, start + QUERIES_PER_BLOCK)
            distance = np.linalg.norm(self.queries[block, None] - self.places[None], axis=-1)
            if self.allowed is not None:
                distance[~self.allowed[block]] = np.inf
            yield block, distance


def recalls(
    truth: GroundTruth, ranking: Ranking, subset: NDArray[np.bool_] | None = None
) -> tuple[RateByThreshold, RateByThreshold, RateByThreshold]:
    """Return recall@1, @5 and @1 % by threshold.

    A threshold for which no query has a correct place is left out.

    Args:
        truth: the correct places.
        ranking: of all queries.
        subset: (Q,) queries that count; all if left out.
    """
    correct, total = truth.counts()
    distance = truth.distance(ranking.places)
    subset = np.ones(len(distance), bool) if subset is None else subset
    tables: list[RateByThreshold] = []
    for depth in (1, 5, depth_of_one_percent(len(truth.places))):
        table = {}
        for column, threshold in enumerate(truth.thresholds):
            counted = np.asarray(subset & (correct[:, column] > 0)) if truth.only_answerable else subset
            hits = np.asarray((distance[:, :depth] < threshold).any(axis=1))[counted]
            if counted.any():
                table[f"{threshold:g}"] = rate(hits, chance_of(correct[counted, column], total[counted], depth))
        tables.append(table)
    return tables[0], tables[1], tables[2]


def depth_of_one_percent(places: int) -> int:
    """Return one percent of a number of places, at least one."""
    return max(1, round(places / 100))


def retrieval_metrics(
    search: str,
    truth: GroundTruth,
    ranking: Ranking,
    heading_error: NDArray[np.float64] | None,
    descriptor_bytes: int | None = None,
    subset: NDArray[np.bool_] | None = None,
) -> RetrievalMetrics:
    """Return the metrics of a ranking.

    Args:
        search: its name.
        truth: the correct places.
        ranking: of all queries.
        heading_error: (Q,) of the best place [rad], not negative; None if the heading was given.
        descriptor_bytes: size of a descriptor of a place at one heading.
        subset: (Q,) queries that count; all if left out.
    """
    at_1, at_5, at_1_percent = recalls(truth, ranking, subset)
    counted = truth.counted_queries() if subset is None else subset & truth.counted_queries()
    error = truth.distance(ranking.places[:, :1])[:, 0][counted]
    return RetrievalMetrics(
        search=search,
        descriptor_bytes=descriptor_bytes,
        recall_at_1=at_1,
        recall_at_5=at_5,
        recall_at_1_percent=at_1_percent,
        median_position_error_m=median(error),
        median_heading_error_deg=None if heading_error is None else median(np.rad2deg(heading_error[counted])),
        acceptance=acceptance_curve(ranking.scores[counted, 0], error < ACCEPTANCE_THRESHOLD),
    )


def median(errors: NDArray[np.float64]) -> float | None:
    """Return the median; None if there are no errors, or if most are infinite."""
    value = float(np.median(errors)) if len(errors) else np.inf
    return value if np.isfinite(value) else None
