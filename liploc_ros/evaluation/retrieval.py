# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Rank the places by their similarity to each query, over all headings."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liploc_ros.evaluation.descriptors import Descriptors
from liploc_ros.mapping import Candidate

MAX_NUMBERS = 1 << 26  # of descriptors, and of similarities, in memory


@dataclass(frozen=True)
class Ranking:
    """Places by similarity.

    Attributes:
        places: (Q, K) the most similar places, best first; each once, at its best heading. -1 if there are fewer.
        headings: (Q, K) of them.
        scores: (Q, K) similarities.
    """

    places: NDArray[np.intp]
    headings: NDArray[np.intp]
    scores: NDArray[np.float32]

    def candidates(self, query: int, count: int) -> list[Candidate]:
        """Return the best ``count`` places of a query as candidates of a localizer."""
        ranked = zip(self.places[query], self.headings[query], self.scores[query], strict=True)
        return [Candidate(int(p), int(h), float(s)) for p, h, s in ranked if p >= 0][:count]


def rank(
    views: NDArray[np.float32],
    descriptors: Descriptors,
    places: int,
    heading: int | None,
    allowed: NDArray[np.bool_] | None,
    depth: int,
) -> Ranking:
    """Rank places for each query.

    Args:
        views: (Q, d) the queries.
        descriptors: of the places.
        places: number of places.
        heading: the only heading that is searched; None for all.
        allowed: (Q, P) places in which a query is searched; None for all.
        depth: number of ranks.
    """
    scores = np.empty((len(views), places), np.float32)
    headings = np.zeros((len(views), places), np.int16)
    one = descriptors.of_places(0, 1)
    step = max(1, MAX_NUMBERS // (one.shape[1] * max(one.shape[2], len(views))))
    for start in range(0, places, step):
        some = slice(start, min(start + step, places))
        vectors = descriptors.of_places(some.start, some.stop)
        if heading is not None:
            scores[:, some] = views @ vectors[:, heading].T
            headings[:, some] = heading
            continue
        similar = (views @ vectors.reshape(-1, vectors.shape[2]).T).reshape(len(views), *vectors.shape[:2])
        headings[:, some] = similar.argmax(axis=2)
        scores[:, some] = similar.max(axis=2)
    if allowed is not None:
        scores[~allowed] = -np.inf
    depth = min(depth, places)
    best = np.argpartition(-scores, depth - 1, axis=1)[:, :depth]
    order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1, kind="stable")
    best = np.take_along_axis(best, order, axis=1)
    top = np.take_along_axis(scores, best, axis=1)
    best_heading = np.take_along_axis(headings, best, axis=1).astype(np.intp)
    return Ranking(np.where(np.isfinite(top), best, -1), best_heading, top)
