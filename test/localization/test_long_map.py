# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Long maps: images are compared with a part of the map."""

import itertools
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from liploc_ros.files import FileError
from liploc_ros.localization import Localizer, PosePrior, TrackingState
from liploc_ros.localization.long_map import LongMapLocalizer, localizer_on, map_mode
from liploc_ros.localization.long_map import localizer as module
from liploc_ros.localization.long_map.focus import MapFocus
from liploc_ros.mapping import LidarMap, MapConfig, MapError, build_map
from liploc_ros.mapping.manifest import FORMAT_VERSION
from liploc_ros.mapping.search.coarse_index import CoarseIndex
from liploc_ros.mapping.search.open_tile import OpenTile, joined_tile
from liploc_ros.mapping.tiled_map import TiledMap
from liploc_ros.mapping.tiles.tile import write_tile

SECOND = 1_000_000_000


@pytest.fixture(scope="module")
def two_tiles(demo_drive, bundle, tmp_path_factory):
    config = MapConfig(lateral_reach=0, tile_length=100, store_points=False)
    path = build_map(demo_drive, bundle, config).save(tmp_path_factory.mktemp("long") / "map").path
    TiledMap.open(path, bundle).coarse_index()
    return path


@pytest.fixture
def tiled(two_tiles, bundle, tmp_path):
    return TiledMap.open(Path(shutil.copytree(two_tiles, tmp_path / "map")), bundle)


@pytest.fixture
def frames(demo_drive, demo_camera):
    return [(f, f.images[demo_camera.frame_id]()) for f in list(demo_drive.images())[2::6]]


def test_images_are_found_as_on_the_whole_map(tiled, bundle, frames, demo_camera):
    whole, parts = Localizer(LidarMap.load(tiled.path, bundle), bundle), LongMapLocalizer(tiled, bundle)
    for frame, image in frames:
        found = [localizer.localize(image, demo_camera, frame.stamp_ns) for localizer in (whole, parts)]
        assert [result.status for result in found] == [found[0].status] * 2
        assert np.allclose(found[0].best.T_map_base, found[1].best.T_map_base, atol=0.3)
        assert found[0].best.place_id == found[1].best.place_id


def test_tracking_stays_localized_on_the_tiles_around(tiled, bundle, demo_drive, demo_camera):
    localizer = LongMapLocalizer(tiled, bundle)
    states = []
    for frame in list(demo_drive.images())[:16]:
        image = frame.images[demo_camera.frame_id]()
        states.append(localizer.track(image, demo_camera, frame.stamp_ns, frame.T_map_base).state)
    assert states[-8:] == [TrackingState.LOCALIZED] * 8
    assert 0 < len(localizer.lidar_map.T_map_base) <= tiled.manifest.places == localizer.lidar_map.manifest.places


def test_the_whole_map_is_searched_again_while_localized_and_a_vehicle_that_was_moved_is_found(
    tiled, bundle, demo_drive, demo_camera
):
    localizer, frames = LongMapLocalizer(tiled, bundle), list(demo_drive.images())
    results, T_odom_base = [], np.eye(4)
    for before, frame in itertools.pairwise([frames[0], *frames[:14], *frames[26:]]):
        if frame is not frames[26]:  # odometry misses the motion between the two parts
            T_odom_base = T_odom_base @ np.linalg.inv(before.T_map_base) @ frame.T_map_base
        image = frame.images[demo_camera.frame_id]()
        results.append(localizer.track(image, demo_camera, SECOND + len(results) * SECOND // 4, T_odom_base))
    assert {result.state for result in results[6:14]} == {TrackingState.LOCALIZED}
    assert {result.localization.whole_map for result in results[6:14]} == {False, True}
    assert np.linalg.norm(results[-1].best.T_map_base[:2, 3] - frames[-1].T_map_base[:2, 3]) < 2


def test_a_search_in_the_background_finds_what_one_in_the_foreground_does(tiled, bundle, frames, demo_camera):
    focus = MapFocus(tiled, tiled.coarse_index())
    view = Localizer(tiled.sample(1), bundle).encode(frames[1][1], demo_camera)
    expected = set(focus.around_similar(view).place_ids)
    parts = []
    for distance in (0.0, 5.0):
        focus.begin_search(view, SECOND)
        parts.append(set(focus.around_begun(distance).place_ids))
    assert parts[0] == expected < parts[1]


def test_a_search_in_the_background_ends_with_the_belief_that_it_was_begun_for(tiled, bundle, frames, demo_camera):
    focus = MapFocus(tiled, tiled.coarse_index())
    focus.begin_search(Localizer(tiled.sample(1), bundle).encode(frames[1][1], demo_camera), SECOND)
    assert focus.begun_ns == SECOND
    focus.forget_belief()
    assert focus.begun_ns is None


def test_a_prior_restricts_the_part_that_is_opened(tiled, bundle, frames, demo_camera):
    (frame, image), localizer = frames[2], LongMapLocalizer(tiled, bundle)
    x, y = frame.T_map_base[:2, 3]
    yaw = np.arctan2(frame.T_map_base[1, 0], frame.T_map_base[0, 0])
    prior = PosePrior(np.array([x, y, yaw]), np.diag([1.0, 1.0, 0.01]))
    best = localizer.localize(image, demo_camera, 0, prior).best
    assert np.hypot(*(best.T_map_base[:2, 3] - (x, y))) < 2


def test_a_tile_that_disappears_is_named_and_the_others_are_searched(tiled, bundle, frames, demo_camera):
    localizer = LongMapLocalizer(tiled, bundle)
    assert tiled.tile(1)  # it was opened before, and is not verified
    shutil.rmtree(tiled.path / "tiles" / "000001")
    frame, image = frames[1]
    best = localizer.localize(image, demo_camera, 0).best
    assert np.linalg.norm(best.T_map_base[:2, 3] - frame.T_map_base[:2, 3]) < 2
    assert "000001" in localizer.map_problem and "copy or build the map again" in localizer.map_problem


def test_a_map_whose_tiles_all_disappear_is_named_and_finds_nothing(tiled, bundle, frames, demo_camera):
    localizer = LongMapLocalizer(tiled, bundle)
    shutil.rmtree(tiled.path / "tiles")
    localizer.localize(frames[1][1], demo_camera, 0)
    assert "copy or build the map again" in localizer.map_problem


def test_tiles_are_opened_before_the_first_image(tiled, bundle):
    LongMapLocalizer(tiled, bundle)
    opener = next((thread for thread in threading.enumerate() if thread.name == "open tiles"), None)
    if opener is not None:
        opener.join()
    assert tiled.opened == len(tiled) == 2


def test_a_tile_with_a_flipped_byte_is_not_used_once_it_is_verified(tiled):
    features = tiled.path / "tiles" / "000001" / "features.npy"
    data = bytearray(features.read_bytes())
    data[-1] ^= 1
    features.write_bytes(data)
    assert tiled.tile(1)
    tiled.verify(1)
    with pytest.raises(MapError, match=r"features\.npy: damaged"):
        tiled.tile(1)


def test_a_damaged_coarse_index_is_built_again(tiled):
    (tiled.path / "coarse" / "index.faiss").write_bytes(b"no index")
    assert isinstance(tiled.coarse_index(), CoarseIndex)


def test_the_coarse_index_of_a_map_that_cannot_be_written_is_in_the_cache(tiled, tmp_path, monkeypatch, caplog):
    def build(folder, *arguments, whole=CoarseIndex.build):
        if tiled.path in folder.parents:
            raise FileError(f"{folder}: cannot be written")
        return whole(folder, *arguments)

    shutil.rmtree(tiled.path / "coarse")
    monkeypatch.setattr(CoarseIndex, "build", build)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert len(tiled.coarse_index().places) and not (tiled.path / "coarse").exists()
    assert "kept in" in caplog.text and (tmp_path / "cache" / "liploc_ros" / "coarse").is_dir()


def test_the_mode_follows_from_the_length(tiled, bundle, monkeypatch):
    assert type(localizer_on(tiled.path, bundle)) is Localizer
    monkeypatch.setattr(module, "MAX_EXHAUSTIVE_LENGTH", 50.0)
    assert map_mode(tiled.manifest).is_long and "coarse index" in map_mode(tiled.manifest).reason
    assert type(localizer_on(tiled.path, bundle)) is LongMapLocalizer


def test_a_map_without_coded_features_is_not_searched_by_tiles(demo_drive, bundle, tmp_path):
    config = MapConfig(lateral_reach=0, code_features=False)
    path = build_map(demo_drive, bundle, config).save(tmp_path / "map").path
    with pytest.raises(MapError, match="liploc map upgrade"):
        TiledMap.open(path, bundle)


def test_a_tile_whose_places_are_not_in_driving_order_is_refused(tiled, tmp_path):
    tile, coding = joined_tile([tiled.tile(0).select(np.arange(5))]), tiled.manifest.coding
    entry = write_tile(tmp_path / "000000", replace(tile, station=tile.station[::-1]), FORMAT_VERSION, coding)
    with pytest.raises(MapError, match="driving order"):
        OpenTile(tmp_path / "000000", entry, tiled.manifest)
