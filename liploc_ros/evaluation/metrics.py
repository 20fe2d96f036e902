"""From ranked places to recall, errors and acceptance."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from liploc_ros.evaluation.rates import AcceptancePoint, Rate, acceptance_curve, chance_of, rate
from liploc_ros.evaluation.retrieval import Ranking
from liploc_ros.schema import FrozenModel

RIGHT = 5.0  # metres; nearer answers are right, where acceptance is judged
QUERIES_AT_ONCE = 256

RateByThreshold = dict[str, Rate]
"""By threshold in metres: "1", "2", "0.5"."""


class RetrievalMetrics(FrozenModel):
    """What one way of searching gives."""

    search: str = Field(description="how places were compared")
    descriptor_bytes: int | None = Field(None, description="of a place at one heading")
    recall_at_1: RateByThreshold
    recall_at_5: RateByThreshold | None = None
    recall_at_1_percent: RateByThreshold | None = None
    median_position_error_m: float | None = Field(description="horizontal; null without an answer")
    median_heading_error_deg: float | None = Field(description="null where the heading is given")
    acceptance: tuple[AcceptancePoint, ...] = Field((), description="right is within 5 m")


@dataclass(frozen=True)
class GroundTruth:
    """Which places are right for each query.

    Attributes:
        queries: (Q, 2) where they were taken [m].
        places: (P, 2) [m].
        allowed: (Q, P) places that a query may be found in; None for all.
        thresholds: [m].
        only_answerable: whether a query without a right place is left out.
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
        for some, distance in self._distances():
            best = distance.argmin(axis=1)
            found[some] = np.where(np.isfinite(distance[np.arange(len(best)), best]), best, -1)
        return found

    def counts(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return (Q, T) how many places are right within each threshold, and (Q,) how many there are."""
        right = np.zeros((len(self.queries), len(self.thresholds)), np.intp)
        total = np.zeros(len(self.queries), np.intp)
        for some, distance in self._distances():
            total[some] = np.isfinite(distance).sum(axis=1)
            right[some] = (distance[..., None] < np.array(self.thresholds)).sum(axis=1)
        return right, total

    def _distances(self) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        """Yield rows of queries with their (n, P) distances; infinite where they may not be found."""
        for start in range(0, len(self.queries), QUERIES_AT_ONCE):
            some = slice(start, start + QUERIES_AT_ONCE)
            distance = np.linalg.norm(self.queries[some, None] - self.places[None], axis=-1)
            if self.allowed is not None:
                distance[~self.allowed[some]] = np.inf
            yield some, distance


def recalls(
    truth: GroundTruth, ranking: Ranking, among: NDArray[np.bool_] | None = None
) -> tuple[RateByThreshold, RateByThreshold, RateByThreshold]:
    """Return recall@1, @5 and @1 % by threshold; of the queries ``among`` (Q,) only, if given.

    A threshold for which no query has a right place is left out.
    """
    right, total = truth.counts()
    distance = truth.distance(ranking.places)
    among = np.ones(len(distance), bool) if among is None else among
    one_percent = depth_of_one_percent(len(truth.places))
    tables: list[RateByThreshold] = []
    for depth in (1, 5, one_percent):
        table = {}
        for column, threshold in enumerate(truth.thresholds):
            asked = np.asarray(among & (right[:, column] > 0)) if truth.only_answerable else among
            hits = np.asarray((distance[:, :depth] < threshold).any(axis=1))[asked]
            if asked.any():
                table[f"{threshold:g}"] = rate(hits, chance_of(right[asked, column], total[asked], depth))
        tables.append(table)
    return tables[0], tables[1], tables[2]


def depth_of_one_percent(places: int) -> int:
    """Return how many places are one in a hundred, at least one."""
    return max(1, round(places / 100))


def retrieval_metrics(
    search: str,
    truth: GroundTruth,
    ranking: Ranking,
    heading_error: NDArray[np.float64] | None,
    descriptor_bytes: int | None = None,
    among: NDArray[np.bool_] | None = None,
) -> RetrievalMetrics:
    """Return the figures of a ranking.

    Args:
        search: what to call it.
        truth: what is right.
        ranking: of all queries.
        heading_error: (Q,) of the best place [rad], not negative; None where the heading was given.
        descriptor_bytes: of a place at one heading.
        among: (Q,) queries that count; all when left out.
    """
    at_1, at_5, at_1_percent = recalls(truth, ranking, among)
    asked = counted_queries(truth) if among is None else among & counted_queries(truth)
    error = truth.distance(ranking.places[:, :1])[:, 0][asked]
    return RetrievalMetrics(
        search=search,
        descriptor_bytes=descriptor_bytes,
        recall_at_1=at_1,
        recall_at_5=at_5,
        recall_at_1_percent=at_1_percent,
        median_position_error_m=median(error),
        median_heading_error_deg=None if heading_error is None else median(np.rad2deg(heading_error[asked])),
        acceptance=acceptance_curve(ranking.scores[asked, 0], error < RIGHT),
    )


def counted_queries(truth: GroundTruth) -> NDArray[np.bool_]:
    """Return (Q,) the queries that count: all, or those with a right place within the widest threshold."""
    if not truth.only_answerable:
        return np.ones(len(truth.queries), bool)
    return np.asarray((truth.counts()[0] > 0).any(axis=1))


def median(errors: NDArray[np.float64]) -> float | None:
    """Return the median; None where there is none, or most are infinite."""
    value = float(np.median(errors)) if len(errors) else np.inf
    return value if np.isfinite(value) else None
