"""Refine candidates: match their cells, and those of their neighbours, over small turns."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from liploc_ros.localization.feature_comparison import Comparison, compare
from liploc_ros.mapping import Candidate, LidarMap
from liploc_ros.mapping.place_index import feature_scale


@dataclass(frozen=True)
class Matches:
    """Places and headings that a view was compared with, each pair once.

    Attributes:
        place: (M,) rows of the map's places.
        yaw: (M,) of the view in the place's frame [rad], between the map's headings.
        similarity: (M,) mean cosine of the cells, -1 to 1.
        evidence: (M,) log-odds for the match, up to a constant that all matches of a view share.
        rows: (M, 2 h) what the evidence is the weighted sum of.
    """

    place: NDArray[np.intp]
    yaw: NDArray[np.float64]
    similarity: NDArray[np.float64]
    evidence: NDArray[np.float64]
    rows: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.place)

    def where(self, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> "Matches":
        """Return some of the matches."""
        return Matches(*(getattr(self, field.name)[chosen] for field in fields(self)))

    def and_those_of(self, other: "Matches") -> "Matches":
        """Return the matches of both."""
        return Matches(*(np.concatenate([getattr(self, f.name), getattr(other, f.name)]) for f in fields(self)))


def refine(
    candidates: Sequence[Candidate],
    features: NDArray[np.float32],
    lidar_map: LidarMap,
    reach: int,
    weights: NDArray[np.float32],
) -> Matches:
    """Return the matches of the candidates, of the places before and after them, and of the headings around.

    Args:
        candidates: from the index, or expected by tracking.
        features: (h, w, D) masked unit vectors of the camera view.
        lidar_map: the map they are from.
        reach: cells to both sides over which the heading is sought.
        weights: (2 h,) of the evidence, see :func:`~liploc_ros.localization.feature_comparison.weights_of`.
    """
    pool, index, around = lidar_map.manifest.pool, lidar_map.index, lidar_map.features.shape[2]
    pairs = _with_neighbours(candidates, len(lidar_map.features), index.headings, covered=(reach - 1) // pool)
    places, first = pairs[:, 0], pairs[:, 1] * pool - reach
    columns = (first[:, None] + np.arange(features.shape[1] + 2 * reach)[None]) % around
    windows = lidar_map.features[places[:, None], :, columns].transpose(0, 2, 1, 3).astype(np.float32)
    compared = compare(features, windows / np.float32(feature_scale(lidar_map.features)), reach)
    return _each_once(places, first, compared, weights, lidar_map)


def beyond(
    expected: Sequence[Candidate], candidates: Sequence[Candidate], lidar_map: LidarMap, reach: int
) -> list[Candidate]:
    """Return the expected candidates that comparing the others does not cover."""
    headings, covered = lidar_map.index.headings, (reach - 1) // lidar_map.manifest.pool
    known = np.array([(c.place, c.heading) for c in candidates], np.intp).reshape(-1, 2)
    places, turns = known[:, 0], known[:, 1]
    left = []
    for c in expected:
        turn = np.abs(turns - c.heading)
        if not ((np.abs(places - c.place) <= 1) & (np.minimum(turn, headings - turn) <= covered)).any():
            left.append(c)
    return left


def _each_once(
    places: NDArray[np.intp],
    first: NDArray[np.intp],
    compared: Comparison,
    weights: NDArray[np.float32],
    lidar_map: LidarMap,
) -> Matches:
    """Return a match for every place and shift; where windows overlap, one of the same two."""
    around = lidar_map.features.shape[2]
    evidence = (compared.rows @ weights).astype(np.float64)
    shifts = np.arange(evidence.shape[1]) if evidence.ndim == 2 else np.arange(0)
    column = (first[:, None] + shifts) % around
    place = np.broadcast_to(places[:, None], column.shape)
    _, once = np.unique(place.ravel() * around + column.ravel(), return_index=True)
    # A match beside the best heading is drawn to where the parabola peaks, so that their mean is finer than a cell.
    peak = (column + _peak_offsets(evidence)).ravel()[once]
    return Matches(
        place=place.ravel()[once],
        yaw=lidar_map.manifest.layout.column_yaw(peak),
        similarity=compared.similarity.ravel()[once].astype(np.float64),
        evidence=evidence.ravel()[once],
        rows=compared.rows.reshape(-1, compared.rows.shape[2])[once],
    )


def _with_neighbours(candidates: Sequence[Candidate], places: int, headings: int, covered: int) -> NDArray[np.intp]:
    """Return (M, 2) place and heading of the candidates and of the places before and after them.

    A heading within ``covered`` of one that stands already is left out: the search over turns covers it.
    """
    kept: dict[int, list[int]] = {}
    for c in candidates:
        for place in range(max(0, c.place - 1), min(places, c.place + 2)):
            turns = [abs(c.heading - other) for other in kept.setdefault(place, [])]
            if all(min(turn, headings - turn) > covered for turn in turns):
                kept[place].append(c.heading)
    pairs = [(place, heading) for place in sorted(kept) for heading in sorted(kept[place])]
    return np.array(pairs, dtype=np.intp).reshape(-1, 2)


def _peak_offsets(evidence: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (M, S) by how many shifts, at most half, a parabola through each shift and its neighbours peaks off it."""
    offset = np.zeros_like(evidence)
    left, middle, right = evidence[:, :-2], evidence[:, 1:-1], evidence[:, 2:]
    bend = np.minimum(left - 2 * middle + right, -1e-6)
    offset[:, 1:-1] = np.clip(0.5 * (left - right) / bend, -0.5, 0.5)
    return offset
