# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Find the tilt of a camera in a single image: the tilt at which its view matches the map best."""

from collections.abc import Callable, Sequence

import numpy as np

from liploc_ros.localization.config import MatchingConfig
from liploc_ros.localization.encoded_view import EncodedView
from liploc_ros.localization.matching import Matches
from liploc_ros.localization.tilt import PITCH_STEP, Tilt, best_of_views, peak_of, pitches_within
from liploc_ros.mapping import Candidate

COMPARED_CANDIDATES = 3  # with which all tilts are compared

AtTilts = Callable[[Sequence[Tilt]], list[EncodedView]]
Search = Callable[[EncodedView], list[Candidate]]
Match = Callable[[EncodedView, Sequence[Candidate]], Matches]


def find_tilt(
    view: EncodedView, at_tilts: AtTilts, search: Search, match: Match, config: MatchingConfig
) -> tuple[Tilt, list[Candidate]]:
    """Return the tilt at which an image matches best, and the best candidates of all pitches.

    The map is searched at pitches one degree apart: pitch matters most. Around the best of them, pitches half a degree
    apart, and a roll to both sides, are compared with the best candidates.

    Args:
        view: of the image, at the tilt that is assumed.
        at_tilts: returns the views of the image at other tilts.
        search: returns the candidates of a view.
        match: compares a view with candidates.
        config: reach of the tilts, and number of candidates.
    """
    assumed = view.tilt
    pitches = pitches_within(config.tilt_reach)
    pitches[np.argmin(np.abs(pitches - assumed.pitch))] = assumed.pitch
    views = at_tilts([Tilt(float(pitch), assumed.roll) for pitch in pitches])
    candidates = best_of_views([search(other) for other in views], config.candidates)
    compared = candidates[:COMPARED_CANDIDATES]
    best = Tilt(peak_of(pitches.tolist(), _scores(views, compared, match)), assumed.roll).rounded
    around = [
        *(Tilt(best.pitch + step, best.roll).rounded for step in (-PITCH_STEP / 2, 0.0, PITCH_STEP / 2)),
        *(Tilt(best.pitch, assumed.roll + step).rounded for step in (-config.tilt_reach, config.tilt_reach)),
    ]
    low, middle, high, left, right = _scores(at_tilts(around), compared, match)
    pitch = peak_of([tilt.pitch for tilt in around[:3]], [low, middle, high])
    roll = peak_of([around[3].roll, best.roll, around[4].roll], [left, middle, right])
    return Tilt(pitch, roll).rounded, candidates


def _scores(views: Sequence[EncodedView], candidates: Sequence[Candidate], match: Match) -> list[float]:
    """Return the highest match score of each view."""
    return [float(match(view, candidates).match_score.max(initial=-np.inf)) for view in views]
