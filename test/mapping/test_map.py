# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Maps: places on the path, search, and folders that are whole or refused."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from liploc_ros.encoders.spec import FeatureLayout
from liploc_ros.files import FileError
from liploc_ros.geometry import ViewGrid, pose_from_yaw
from liploc_ros.mapping import KeyframeSelector, LidarMap, MapConfig, MapError, build_map_from_keyframes
from liploc_ros.mapping.features import describe, describe_headings, quantize_features
from liploc_ros.mapping.manifest import FORMAT_VERSION, read_manifest, write_manifest
from liploc_ros.mapping.places import places_along
from liploc_ros.mapping.search.place_index import PlaceIndex

TILE = Path("tiles/000000")


def circle(radius=30.0, steps=200):
    return np.stack(
        [pose_from_yaw(radius * np.sin(a), radius * (1 - np.cos(a)), 0, a) for a in np.linspace(0, 3, steps)]
    )


def test_keyframes_are_at_least_their_spacing_apart():
    selector = KeyframeSelector(10, np.eye(4))
    for pose in circle():
        selector.add_scan(0, pose, lambda: np.ones((1, 4), np.float32))
    places = np.stack([k.T_map_base[:3, 3] for k in selector.keyframes])
    apart = np.linalg.norm(np.diff(places, axis=0), axis=1)
    assert apart.min() >= 10 and apart.max() < 11 and len(selector.path) == 200


def test_places_lie_on_the_path_driven_not_on_chords():
    path = circle()
    places = places_along(path, path[::25], MapConfig())
    from_centre = np.linalg.norm(places.T_map_base[:, :2, 3] - [0, 30], axis=1)
    assert np.allclose(from_centre, 30, atol=0.01)
    assert np.linalg.norm(np.diff(places.T_map_base[:, :3, 3], axis=0), axis=1) == pytest.approx(1, abs=0.1)


def test_a_place_is_drawn_from_the_keyframes_on_both_sides():
    path = np.stack([pose_from_yaw(x, 0, 0, 0) for x in range(41)])
    places = places_along(path, path[::10], MapConfig())
    x = places.T_map_base[:, 0, 3]
    assert places.keyframes[np.searchsorted(x, 14.5)].tolist() == [2, 1]


def test_no_places_are_drawn_across_a_gap():
    path = np.stack([pose_from_yaw(x, 0, 0, 0) for x in (0, 10, 200, 210)])
    x = places_along(path, path, MapConfig()).T_map_base[:, 0, 3]
    assert not ((x > 11) & (x < 199)).any() and {0, 10, 200, 210} <= set(x.round().tolist())


def test_a_heading_is_a_window_of_the_panorama(rng):
    features = rng.integers(-127, 128, (1, 8, 144, 32)).astype(np.int8)
    layout = FeatureLayout(grid=ViewGrid(), stride=8, pool=2, channels=32)
    described = describe_headings(features, layout)
    for heading in (0, 5, 70):
        columns = (np.arange(32) + 2 * heading) % 144
        assert np.allclose(described[heading], describe(features[0][:, columns].astype(np.float32), 2), atol=1e-6)
    straight = np.flatnonzero(np.isclose(layout.heading_yaws, 0))
    assert straight.tolist() == [(layout.grid.panorama_width - layout.grid.width) // 2 // 16]


def test_a_heading_of_whole_image_embeddings_is_one_of_them_at_its_length(rng):
    grid = ViewGrid(azimuth_deg=120, width=300, height=32, far=50)
    layout = FeatureLayout(grid=grid, method="liploc", stride=25, pool=1, channels=16)
    embeddings = rng.normal(0, 0.1, (2, 1, 36, 16)).astype(np.float32)
    described = describe_headings(np.stack([quantize_features(e) for e in embeddings]), layout)
    assert np.allclose(described, embeddings.reshape(72, 16), atol=1e-4)
    assert np.allclose(describe(embeddings[1][:, 3:4], 1), described[36 + 3], atol=1e-4)
    assert layout.heading_yaw(np.array([12, 21])) == pytest.approx([0, -np.pi / 2])


@pytest.mark.slow
def test_search_finds_what_comparing_with_everything_finds(plain_map):
    features = np.asarray(plain_map.features.array[60][:, 56:88], np.float32)
    descriptors = describe_headings(np.asarray(plain_map.features.array), plain_map.manifest.layout)
    best = int(np.argmax(descriptors @ describe(features, 1)))
    found = plain_map.index.search(features, 5)
    assert (found[0].place, found[0].heading) == divmod(best, 144) == (60, 56)


def test_few_descriptors_are_indexed_uncompressed(rng):
    features = rng.integers(-127, 128, (2, 8, 144, 32)).astype(np.int8)
    layout = FeatureLayout(grid=ViewGrid(), stride=8, pool=2, channels=32)
    found = PlaceIndex.build(features, layout, 256).search(features[1][:, 20:52].astype(np.float32), 1)
    assert (found[0].place, found[0].heading) == (1, 10) and found[0].score == pytest.approx(1)


def test_a_saved_map_is_the_same_when_loaded(saved_map, demo_map, bundle):
    loaded = LidarMap.load(saved_map, bundle)
    places = np.arange(loaded.manifest.places)
    assert np.array_equal(loaded.features.panoramas(places), demo_map.features.panoramas(places))
    assert np.abs(loaded.T_map_base - demo_map.T_map_base)[:, :3, 3].max() < 1e-4
    assert np.abs(loaded.T_map_base - demo_map.T_map_base)[:, :3, :3].max() < 1e-6
    assert loaded.manifest.confidence_model == bundle.spec.confidence_model


def test_stored_points_are_the_scans_to_a_centimetre(demo_map, demo_scan):
    stored = demo_map.keyframe_points(0)
    distance = np.linalg.norm(stored[:50, None, :3] - demo_scan[None, :, :3], axis=-1).min(axis=1)
    assert distance.max() < 0.01 and 0.2 < len(stored) / len(demo_scan) < 1


def test_a_missing_map_is_named_with_what_to_do(tmp_path):
    with pytest.raises(MapError, match=r"nowhere: no map here .*liploc map build"):
        LidarMap.load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "name", ["features.npy", "returned.npy", "descriptors.npy", "places.npy", "points.bin", "keyframes.npy"]
)
def test_a_flipped_byte_is_found_and_the_file_named(saved_map, name):
    data = bytearray((saved_map / TILE / name).read_bytes())
    data[len(data) // 2] ^= 1
    (saved_map / TILE / name).write_bytes(data)
    with pytest.raises(MapError, match=f"{name}: damaged"):
        LidarMap.load(saved_map)


@pytest.mark.slow
def test_a_lost_index_of_features_that_are_not_coded_is_made_again(plain_map, tmp_path):
    saved = plain_map.save(tmp_path / "map").path
    (saved / "index.faiss").unlink()
    features = np.asarray(plain_map.features.array[30][:, 12:44], np.float32)
    assert LidarMap.load(saved).index.search(features, 1)[0].place == 30


def test_a_map_of_another_model_is_refused_with_both_names(saved_map, bundle):
    write_manifest(saved_map, read_manifest(saved_map).model_copy(update={"model_id": "0" * 64}))
    with pytest.raises(MapError, match=f"model 000000000000 .* this is {bundle.id[:12]}"):
        LidarMap.load(saved_map, bundle)


def test_a_map_of_a_newer_format_is_refused(saved_map):
    change_manifest(saved_map, format_version=99, something_new=1)
    with pytest.raises(MapError, match=f"format 99, this version reads up to {FORMAT_VERSION}: update"):
        LidarMap.load(saved_map)


def test_a_folder_that_is_no_map_is_not_replaced(tmp_path, demo_map):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(FileError, match=r"exists and has no manifest\.json"):
        demo_map.save(tmp_path)
    assert (tmp_path / "thesis.tex").exists()


def test_no_keyframes_make_no_map(bundle):
    with pytest.raises(MapError, match="no keyframes"):
        build_map_from_keyframes([], bundle, MapConfig())


def test_killing_a_save_leaves_the_previous_map_whole(saved_map):
    """A real process is killed with SIGKILL after it has written some of the files."""
    before = LidarMap.load(saved_map).id
    code = f"""
        import os, signal, numpy
        from pathlib import Path
        from liploc_ros.mapping import LidarMap
        lidar_map, save = LidarMap.load(Path({str(saved_map)!r})), numpy.save
        def save_then_die(file, array, **options):
            save(file, array, **options)
            if "keyframes" in str(file):
                os.kill(os.getpid(), signal.SIGKILL)
        numpy.save = save_then_die
        lidar_map.save(Path({str(saved_map)!r}))
    """
    died = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False)
    assert died.returncode == -9
    assert LidarMap.load(saved_map).id == before


def test_a_save_killed_between_its_renames_is_taken_up_again(saved_map):
    before = LidarMap.load(saved_map).id
    saved_map.rename(saved_map.with_name(f".{saved_map.name}.old"))
    assert LidarMap.load(saved_map).id == before


def test_a_save_after_such_a_kill_keeps_a_whole_map_all_the_time(saved_map, demo_map, monkeypatch):
    before = LidarMap.load(saved_map).id
    saved_map.rename(saved_map.with_name(f".{saved_map.name}.old"))
    monkeypatch.setattr(np, "save", lambda *a, **k: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(FileError, match="No space left on device"):
        demo_map.save(saved_map)
    assert LidarMap.load(saved_map).id == before


def test_what_a_killed_save_left_behind_is_removed_by_the_next(saved_map, demo_map):
    left = saved_map.with_name(f".{saved_map.name}.new-999999999-x")
    left.mkdir()
    demo_map.save(saved_map)
    assert not left.exists()


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY\x01\x00"])
def test_an_array_that_was_damaged_before_its_checksum_is_one_line(saved_map, damage):
    (saved_map / TILE / "features.npy").write_bytes(damage)
    with pytest.raises(MapError, match="build the map again"):
        LidarMap.load(saved_map, verify=False)


def test_an_array_of_another_shape_is_refused(saved_map):
    np.save(saved_map / TILE / "features.npy", np.zeros((3, 3), np.int8))
    with pytest.raises(MapError, match=r"features\.npy: int8 of shape \(3, 3\)"):
        LidarMap.load(saved_map, verify=False)


@pytest.mark.parametrize("text", [b"\xff\xfe\x00", b"{", b"[]", b"{}"])
def test_a_manifest_that_is_none_is_one_line(saved_map, text):
    (saved_map / "manifest.json").write_bytes(text)
    with pytest.raises(MapError, match=r"manifest\.json: .*again"):
        LidarMap.load(saved_map)


def test_loading_and_searching_do_not_change_the_map(saved_map, bundle):
    before = contents(saved_map)
    LidarMap.load(saved_map, bundle)
    assert before == contents(saved_map)


def contents(folder):
    return {f: (f.read_bytes(), f.stat().st_mtime_ns) for f in folder.rglob("*") if f.is_file()}


def change_manifest(path, **changes):
    manifest = json.loads((path / "manifest.json").read_text()) | changes
    (path / "manifest.json").write_text(json.dumps(manifest))


def test_the_index_has_every_fourth_heading_and_reads_indices_with_all_of_them(plain_map, bundle, tmp_path):
    every = PlaceIndex.build(plain_map.features.array, bundle.spec, 256, heading_step=1)
    every.save(tmp_path / "index.faiss")
    read = PlaceIndex.load(tmp_path / "index.faiss", bundle.spec, every.places)
    assert (plain_map.index.heading_step, read.heading_step, read.headings) == (4, 1, bundle.spec.headings)
    view = np.asarray(plain_map.features.array[30][:, 24:56], np.float32)
    assert {
        (index.search(view, 1)[0].place, index.search(view, 1)[0].heading) for index in (plain_map.index, read)
    } == {(30, 24)}


def test_an_indexed_heading_stands_for_those_around_it_when_headings_are_restricted(plain_map, bundle):
    view = np.asarray(plain_map.features.array[30][:, 24:56], np.float32)
    allowed = np.zeros((len(plain_map.features.array), bundle.spec.headings), np.bool_)
    allowed[30, 25] = True
    assert [(c.place, c.heading) for c in plain_map.index.search(view, 5, allowed)] == [(30, 24)]


@pytest.mark.slow
def test_compressed_descriptors_rank_as_their_products_do(plain_map):
    """Descriptors of a map have much in common; a compression that took it off would rank by another product."""
    manifest = plain_map.manifest
    features = np.asarray(plain_map.features.array)
    descriptors = describe_headings(features, manifest.layout)
    views = [features[place][:, 56:88].astype(np.float32) + 40 for place in range(5, len(features), 20)]
    for view in views:
        products = descriptors @ describe(view, manifest.pool)
        found = plain_map.index.search(view, 1)[0]
        assert products[found.place * manifest.layout.headings + found.heading] > products.max() - 0.02
