# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Maps of every format that was ever written: small ones are kept here, a few places of the demo's map each."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from liploc_ros.mapping import LidarMap, MapError
from liploc_ros.mapping.editing.upgrade import upgrade_map
from liploc_ros.mapping.features import unit_features
from liploc_ros.mapping.manifest import FORMAT_VERSION

FORMATS = Path(__file__).parent / "formats"
PLACES = {"format_2": 3, "format_3": 8, "format_4": 4, "format_5": 6}


@pytest.fixture(params=sorted(PLACES))
def old_map(request, tmp_path):
    return Path(shutil.copytree(FORMATS / request.param, tmp_path / request.param))


def test_there_is_a_map_of_every_format_since_the_second():
    assert sorted(PLACES) == [f"format_{n}" for n in range(2, FORMAT_VERSION + 1)]


def test_maps_of_every_format_are_read_and_searched(old_map, bundle):
    lidar_map = LidarMap.load(old_map, bundle)
    assert len(lidar_map.T_map_base) == lidar_map.manifest.places == PLACES[old_map.name]
    view = lidar_map.features.panoramas(np.array([1]))[0][:, 24:56].astype(np.float32)
    found = lidar_map.index.search(view, 1)[0]
    assert (found.place, found.heading) == (1, 24) or lidar_map.lattice.lateral[1] % 2 == 1
    offsets = lidar_map.lattice.lateral / lidar_map.manifest.config.lateral_spacing
    searched = np.ones(len(offsets)) if old_map.name == "format_5" else offsets % 2 == 0
    assert len(lidar_map.index.places) == np.sum(searched)
    assert len(lidar_map.keyframe_points(0)) > 100 and np.isfinite(lidar_map.keyframe_points(0)).all()


def test_upgrading_keeps_places_features_and_points(old_map, bundle):
    before = LidarMap.load(old_map, bundle)
    poses, features = before.T_map_base.copy(), before.features.panoramas(np.arange(len(before.features))).copy()
    points = [before.keyframe_points(k) for k in range(len(before.keyframes))]
    upgrade_map(old_map, old_map, bundle, code_features=False)
    after = LidarMap.load(old_map, bundle)
    assert after.manifest.format_version == FORMAT_VERSION and len(after.manifest.tiles) >= 1
    assert np.abs(after.T_map_base - poses)[:, :3, 3].max() < 1e-4
    assert np.abs(after.T_map_base - poses)[:, :3, :3].max() < 1e-6
    assert np.array_equal(after.features.panoramas(np.arange(len(features))), features)
    assert all(np.allclose(after.keyframe_points(k), cloud, atol=0.0051) for k, cloud in enumerate(points))
    assert np.array_equal(after.lattice.station, before.lattice.station)
    assert not list(old_map.glob("*.npy"))


def test_upgrading_codes_the_features(old_map, bundle):
    before = LidarMap.load(old_map, bundle)
    after = upgrade_map(old_map, old_map.with_name("coded"), bundle)
    assert after.manifest.coding == bundle.coding.id
    loaded = LidarMap.load(old_map.with_name("coded"), bundle)
    mine, theirs = (unit_features(m.features.panoramas(np.array([1]))) for m in (before, loaded))
    returned = mine.any(axis=-1)
    assert np.sum(mine * theirs, axis=-1)[returned].mean() > 0.85


@pytest.mark.parametrize("version", [FORMAT_VERSION + 1, 99])
def test_a_newer_format_is_refused_by_its_version_whatever_else_it_holds(old_map, version):
    manifest = json.loads((old_map / "manifest.json").read_text())
    for content in ({"format_version": version}, manifest | {"format_version": version, "something_new": 1}):
        (old_map / "manifest.json").write_text(json.dumps(content))
        with pytest.raises(
            MapError, match=f"map of format {version}, this version reads up to {FORMAT_VERSION}: update"
        ):
            LidarMap.load(old_map)


def test_a_format_4_manifest_without_its_checksum_is_refused(tmp_path):
    path = Path(shutil.copytree(FORMATS / "format_4", tmp_path / "map"))
    manifest = json.loads((path / "manifest.json").read_text())
    del manifest["sha256"]
    (path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(MapError, match="does not begin with a checksum"):
        LidarMap.load(path)
