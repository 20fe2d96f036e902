# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""``liploc map verify`` finds wrong poses and wrong features; a map without points works everywhere."""

import json
from dataclasses import replace

import numpy as np
import pytest

from liploc_ros.evaluation.reporting.map_pictures import draw_from_above, draw_place
from liploc_ros.geometry.geodesy import GeodeticDatum
from liploc_ros.mapping import LidarMap, MapError
from liploc_ros.mapping.clouds import Clouds
from liploc_ros.mapping.feature_table import PlainFeatures
from liploc_ros.mapping.inspection.check import check_map, check_poses
from liploc_ros.mapping.inspection.geojson import path_to_geojson
from liploc_ros.mapping.lattice import PlaceLattice


@pytest.fixture
def map_without_points(demo_map, tmp_path):
    keyframes = demo_map.keyframes.copy()
    keyframes["count"] = 0
    return replace(demo_map, clouds=Clouds(), keyframes=keyframes).save(tmp_path / "without_points")


def with_pose(lidar_map, place, change):
    T = lidar_map.T_map_base.copy()
    change(T[place])
    return replace(lidar_map, T_map_base=T)


def test_a_good_map_is_good(demo_map_folder, bundle):
    found = check_map(demo_map_folder, bundle, samples=3)
    assert (found.gaps, found.encoded) == (0, 3) and found.similarity > 0.85


@pytest.mark.parametrize("is_coded", [False, True])
def test_features_of_other_places_are_found(plain_map, bundle, tmp_path, is_coded):
    shifted = replace(plain_map, features=PlainFeatures(np.roll(plain_map.features.array, 8, axis=0)))
    (shifted.coded(bundle.coding) if is_coded else shifted).save(tmp_path / "map")
    with pytest.raises(MapError, match="resemble another place more"):
        check_map(tmp_path / "map", bundle, samples=4)


def not_a_number(T):
    T[0, 3] = np.nan


def scaled(T):
    T[:3, :3] *= 1.01


def mirrored(T):
    T[:3, 1] *= -1


def moved(T):
    T[:2, 3] += 5


@pytest.mark.parametrize("change", [not_a_number, scaled, mirrored, moved])
def test_a_wrong_pose_is_named(demo_map, change):
    with pytest.raises(MapError, match=r"place 5[01] at"):
        check_poses(with_pose(demo_map, 50, change))


def test_two_places_at_one_spot_of_the_lattice_are_named(demo_map):
    station = demo_map.lattice.station.copy()
    station[50] = 49
    with pytest.raises(MapError, match=r"place 50 .* the same station"):
        check_poses(replace(demo_map, lattice=PlaceLattice(station, demo_map.lattice.lateral)))


def test_a_map_without_points_is_saved_loaded_searched_checked_and_drawn(map_without_points, bundle, tmp_path):
    loaded = LidarMap.load(map_without_points.path, bundle)
    assert not list(loaded.path.rglob("points.bin")) and loaded.keyframe_points(0).shape == (0, 4)
    view = loaded.features.panoramas(np.array([30]))[0][:, 24:56].astype(np.float32)
    assert loaded.index.search(view, 1)[0].place == 30
    assert check_map(loaded.path, bundle).encoded == 0
    draw_from_above(tmp_path / "map.png", loaded)
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(MapError, match="was built without points"):
        draw_place(tmp_path / "view.png", loaded, 3)


def test_the_view_at_a_place_is_drawn_whole_or_in_part(demo_map, tmp_path):
    import cv2

    draw_place(tmp_path / "whole.png", demo_map, 20)
    draw_place(tmp_path / "ahead.png", demo_map, 20, heading=0.0)
    whole, ahead = (cv2.imread(str(tmp_path / name)) for name in ("whole.png", "ahead.png"))
    grid = demo_map.manifest.grid
    assert whole.shape[1] == 3 * grid.panorama_width and ahead.shape[1] == 3 * grid.width and ahead.any()
    with pytest.raises(MapError, match="place 9999 does not exist"):
        draw_place(tmp_path / "none.png", demo_map, 9999)


def test_the_path_is_a_line_where_the_datum_says(demo_map):
    datum = GeodeticDatum(latitude=49.0, longitude=8.4)
    collection = json.loads(path_to_geojson(demo_map, datum))
    (line,) = collection["features"][0]["geometry"]["coordinates"]
    assert len(line) == demo_map.manifest.places
    assert line[0][:2] == pytest.approx([8.4, 49.0], abs=2e-6)
    with pytest.raises(MapError, match=r"is not known .*--latitude"):
        path_to_geojson(demo_map)
