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
CANDIDATES_PER_RESULT = 64  # more than are next to a better one


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
    if not len(candidates.tile):
        return candidates
    tiles, order = np.unique(candidates.tile), np.argsort(candidates.tile, kind="stable")
    ends = np.searchsorted(candidates.tile[order], tiles, side="right")
    groups = np.split(order, ends[:-1])
    near = [source.near_places(tile, candidates.place[rows]) for tile, rows in zip(tiles.tolist(), groups, strict=True)]
    tile = np.repeat(tiles, [len(part.place) for part in near])
    heading = np.concatenate(
        [candidates.heading[rows[part.candidate]] for rows, part in zip(groups, near, strict=True)]
    )
    joined = NearPlaces(*(np.concatenate(arrays) for arrays in zip(*near, strict=True)))
    if not len(joined.place):
        return candidates.select(joined.place)
    scored = _scored(tile, heading, joined, tables)
    best = np.argsort(-scored.score, kind="stable")[: CANDIDATES_PER_RESULT * count]
    return distinct(scored.select(best), joined.codes.shape[1], count)


def distinct(candidates: CoarseCandidates, headings: int, count: int) -> CoarseCandidates:
    """Return the best candidates, at most ``count``, without those next to a better one in place and heading.

    Args:
        candidates: best first.
        headings: indexed headings per place.
        count: largest number of candidates.
    """
    remaining = np.ones(len(candidates.score), np.bool_)
    x, y = np.ascontiguousarray(candidates.xy.T, np.float64)
    chosen: list[np.intp] = []
    while len(chosen) < count and remaining.any():
        best = np.argmax(remaining)
        chosen.append(best)
        apart = np.square(x - x[best]) + np.square(y - y[best])
        turned = np.abs(candidates.heading - candidates.heading[best])
        turned = np.minimum(turned, headings - turned)
        remaining &= (apart >= DISTINCT_DISTANCE**2) | (turned > DISTINCT_HEADINGS)
    return candidates.select(np.array(chosen, np.intp))


def _scored(
    tile: NDArray[np.intp], heading: NDArray[np.intp], near: NearPlaces, tables: NDArray[np.float32]
) -> CoarseCandidates:
    """Return places in tiles (M,) at headings around those (M,) of the candidates that they are near, each once."""
    headings = near.codes.shape[1]
    around = (heading[:, None] + np.arange(-HEADING_REACH, HEADING_REACH + 1)) % headings
    pairs = (tile[:, None] * (near.place.max() + 1) + near.place[:, None]) * headings + around
    _, once = np.unique(pairs.ravel(), return_index=True)
    row, column = np.divmod(once, around.shape[1])
    which = around[row, column]
    score = tables[np.arange(len(tables)), near.codes[row, which]].sum(axis=1)
    return CoarseCandidates(tile[row], near.place[row], which, near.xy[row], score)
