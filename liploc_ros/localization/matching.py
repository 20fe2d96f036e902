# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Match a view with candidate places: compare features over small changes of heading and neighbouring places."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liploc_ros.geometry.se2 import PoseSE2, se2_of
from liploc_ros.localization.config import MatchingConfig
from liploc_ros.localization.encoded_view import EncodedView
from liploc_ros.localization.feature_comparison import Comparison, MatchScore, compare_features
from liploc_ros.mapping import Candidate, LidarMap
from liploc_ros.mapping.lattice import NO_PLACE

SEARCHED = 12  # times as many places and headings as distinct candidates: neighbours are similar, too
RESCORED = 256  # candidates of the index that are scored again
PATH_SIGMA = 0.6  # metres from the mapped path, of vehicles in the same lane


@dataclass(frozen=True)
class Matches:
    """Poses at which a view was compared with the map, each place and heading once.

    Attributes:
        camera: optical frame of the camera.
        place: (M,) rows of the map's places.
        T_map_base: (M, 4, 4) poses of the base.
        similarity: (M,) mean cosine of the features, -1 to 1.
        lateral: (M,) distance of the place to the left of the mapped path [m].
        seen: (M,) share of the cells of a view that both sides see, 0 to 1.
        match_score: (M,) log-odds of the match, up to a constant that all matches of a view share.
        row_scores: (M, 2 h) the terms whose weighted sum is the match score.
    """

    camera: str
    place: NDArray[np.intp]
    T_map_base: NDArray[np.float64]
    lateral: NDArray[np.float64]
    similarity: NDArray[np.float64]
    seen: NDArray[np.float64]
    match_score: NDArray[np.float64]
    row_scores: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.place)

    @property
    def poses(self) -> PoseSE2:
        """(M, 3) x, y [m] and yaw [rad] of the base."""
        return se2_of(self.T_map_base)

    def select(self, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> "Matches":
        """Return some of the matches."""
        arrays: dict[str, Any] = {name: getattr(self, name)[chosen] for name in ARRAYS}
        return replace(self, **arrays)

    def concatenate(self, other: "Matches") -> "Matches":
        """Return the matches of both, which must be of one view."""
        arrays: dict[str, Any] = {n: np.concatenate([getattr(self, n), getattr(other, n)]) for n in ARRAYS}
        return replace(self, **arrays)


ARRAYS = ("place", "T_map_base", "lateral", "similarity", "seen", "match_score", "row_scores")


def match_candidates(
    view: EncodedView,
    candidates: Sequence[Candidate],
    lidar_map: LidarMap,
    config: MatchingConfig,
    score: MatchScore,
) -> Matches:
    """Compare a view with candidates, with the places around each of them, and with the headings around.

    Args:
        view: the camera view.
        candidates: places and headings, from the search index or predicted by tracking.
        lidar_map: the map.
        config: reach of the refinement of the heading, and log-odds of the path.
        score: how a comparison becomes a match score.
    """
    layout, features, heading_reach = lidar_map.manifest.layout, lidar_map.features, config.heading_reach
    covered = _covered_headings(lidar_map, heading_reach)
    pairs = _with_neighbours(candidates, lidar_map, covered)
    places, first = pairs[:, 0], pairs[:, 1] * layout.pool - heading_reach
    windows, returned = features.unit_windows(places, first, view.features.shape[1] + 2 * heading_reach)
    comparison = compare_features(view.features, windows, returned, score.min_column_similarity)
    return _without_repetitions(view, places, first, comparison, config, score.row_weights, lidar_map)


def search_index(
    features: NDArray[np.float32], count: int, lidar_map: LidarMap, allowed: NDArray[np.bool_] | None = None
) -> list[Candidate]:
    """Return the ``count`` best candidates of a map for a view (h, w, D), best first.

    Those of a coded index are scored again by features. ``allowed`` (P, headings) restricts the search.
    """
    index = lidar_map.index
    if not index.is_coded:
        return index.search(features, count, allowed)
    return rescore(features, index.search(features, max(count, RESCORED), allowed), lidar_map)[:count]


def rescore(features: NDArray[np.float32], candidates: Sequence[Candidate], lidar_map: LidarMap) -> list[Candidate]:
    """Return candidates by the cosine of their whole descriptors, from features instead of codes, best first.

    A coded descriptor has few bytes: the right place is among the best few hundred more often than among the first few.

    Args:
        features: (h, w, D) of the view, 0 where the camera sees nothing.
        candidates: of the index.
        lidar_map: the map.
    """
    if not candidates:
        return []
    table = lidar_map.features
    places, headings = np.array([(c.place, c.heading) for c in candidates], np.intp).T
    windows = table.windows(places, headings * lidar_map.manifest.layout.pool, features.shape[1])
    count = np.count_nonzero(windows.returned, axis=(1, 2))
    scores = table.sum_products(features, windows) / np.sqrt(np.maximum(count, 1))
    best = np.argsort(-scores, kind="stable").tolist()
    return [Candidate(candidates[i].place, candidates[i].heading, float(scores[i])) for i in best]


def distinct_candidates(
    candidates: Sequence[Candidate], lidar_map: LidarMap, heading_reach: int, count: int
) -> list[Candidate]:
    """Return the best candidates, at most ``count``, without those next to a better one in place and heading.

    Around one pose many places and headings are similar. Without this, they would leave no room for other poses.

    Args:
        candidates: best first.
        lidar_map: the map.
        heading_reach: feature columns to both sides over which the heading of a candidate is refined.
        count: largest number of candidates.
    """
    headings = lidar_map.manifest.layout.headings
    covered = max(_covered_headings(lidar_map, heading_reach), lidar_map.index.heading_step)
    neighbours = lidar_map.lattice.with_neighbours(np.array([c.place for c in candidates], np.intp)).tolist()
    near: dict[int, list[int]] = {}  # headings around which a place is compared
    chosen: list[Candidate] = []
    for candidate, around in zip(candidates, neighbours, strict=True):
        differences = [abs(candidate.heading - heading) for heading in near.get(candidate.place, ())]
        if any(min(difference, headings - difference) <= covered for difference in differences):
            continue
        chosen.append(candidate)
        if len(chosen) == count:
            break
        for place in around:
            near.setdefault(place, []).append(candidate.heading)
    return chosen


def uncovered_candidates(
    predicted: Sequence[Candidate], candidates: Sequence[Candidate], lidar_map: LidarMap, heading_reach: int
) -> list[Candidate]:
    """Return the predicted candidates that are not compared anyway when the others are matched."""
    headings, covered = lidar_map.manifest.layout.headings, _covered_headings(lidar_map, heading_reach)
    compared = _with_neighbours(candidates, lidar_map, covered)
    uncovered = []
    for candidate in predicted:
        difference = np.abs(compared[compared[:, 0] == candidate.place, 1] - candidate.heading)
        if not (np.minimum(difference, headings - difference) <= covered).any():
            uncovered.append(candidate)
    return uncovered


def path_log_odds(lateral: NDArray[np.float64], log_odds: float) -> NDArray[np.float64]:
    """Return the prior log-odds (M,) of places at distances (M,) [m] from the path, up to a constant.

    Vehicles are more often where the mapping vehicle drove than at any one distance beside it.

    Args:
        lateral: distances to the left of the path.
        log_odds: of a place on the path against one far from it.
    """
    return np.asarray(log_odds * np.exp(-0.5 * np.square(lateral / PATH_SIGMA)))


def base_poses(
    places: NDArray[np.intp], yaw: NDArray[np.float64], view: EncodedView, lidar_map: LidarMap
) -> NDArray[np.float64]:
    """Return the poses (M, 4, 4) of the base if a view was taken at places with these headings.

    The camera is at the origin of the place's view and looks along its yaw. The height is that of the mapped path,
    whatever the height of the camera.

    Args:
        places: (M,) rows of the map's places.
        yaw: (M,) of the view in the frame of the place [rad].
        view: the camera view; its mount tells where the base is.
        lidar_map: the map.
    """
    base_yaw = yaw - view.heading
    cos, sin = np.cos(base_yaw), np.sin(base_yaw)
    (x, y, _), (forward, left) = lidar_map.manifest.view_origin, view.camera.T_base_camera[:2, 3]
    T_place_base = np.tile(np.eye(4), (len(places), 1, 1))
    T_place_base[:, 0, 0], T_place_base[:, 0, 1], T_place_base[:, 0, 3] = cos, -sin, x - cos * forward + sin * left
    T_place_base[:, 1, 0], T_place_base[:, 1, 1], T_place_base[:, 1, 3] = sin, cos, y - sin * forward - cos * left
    return np.asarray(lidar_map.T_map_base[places] @ T_place_base)


def _covered_headings(lidar_map: LidarMap, heading_reach: int) -> int:
    """Return how many headings of the index to both sides of a candidate the refinement of its heading covers."""
    return (heading_reach - 1) // lidar_map.manifest.pool


def _without_repetitions(
    view: EncodedView,
    places: NDArray[np.intp],
    first: NDArray[np.intp],
    comparison: Comparison,
    config: MatchingConfig,
    weights: NDArray[np.float32],
    lidar_map: LidarMap,
) -> Matches:
    """Return one match per place and column; where windows overlap, the first of equal ones."""
    layout = lidar_map.manifest.layout
    score = (comparison.row_scores @ weights).astype(np.float64)
    shifts = np.arange(score.shape[1]) if score.ndim == 2 else np.arange(0)
    column = (first[:, None] + shifts) % layout.panorama_columns
    place = np.broadcast_to(places[:, None], column.shape)
    _, once = np.unique(place.ravel() * layout.panorama_columns + column.ravel(), return_index=True)
    # The yaw is moved to the peak of a parabola through neighbouring columns, so the mean is finer than a column.
    yaw = layout.column_yaw((column + _peak_offsets(score)).ravel()[once])
    place = place.ravel()[once]
    lateral = lidar_map.lattice.lateral[place]
    return Matches(
        camera=view.camera.frame_id,
        place=place,
        T_map_base=base_poses(place, yaw, view, lidar_map),
        lateral=lateral,
        similarity=comparison.similarity.ravel()[once].astype(np.float64),
        seen=comparison.seen.ravel()[once].astype(np.float64),
        match_score=score.ravel()[once] + path_log_odds(lateral, config.path_log_odds),
        row_scores=comparison.row_scores.reshape(-1, comparison.row_scores.shape[2])[once],
    )


def _with_neighbours(candidates: Sequence[Candidate], lidar_map: LidarMap, covered: int) -> NDArray[np.intp]:
    """Return (M, 2) place and heading of the candidates and of the places next to them, along the path and across it.

    A heading within ``covered`` of one that is already listed for a place is left out.
    """
    headings = lidar_map.manifest.layout.headings
    neighbours = lidar_map.lattice.with_neighbours(np.array([c.place for c in candidates], np.intp))
    kept: dict[int, list[int]] = {}
    for c, places in zip(candidates, neighbours.tolist(), strict=True):
        for place in places:
            if place == NO_PLACE:
                continue
            differences = [abs(c.heading - other) for other in kept.setdefault(place, [])]
            if all(min(difference, headings - difference) > covered for difference in differences):
                kept[place].append(c.heading)
    pairs = [(place, heading) for place in sorted(kept) for heading in sorted(kept[place])]
    return np.array(pairs, dtype=np.intp).reshape(-1, 2)


def _peak_offsets(score: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the offsets (M, S) of the peak of a parabola through each shift and its neighbours, -0.5 to 0.5 shifts."""
    offset = np.zeros_like(score)
    left, middle, right = score[:, :-2], score[:, 1:-1], score[:, 2:]
    curvature = np.minimum(left - 2 * middle + right, -1e-6)
    offset[:, 1:-1] = np.clip(0.5 * (left - right) / curvature, -0.5, 0.5)
    return offset
