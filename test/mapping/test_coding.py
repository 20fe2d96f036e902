# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The coding of features and descriptors: what it loses, how it is stored, and maps that are coded."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from liploc_ros.encoders import DEFAULT_BUNDLE, ModelBundle, ModelError
from liploc_ros.encoders.coding import CODING_FILE, DescriptorCoding, FeatureCoding, MapCoding
from liploc_ros.localization import Localizer, Status
from liploc_ros.mapping import LidarMap, MapError
from liploc_ros.mapping.feature_table import CodedFeatures, CodedPanoramas, PlainFeatures
from liploc_ros.mapping.features import describe_headings, unit_features
from liploc_ros.mapping.fit_coding import CodingError, fit_map_coding


@pytest.fixture(scope="module")
def coding(plain_map):
    """Fitted to the demo's own map, every second place."""
    features, layout = plain_map.features.array[::2], plain_map.manifest.layout
    blocks = unit_features(features).transpose(0, 2, 1, 3).reshape(-1, 4, 8, 32)
    descriptors = describe_headings(features, layout)[::4]
    return MapCoding(FeatureCoding.fit(blocks, 192, 64), DescriptorCoding.fit(descriptors, 64, 32))


@pytest.fixture(scope="module")
def coded_map(plain_map, coding):
    return plain_map.coded(coding)


@pytest.fixture
def coded_bundle(coding, tmp_path):
    return ModelBundle.load(shutil.copytree(DEFAULT_BUNDLE, tmp_path / "model")).write_coding(coding)


def test_decoded_features_resemble_the_original_ones(plain_map, coded_map):
    places = np.arange(1, 40, 6)
    original = unit_features(plain_map.features.panoramas(places))
    decoded = unit_features(coded_map.features.panoramas(places))
    returned = original.any(axis=-1)
    cosine = np.sum(original * decoded, axis=-1)[returned]
    assert cosine.mean() > 0.9 and not decoded[~returned].any()
    assert np.linalg.norm(decoded, axis=-1)[returned].mean() == pytest.approx(1, abs=0.03)


def test_a_coded_map_takes_a_fifteenth_of_the_features(plain_map, coded_map):
    part = coded_map.features.parts[0]
    assert 15 * (part.codes.nbytes + part.returned.nbytes) < plain_map.features.array.nbytes
    assert part.codes.shape == (len(plain_map.features), 36, 64) and part.returned.shape[1:] == (144, 1)
    assert coded_map.features.shape == plain_map.features.shape


def test_products_with_windows_are_those_with_decoded_features(coded_map, rng):
    """Windows that begin at, and within, a block; the first continues at the end of the panorama."""
    table, view = coded_map.features, rng.normal(size=(8, 30, 32)).astype(np.float32)
    places, first = np.array([3, 50, 50, 7]), np.array([130, 8, 9, 7])
    windows = table.windows(places, first, 30)
    decoded = table.panoramas(places) / np.float32(127)
    columns = (first[:, None] + np.arange(30)) % 144
    shown = np.stack([panorama[:, row] for panorama, row in zip(decoded, columns, strict=True)])
    assert table.sum_products(view, windows) == pytest.approx(np.sum(view * shown, axis=(1, 2, 3)), abs=0.5)
    assert np.array_equal(windows.returned, shown.any(axis=-1).transpose(0, 2, 1))
    units, _ = table.unit_windows(places, first, 30)
    lengths = np.linalg.norm(shown, axis=-1, keepdims=True)
    assert units.transpose(0, 2, 1, 3) == pytest.approx(shown / np.maximum(lengths, 1e-9), abs=0.02)


def test_several_parts_give_what_one_part_gives(coded_map, coding):
    whole, part = coded_map.features, coded_map.features.parts[0]
    cuts = [slice(0, 40), slice(40, 41), slice(41, None)]
    parts = CodedFeatures([CodedPanoramas(part.codes[c], part.returned[c]) for c in cuts], coding.features)
    places, first = np.array([60, 39, 40, 41, 0]), np.array([0, 140, 5, 70, 143])
    for one, other in zip(whole.windows(places, first, 38), parts.windows(places, first, 38), strict=True):
        assert np.array_equal(one, other)
    assert len(parts) == len(whole)


def test_the_code_of_a_place_does_not_depend_on_the_other_places(plain_map, coded_map, coding):
    alone = CodedPanoramas.of([unit_features(plain_map.features.array[17])], coding.features)
    assert np.array_equal(alone.codes[0], coded_map.features.parts[0].codes[17])


def test_images_are_found_on_a_coded_map(coded_map, bundle, demo_drive, demo_camera):
    localizer = Localizer(coded_map, bundle)
    for frame in list(demo_drive.images())[::12]:
        found = localizer.localize(frame.images[demo_camera.frame_id](), demo_camera, frame.stamp_ns)
        assert np.linalg.norm(found.best.T_map_base[:2, 3] - frame.T_map_base[:2, 3]) < 2
        assert found.status in (Status.SUCCESS, Status.UNKNOWN_PLACE)


def test_a_coded_index_is_searched_only_where_allowed(coded_map, plain_map):
    view = unit_features(plain_map.features.array[30][:, 24:56])
    allowed = np.zeros((len(plain_map.features), plain_map.manifest.layout.headings), np.bool_)
    allowed[10:14, 10:15] = True
    assert coded_map.index.search(view, 1)[0].place == 30
    found = coded_map.index.search(view, 5, allowed)
    assert found and all(allowed[c.place, c.heading - 2 : c.heading + 2].any() for c in found)


def test_a_coding_is_part_of_the_bundle_but_not_of_its_id(coded_bundle, coding):
    default = ModelBundle.load()
    assert coded_bundle.id == default.id and coded_bundle.coding.id == coding.id
    assert coded_bundle.without_coding().coding is None
    codes = coded_bundle.coding.features.encode(np.ones((8, 144, 32), np.float32))
    assert np.array_equal(codes, coding.features.encode(np.ones((8, 144, 32), np.float32)))
    assert coding.to_bytes() == coded_bundle.coding.to_bytes()


def test_maps_of_the_older_coding_are_still_read(coding, coded_map, plain_map, coded_bundle, tmp_path):
    coded_map.save(tmp_path / "map")
    columns = unit_features(plain_map.features.array[::4]).transpose(0, 2, 1, 3).reshape(-1, 1, 8, 32)
    newer = MapCoding(FeatureCoding.fit(columns, 32, 16), coding.descriptors, coding.features)
    bundle = coded_bundle.write_coding(newer)
    assert bundle.coding.id == newer.id != coding.id
    assert LidarMap.load(tmp_path / "map", bundle).features.parts[0].codes.shape[1:] == (36, 64)
    assert bundle.coding.of_map("another") is None


def test_a_coding_that_is_fitted_again_can_keep_the_maps_of_the_model(coding, coded_bundle, demo_drive, monkeypatch):
    monkeypatch.setattr("liploc_ros.mapping.fit_coding.MAX_BLOCKS", 2_000)
    fitted = fit_map_coding([demo_drive], coded_bundle, keep_maps=True)
    assert fitted.id != coding.id and fitted.of_map(coding.id).features is coded_bundle.coding.features
    with pytest.raises(CodingError, match="no coding that could be kept: leave out --keep-maps"):
        fit_map_coding([demo_drive], coded_bundle.without_coding(), keep_maps=True)


def test_features_of_another_shape_than_the_coding_has_are_refused(coded_map, coded_bundle):
    tile = next(coded_map.tiles())
    cut = replace(tile, panoramas=replace(tile.panoramas, codes=tile.panoramas.codes[:, :-1]))
    with pytest.raises(MapError, match="the coding has"):
        LidarMap.of_tiles(coded_map.manifest, [cut], coded_bundle)


def test_a_damaged_or_missing_coding_is_refused_by_name(coded_bundle):
    file = coded_bundle.path / CODING_FILE
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(ModelError, match=r"coding\.npz: checksum"):
        ModelBundle.load(coded_bundle.path)
    file.unlink()
    with pytest.raises(ModelError, match=r"coding\.npz: cannot be read"):
        ModelBundle.load(coded_bundle.path)


@pytest.mark.parametrize("content", [b"", b"not a coding", b"PK\x03\x04"])
def test_a_file_that_is_not_a_coding_is_refused_in_one_line(content, bundle, tmp_path):
    (tmp_path / CODING_FILE).write_bytes(content)
    with pytest.raises(ModelError, match="fit the coding again") as error:
        MapCoding.read(tmp_path / CODING_FILE, bundle.spec)
    assert "\n" not in str(error.value)


def test_a_coding_of_another_layout_is_refused(coding, bundle, tmp_path):
    (tmp_path / CODING_FILE).write_bytes(coding.to_bytes())
    other = bundle.spec.model_copy(update={"channels": 16})
    with pytest.raises(ModelError, match="the model's features need"):
        MapCoding.read(tmp_path / CODING_FILE, other)


def test_a_coding_cannot_be_fitted_to_whole_image_embeddings(bundle, demo_drive):
    spec = bundle.spec.model_copy(update={"method": "liploc", "pool": 1})
    with pytest.raises(CodingError, match="whole images"):
        fit_map_coding([demo_drive], replace(bundle, spec=spec))


def test_a_coded_map_is_the_same_when_it_is_saved_and_loaded(coded_map, coded_bundle, tmp_path):
    loaded = LidarMap.load(coded_map.save(tmp_path / "map").path, coded_bundle)
    places = np.arange(len(coded_map.features))
    assert np.array_equal(loaded.features.panoramas(places), coded_map.features.panoramas(places))
    assert np.array_equal(loaded.index.codes, coded_map.index.codes)


def test_integers_give_windows_as_they_are_stored(rng):
    stored = rng.integers(-127, 128, (3, 2, 12, 4)).astype(np.int8)
    stored[1, 0, 3] = 0
    windows = PlainFeatures(stored).windows(np.array([1]), np.array([10]), 6)
    assert np.array_equal(windows.features[0], stored[1][:, [10, 11, 0, 1, 2, 3]].transpose(1, 0, 2))
    assert not windows.returned[0, 5, 0] and windows.returned.sum() == 11
