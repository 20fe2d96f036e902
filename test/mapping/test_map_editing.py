# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Maps made of other maps: merged, cropped and coded, tile by tile."""

import shutil

import numpy as np
import pytest

from liploc_ros.mapping import LidarMap, MapError
from liploc_ros.mapping.editing.crop import at_stations, crop_map, in_box
from liploc_ros.mapping.editing.merge import merge_maps
from liploc_ros.mapping.editing.upgrade import upgrade_map
from liploc_ros.mapping.features import unit_features
from liploc_ros.mapping.inspection.check import check_poses
from liploc_ros.mapping.manifest import write_manifest


@pytest.fixture(scope="module", params=["not coded", "coded"])
def model(request, bundle):
    return bundle.without_coding() if request.param == "not coded" else bundle


@pytest.fixture(scope="module")
def plain_map_folder(plain_map, tmp_path_factory):
    return plain_map.save(tmp_path_factory.mktemp("plain") / "map").path


@pytest.fixture(scope="module")
def long_map(model, plain_map_folder, tmp_path_factory):
    """The demo's map in two tiles: the shortest tiles are of 100 m."""
    path = shutil.copytree(plain_map_folder, tmp_path_factory.mktemp("long") / "map")
    lidar_map = LidarMap.load(path, model)
    config = lidar_map.manifest.config.model_copy(update={"tile_length": 100.0})
    manifest = lidar_map.manifest.model_copy(update={"config": config})
    write_manifest(path, manifest)
    upgraded = upgrade_map(path, path, model)
    assert len(upgraded.manifest.tiles) == 2 and (upgraded.manifest.coding is None) == (model.coding is None)
    return path


def search(lidar_map, place, heading=24):
    view = unit_features(lidar_map.features.panoramas(np.array([place]))[0])[:, heading : heading + 32]
    return lidar_map.index.search(view, 1)[0].place


def test_a_crop_holds_what_the_map_holds_there(long_map, model, tmp_path):
    whole, part = LidarMap.load(long_map, model), crop_map(long_map, tmp_path / "part", at_stations(90, 110), model)
    cropped = LidarMap.load(tmp_path / "part", model)
    assert part.places == 21 and len(part.tiles) == 2 and part.path_length == pytest.approx(20, rel=0.1)
    assert np.allclose(cropped.T_map_base, whole.T_map_base[90:111], atol=1e-5)
    assert np.array_equal(cropped.features.panoramas(np.arange(21)), whole.features.panoramas(np.arange(90, 111)))
    assert search(cropped, 12) == 12 and 2 <= part.keyframes <= 6
    assert cropped.lattice.with_neighbours(np.array([10]))[0].tolist() == [10, 9, 11, -1, -1]


def test_a_crop_by_a_box_has_the_places_in_it(long_map, model, tmp_path):
    crop_map(long_map, tmp_path / "part", in_box(100, 80, -100, 50), model)
    y = LidarMap.load(tmp_path / "part", model).T_map_base[:, 1, 3]
    whole = LidarMap.load(long_map, model).T_map_base[:, 1, 3]
    assert y.min() >= 50 and y.max() <= 80 and len(y) == np.count_nonzero((whole >= 50) & (whole <= 80))


def test_nothing_is_written_where_there_are_no_places(long_map, model, tmp_path):
    with pytest.raises(MapError, match="there are no places in it"):
        crop_map(long_map, tmp_path / "part", in_box(900, 900, 901, 901), model)
    assert not (tmp_path / "part").exists()


def test_merged_sessions_are_not_neighbours_and_both_are_found(long_map, model, tmp_path):
    crop_map(long_map, tmp_path / "a", at_stations(0, 19), model)
    crop_map(long_map, tmp_path / "b", at_stations(90, 119), model)
    merged = merge_maps([tmp_path / "b", tmp_path / "a"], tmp_path / "merged", model)
    loaded = LidarMap.load(tmp_path / "merged", model)
    assert merged.places == 50 and merged.path_length == pytest.approx(48, rel=0.1) and len(merged.tiles) == 3
    assert merged.sources == LidarMap.load(long_map, model).manifest.sources * 2
    assert loaded.lattice.with_neighbours(np.array([29]))[0].tolist() == [29, 28, -1, -1, -1]
    assert [search(loaded, place) for place in (5, 29, 30, 45)] == [5, 29, 30, 45]
    assert check_poses(loaded) == 1


def test_maps_that_differ_are_not_merged_and_each_conflict_is_named(long_map, model, tmp_path):
    other = shutil.copytree(long_map, tmp_path / "other")
    manifest = LidarMap.load(other, model).manifest
    changes = {"map_frame": "odom", "view_origin": (1.0, 0.0, 2.0), "datum": "a gate"}
    write_manifest(other, manifest.model_copy(update=changes))
    with pytest.raises(MapError) as error:
        merge_maps([long_map, other], tmp_path / "merged", model)
    for name in ("map_frame is 'map'", "'odom'", "view_origin", "datum", "a gate", "--same-frame", str(other)):
        assert name in str(error.value)


def test_sessions_whose_datums_are_only_named_differently_are_merged_on_request(long_map, model, tmp_path):
    other = shutil.copytree(long_map, tmp_path / "other")
    write_manifest(other, LidarMap.load(other, model).manifest.model_copy(update={"datum": "a gate"}))
    merged = merge_maps([long_map, other], tmp_path / "merged", model, same_frame=True)
    assert merged.places == 2 * LidarMap.load(long_map, model).manifest.places


def test_a_merge_may_replace_one_of_its_maps(long_map, model, tmp_path):
    crop_map(long_map, tmp_path / "a", at_stations(0, 9), model)
    crop_map(long_map, tmp_path / "b", at_stations(30, 39), model)
    assert merge_maps([tmp_path / "a", tmp_path / "b"], tmp_path / "a", model).places == 20
    assert len(LidarMap.load(tmp_path / "a", model).T_map_base) == 20


def test_a_coded_map_takes_a_fraction_of_the_bytes(plain_map_folder, bundle, tmp_path):
    before, after = LidarMap.load(plain_map_folder), upgrade_map(plain_map_folder, tmp_path / "coded", bundle)
    points = sum(len(after.clouds.encoded(k)) for k in range(len(after.clouds)))
    assert after.size_bytes - points < (before.size_bytes - points) / 8
    plain = upgrade_map(plain_map_folder, tmp_path / "plain", bundle, code_features=False)
    assert plain.manifest.coding is None


def test_a_coded_map_needs_the_coding_it_was_coded_by(demo_map_folder, bundle):
    with pytest.raises(MapError, match="the model has none: give the model bundle"):
        LidarMap.load(demo_map_folder, bundle.without_coding())
