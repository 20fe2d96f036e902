# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

import numpy as np

from liploc_ros.mapping.search.coarse_index import CoarseCandidates
from liploc_ros.mapping.search.rescoring import NearPlaces, rescore

HEADINGS = 36


class Tiles:
    """Two tiles of 20 places, 1 m apart. The code of a place and heading is its number within the tile."""

    def near_places(self, tile, places):
        around = np.clip(places[:, None] + np.arange(-2, 3), 0, 19)
        candidate = np.repeat(np.arange(len(places)), 5)
        place = around.ravel()
        codes = np.zeros((len(place), HEADINGS, 2), np.uint8)
        codes[..., 0], codes[..., 1] = place[:, None], np.arange(HEADINGS)
        return NearPlaces(candidate, place, np.stack([100.0 * tile + place, 0 * place], axis=1), codes)


def candidates(*rows):
    tile, place, heading = (np.array(column) for column in zip(*rows, strict=True))
    return CoarseCandidates(tile, place, heading, np.zeros((len(tile), 2), np.float32), np.zeros(len(tile), np.float32))


def tables(best_place, best_heading):
    scores = np.zeros((2, 256), np.float32)
    scores[0] = -np.abs(np.arange(256) - best_place)
    scores[1, :HEADINGS] = -np.abs(np.arange(HEADINGS) - best_heading)
    return scores


def test_the_best_place_and_heading_near_a_candidate_come_first():
    found = rescore(candidates((1, 8, 5)), tables(9, 6), Tiles(), 5)
    assert (found.tile[0], found.place[0], found.heading[0], found.score[0]) == (1, 9, 6, 0)


def test_neighbours_of_a_better_candidate_are_left_out():
    found = rescore(candidates((0, 8, 5), (0, 9, 5)), tables(9, 5), Tiles(), 5)
    assert np.diff(np.sort(found.place)).min() > 1


def test_candidates_of_all_tiles_are_compared():
    found = rescore(candidates((1, 3, 35), (0, 12, 0)), tables(12, 0), Tiles(), 50)
    assert found.tile[0] == 0 and set(found.tile.tolist()) == {0, 1}
