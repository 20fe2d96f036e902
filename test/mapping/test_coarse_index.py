# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

import logging
import shutil
from pathlib import Path

import numpy as np
import pytest

from liploc_ros.mapping.search.coarse_config import CoarseConfig, CoarsePlaces
from liploc_ros.mapping.search.coarse_files import FILES, HEADER, CoarseIndexError
from liploc_ros.mapping.search.coarse_index import CoarseIndex
from liploc_ros.mapping.search.query_metric import QueryMetric

CONFIG = CoarseConfig(shard=3000)  # several parts
PLACES, HEADINGS, SIZE = 50, 36, 32


class RandomTiles:
    """Six tiles of random descriptors, 4 m apart."""

    def __len__(self):
        return 6

    def coarse_places(self, tile):
        vectors = np.random.default_rng(tile).standard_normal((PLACES, HEADINGS, SIZE)).astype(np.float32)
        rows = np.arange(PLACES) * 4
        xy = np.stack([1000 * tile + rows, np.zeros(PLACES)], axis=1)
        return CoarsePlaces(rows, xy, vectors / np.linalg.norm(vectors, axis=2, keepdims=True))


TILES = RandomTiles()


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return CoarseIndex.build(tmp_path_factory.mktemp("map") / "coarse", TILES, "tiles", CONFIG)


@pytest.fixture
def folder(built, tmp_path):
    return Path(shutil.copytree(built.folder, tmp_path / "coarse"))


@pytest.mark.parametrize(
    ("kilometres", "lists"), [(0, 1), (1, 32), (100, 1024), (1000, 1024), (10_000, 4096), (10**6, 4096)]
)
def test_longer_maps_have_more_lists(kilometres, lists):
    per_kilometre = 250 * HEADINGS
    assert CoarseConfig().lists(kilometres * per_kilometre) == lists


def test_a_descriptor_finds_its_place_and_heading(built):
    found = built.search(TILES.coarse_places(3).descriptors[7, 5], 10)
    assert (found.tile[0], found.place[0], found.heading[0]) == (3, 28, 5)
    assert found.xy[0].tolist() == [3028, 0]


def test_only_allowed_places_are_found(built):
    allowed = built.places["x"] < 1000
    found = built.search(TILES.coarse_places(3).descriptors[7, 5], 10, allowed)
    assert len(found.tile) == 10 and not found.tile.any()


def test_an_opened_index_finds_what_the_built_one_does(built):
    query = TILES.coarse_places(2).descriptors[9, 1]
    opened = CoarseIndex.open(built.folder, "tiles", verify=True)
    for one, other in zip(built.search(query, 20), opened.search(query, 20), strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_index_is_the_same_however_many_parts_it_is_built_in(built, tmp_path):
    whole = CoarseIndex.build(tmp_path / "coarse", TILES, "tiles", CoarseConfig())
    for name in FILES:
        assert (whole.folder / name).read_bytes() == (built.folder / name).read_bytes()


@pytest.mark.parametrize("name", [HEADER, *FILES])
@pytest.mark.parametrize("damage", ["missing", "empty", "cut"])
def test_a_damaged_index_is_refused(folder, name, damage):
    path = folder / name
    data = path.read_bytes()
    path.unlink() if damage == "missing" else path.write_bytes(b"" if damage == "empty" else data[:-1])
    if name == HEADER and damage == "cut":
        path.write_bytes(data[: len(data) // 2])
    with pytest.raises(CoarseIndexError, match="rebuilt"):
        CoarseIndex.open(folder, "tiles")


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_byte_is_found_when_everything_is_verified(folder, name):
    path = folder / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(CoarseIndexError, match="damaged"):
        CoarseIndex.open(folder, "tiles", verify=True)


def test_an_index_of_other_tiles_is_built_again(folder, caplog):
    with caplog.at_level(logging.WARNING):
        index = CoarseIndex.open_or_build(folder, TILES, "other tiles", CONFIG)
    assert "other tiles" in caplog.text and index.header.key == "other tiles"


def test_what_all_places_have_in_common_is_weighted_down(rng):
    common, distinct = 10 * np.eye(8, dtype=np.float32)[:2]
    places = common * rng.normal(1, 0.1, (500, 1)) + rng.standard_normal((500, 8)) * (np.arange(8) > 1)
    places[3] += distinct / 5
    query = common + distinct / 5
    assert np.argmax(places @ query) != 3
    assert np.argmax(places @ QueryMetric.fit(places.astype(np.float32)).weigh(query)) == 3
