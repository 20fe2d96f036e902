# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Find the tilt of a camera in a single image: the tilt at which its view matches the map best."""

from collections.abc import Callable, Sequence

import numpy as np

from liploc_ros.localization.config import MatchingConfig
from liploc_ros.localization.encoded_view import EncodedView
from liploc_ros.localization.matching import Matches
from liploc_ros.localization.tilt import TILT_STEP, best_of_views, peak_tilt, rounded, tilts_within
from liploc_ros.mapping import Candidate

COMPARED_CANDIDATES = 3  # with which all tilts are compared

AtTilts = Callable[[Sequence[float]], list[EncodedView]]
Search = Callable[[EncodedView], list[Candidate]]
Match = Callable[[EncodedView, Sequence[Candidate]], Matches]


def find_tilt(
    view: EncodedView, at_tilts: AtTilts, search: Search, match: Match, config: MatchingConfig
) -> tuple[float, list[Candidate]]:
    """Return the tilt [rad] at which an image matches best, and the best candidates of all tilts.

    The map is searched at tilts one degree apart. Around the best of them, tilts half a degree apart are compared with
    the best candidates.

    Args:
        view: of the image, at the tilt that is assumed.
        at_tilts: returns the views of the image at other tilts.
        search: returns the candidates of a view.
        match: compares a view with candidates.
        config: reach of the tilts, and number of candidates.
    """
    tilts = tilts_within(config.tilt_reach)
    tilts[np.argmin(np.abs(tilts - view.tilt))] = view.tilt
    views = at_tilts(tilts.tolist())
    candidates = best_of_views([search(other) for other in views], config.candidates)
    peak = _best_tilt(views, candidates, match)
    around = at_tilts([rounded(peak + step) for step in (-TILT_STEP / 2, 0, TILT_STEP / 2)])
    return _best_tilt(around, candidates, match), candidates


def _best_tilt(views: Sequence[EncodedView], candidates: Sequence[Candidate], match: Match) -> float:
    compared = candidates[:COMPARED_CANDIDATES]
    scores = [float(match(view, compared).match_score.max(initial=-np.inf)) for view in views]
    return peak_tilt([view.tilt for view in views], scores)
