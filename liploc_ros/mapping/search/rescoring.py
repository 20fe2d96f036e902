# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Score coarse candidates again, by the fine descriptors of the places around them."""

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from liploc_ros.mapping.search.coarse_index import CoarseCandidates

HEADING_REACH = 1  # indexed headings to both sides
DISTINCT_DISTANCE = 1.5  # m; matching compares a candidate's neighbours at 1 m
DISTINCT_HEADINGS = 1  # indexed headings


class NearPlaces(NamedTuple):
    """The indexed places around candidates of one tile.

    Attributes:
        candidate: (M,) which candidate each place is near.
        place: (M,) rows of the tile's places.
        xy: (M, 2) positions in the map frame [m].
        codes: (M, headings, bytes) of their descriptors.
    """

    candidate: NDArray[np.intp]
    place: NDArray[np.intp]
    xy: NDArray[np.floating]
    codes: NDArray[np.uint8]


class FineSource(Protocol):
    """The tiles of a map, as far as candidates are scored again."""

    def near_places(self, tile: int, places: NDArray[np.intp]) -> NearPlaces:
        """Return the indexed places of a tile within two stations of places (C,), at every indexed lateral offset."""


def rescore(
    candidates: CoarseCandidates, tables: NDArray[np.float32], source: FineSource, count: int
) -> CoarseCandidates:
    """Return the best places and headings around coarse candidates, best first, none next to a better one.

    Args:
        candidates: of the coarse index.
        tables: (bytes, 256) inner products of the weighted query with the entries of each codebook.
        source: the tiles.
        count: largest number of candidates that is returned.
    """
    tiles, order = np.unique(candidates.tile), np.argsort(candidates.tile, kind="stable")
    ends = np.searchsorted(candidates.tile[order], tiles, side="right")
    parts, headings = [], 1
    for tile, rows in zip(tiles.tolist(), np.split(order, ends[:-1]), strict=True):
        near = source.near_places(tile, candidates.place[rows])
        headings = near.codes.shape[1]
        parts.append(_scored(tile, near, candidates.heading[rows], tables))
    if not parts:
        return candidates
    scored = CoarseCandidates(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))
    return distinct(scored.select(np.argsort(-scored.score, kind="stable")), headings, count)


def distinct(candidates: CoarseCandidates, headings: int, count: int) -> CoarseCandidates:
    """Return the best candidates, at most ``count``, without those next to a better one in place and heading.

    Args:
        candidates: best first.
        headings: indexed headings per place.
        count: largest number of candidates.
    """
    remaining = np.arange(len(candidates.score))
    chosen: list[np.intp] = []
    while len(remaining) and len(chosen) < count:
        best, rest = remaining[0], remaining[1:]
        chosen.append(best)
        away = np.abs(candidates.heading[rest] - candidates.heading[best])
        is_near = np.hypot(*(candidates.xy[rest] - candidates.xy[best]).T) < DISTINCT_DISTANCE
        remaining = rest[~(is_near & (np.minimum(away, headings - away) <= DISTINCT_HEADINGS))]
    return candidates.select(np.array(chosen, np.intp))


def _scored(tile: int, near: NearPlaces, heading: NDArray[np.intp], tables: NDArray[np.float32]) -> CoarseCandidates:
    """Return the places near the candidates of a tile at headings around those (C,) of the candidates, each once."""
    headings = near.codes.shape[1]
    around = (heading[near.candidate][:, None] + np.arange(-HEADING_REACH, HEADING_REACH + 1)) % headings
    pairs = near.place[:, None] * headings + around
    _, once = np.unique(pairs.ravel(), return_index=True)
    row, column = np.divmod(once, around.shape[1])
    which = around[row, column]
    codes = near.codes[row, which]
    score = tables[np.arange(len(tables)), codes].sum(axis=1)
    return CoarseCandidates(np.full(len(once), tile, np.intp), near.place[row], which, near.xy[row], score)
