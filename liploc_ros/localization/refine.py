"""Refine candidates by matching the dense cells over small turns."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liploc_ros.geometry import angle_difference
from liploc_ros.mapping import Candidate, LidarMap
from liploc_ros.mapping.place_index import scale_of


@dataclass(frozen=True)
class Match:
    """A place seen at a refined heading: ``yaw`` [rad] of the view in the place's frame; ``score`` -1 to 1."""

    place: int
    yaw: float
    score: float


def refine(candidates: Sequence[Candidate], cells: NDArray[np.float32], lidar_map: LidarMap, reach: int) -> list[Match]:
    """Return a match for each candidate and for its neighbours along the path, best first.

    Args:
        candidates: from the index.
        cells: (h, w, D) masked unit vectors of the camera view.
        lidar_map: the map they are from.
        reach: cells to both sides over which the heading is sought.
    """
    grid, stride = lidar_map.manifest.grid, lidar_map.manifest.stride
    pool, index = lidar_map.manifest.pool, lidar_map.index
    pairs = _with_neighbours(candidates, len(lidar_map.cells), index.headings, covered=(reach - 1) // pool)
    if not len(pairs):
        return []
    places, first = pairs[:, 0], pairs[:, 1] * pool - reach
    columns = (first[:, None] + np.arange(cells.shape[1] + 2 * reach)[None]) % lidar_map.cells.shape[2]
    windows = lidar_map.cells[places[:, None], :, columns].transpose(0, 2, 1, 3).astype(np.float32)
    scores = shifted_similarity(cells, windows / np.float32(scale_of(lidar_map.cells)), reach)
    shift, score = _peak(scores)
    yaw = np.pi - ((first + shift) * stride + grid.width / 2) * grid.column_pitch
    yaw = angle_difference(yaw, 0.0)
    return [Match(int(places[i]), float(yaw[i]), float(score[i])) for i in np.argsort(-score)]


def shifted_similarity(cells: NDArray[np.float32], windows: NDArray[np.float32], reach: int) -> NDArray[np.float32]:
    """Return (M, 2 reach + 1) cosines of a view (h, w, D) with windows (M, h, w + 2 reach, D) shifted by whole cells.

    A cosine counts only columns that the view sees, so a camera of a narrow field of view is not punished.
    """
    seen = np.any(cells != 0, axis=-1)  # (h, w)
    returned = np.any(windows != 0, axis=-1)  # (M, h, w + 2 reach)
    # All pairs of columns in one product of matrices; the shifts are its diagonals.
    products = np.matmul(cells[None], windows.transpose(0, 1, 3, 2)).sum(axis=1)  # (M, w, w + 2 reach)
    both = np.einsum("hw,mhv->mwv", seen.astype(np.float32), returned.astype(np.float32))
    shifts = range(2 * reach + 1)
    total = np.stack([np.trace(products, offset=s, axis1=1, axis2=2) for s in shifts], axis=1)
    overlap = np.stack([np.trace(both, offset=s, axis1=1, axis2=2) for s in shifts], axis=1)
    return np.asarray(total / np.sqrt(np.maximum(overlap, 1) * max(seen.sum(), 1)), dtype=np.float32)


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


def _peak(scores: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where between the shifts (M, S) a parabola through the best and its neighbours peaks, and how high."""
    rows, best = np.arange(len(scores)), scores.argmax(axis=1)
    inner = np.clip(best, 1, scores.shape[1] - 2)
    left, middle, right = (scores[rows, inner + step].astype(np.float64) for step in (-1, 0, 1))
    bend = np.minimum(left - 2 * middle + right, -1e-6)
    offset = np.clip(0.5 * (left - right) / bend, -0.5, 0.5)
    height = middle - 0.25 * (left - right) * offset
    at_edge = best != inner  # no neighbour on one side: no parabola
    return np.where(at_edge, best, inner + offset), np.where(at_edge, scores[rows, best], height)
