# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Find the tilt of a camera in a single image: the tilt at which its view matches the map best."""

from collections.abc import Callable, Sequence

import numpy as np

from liploc_ros.geometry import Pose
from liploc_ros.localization.config import MatchingConfig
from liploc_ros.localization.encoded_view import EncodedView
from liploc_ros.localization.matching import Matches
from liploc_ros.localization.tilt import PITCH_STEP, Tilt, best_of_views, peak_of, pitches_within
from liploc_ros.mapping import Candidate, LidarMap

COMPARED_CANDIDATES = 3  # with which all tilts are compared

AtTilts = Callable[[Sequence[Tilt]], list[EncodedView]]
Search = Callable[[EncodedView], list[Candidate]]
Match = Callable[[EncodedView, Sequence[Candidate]], Matches]


def find_tilt(
    view: EncodedView,
    candidates: Sequence[Candidate],
    at_tilts: AtTilts,
    search: Search,
    match: Match,
    config: MatchingConfig,
) -> tuple[Tilt, list[Candidate]]:
    """Return the tilt at which an image matches best, and the best candidates of all pitches.

    The map is searched at pitches one degree apart: pitch matters most. Around the best of them, pitches half a degree
    apart, and a roll to both sides, are compared with the best candidates.

    Args:
        view: of the image, at the tilt that is assumed.
        candidates: of this view.
        at_tilts: returns the views of the image at other tilts.
        search: returns the candidates of a view.
        match: compares a view with candidates.
        config: reach of the tilts, and number of candidates.
    """
    assumed = view.tilt
    pitches = pitches_within(config.tilt_reach)
    nearest = int(np.argmin(np.abs(pitches - assumed.pitch)))
    pitches[nearest] = assumed.pitch
    views = at_tilts([Tilt(float(pitch), assumed.roll) for pitch in np.delete(pitches, nearest)])
    found = [search(other) for other in views]
    views.insert(nearest, view)
    found.insert(nearest, list(candidates))
    best_candidates = best_of_views(found, config.candidates)
    compared = best_candidates[:COMPARED_CANDIDATES]
    peak = peak_of(pitches.tolist(), _scores(views, compared, match))
    best = Tilt(peak, assumed.roll).rounded
    around = [
        *(Tilt(best.pitch + step, best.roll) for step in (-PITCH_STEP / 2, 0.0, PITCH_STEP / 2)),
        *(Tilt(best.pitch, best.roll + step) for step in (-config.tilt_reach, config.tilt_reach)),
    ]
    return _peak(around, _scores(at_tilts(around), compared, match)), best_candidates


def tilts_around(assumed: Tilt, reach: float) -> list[Tilt]:
    """Return the tilts with which :func:`refine_tilt` compares: lower and higher pitch, roll to the left and right."""
    return [
        *(Tilt(assumed.pitch + step, assumed.roll) for step in (-PITCH_STEP, PITCH_STEP)),
        *(Tilt(assumed.pitch, assumed.roll + step) for step in (-reach, reach)),
    ]


def refine_tilt(
    view: EncodedView, candidates: Sequence[Candidate], at_tilts: AtTilts, match: Match, config: MatchingConfig
) -> Tilt:
    """Return the tilt at which an image matches best at a place that is known, near the tilt that is assumed.

    Args:
        view: of the image, at the tilt that is assumed.
        candidates: at the known place.
        at_tilts: returns the views of the image at other tilts.
        match: compares a view with candidates.
        config: reach of the tilts.
    """
    low, high, left, right = at_tilts(tilts_around(view.tilt, config.tilt_reach))
    views = [low, view, high, left, right]
    return _peak([other.tilt for other in views], _scores(views, candidates, match))


def nearest_candidate(candidates: Sequence[Candidate], lidar_map: LidarMap, T_map_base: Pose) -> Candidate:
    """Return the candidate whose place is nearest to a pose."""
    places = lidar_map.T_map_base[[candidate.place for candidate in candidates], :2, 3]
    return candidates[int(np.argmin(np.linalg.norm(places - T_map_base[:2, 3], axis=1)))]


def _peak(tilts: Sequence[Tilt], scores: Sequence[float]) -> Tilt:
    """Return the peak of the scores of five tilts: lower, middle and higher pitch, roll to the left and right."""
    pitch = peak_of([tilt.pitch for tilt in tilts[:3]], scores[:3])
    roll = peak_of([tilts[3].roll, tilts[1].roll, tilts[4].roll], [scores[3], scores[1], scores[4]])
    return Tilt(pitch, roll).rounded


def _scores(views: Sequence[EncodedView], candidates: Sequence[Candidate], match: Match) -> list[float]:
    """Return the highest match score of each view."""
    return [float(match(view, candidates).match_score.max(initial=-np.inf)) for view in views]
