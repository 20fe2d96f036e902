# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The default model bundle and its encoders."""

import json
import shutil

import numpy as np
import pytest

from liploc_ros.encoders import DEFAULT_BUNDLE, ModelBundle, ModelError, camera_input, lidar_input
from liploc_ros.encoders.bundle import ADDED_FIELDS
from liploc_ros.encoders.inputs import panorama_input
from liploc_ros.encoders.onnx import OnnxEncoder
from liploc_ros.encoders.parity import min_cosine
from liploc_ros.encoders.spec import FILES, FP16_FILES
from liploc_ros.views import CameraViewer, Panorama, ViewError, WholeImageViewer, draw_panorama


def test_the_default_bundle_is_small_and_names_its_training_data(bundle):
    assert sum(f.stat().st_size for f in DEFAULT_BUNDLE.iterdir()) <= 4_100_000
    assert "CC BY-NC-SA 3.0" in bundle.spec.licence and "2011_09_26_drive_0013" in bundle.spec.training.drives


def test_features_are_zero_where_nothing_is_seen(bundle, demo_image, demo_camera, demo_scan):
    """LiDAR features are unit vectors; camera features are not, because the mean over all images is subtracted."""
    view = CameraViewer(bundle.spec.grid, demo_camera).draw(demo_image)
    length = np.linalg.norm(bundle.encoders().encode_camera(view), axis=-1)
    assert length.shape == (8, 32) and np.all((length == 0) | ((length > 0.6) & (length < 1.3)))
    assert (length > 0).mean() == pytest.approx(view.mask.mean(), abs=0.1)
    length = np.linalg.norm(bundle.encoders().encode_panorama(draw_panorama(demo_scan, bundle.spec.grid)), axis=-1)
    assert np.all((length == 0) | np.isclose(length, 1, atol=1e-3)) and (length > 0).mean() > 0.5


def test_a_panorama_wraps_around_360_degrees(bundle, demo_scan):
    """A panorama rotated by whole cells has the same features, rotated: it has no seam."""
    encoders, view = bundle.encoders(), draw_panorama(demo_scan, bundle.spec.grid)
    rotated = Panorama(np.roll(view.range, 160, axis=1), np.roll(view.reflectance, 160, axis=1))
    features, rotated_features = encoders.encode_panorama(view), encoders.encode_panorama(rotated)
    cosine = (np.roll(features, 20, axis=1) * rotated_features).sum(-1)[np.linalg.norm(rotated_features, axis=-1) > 0]
    assert features.shape == (8, 144, 32) and cosine.min() > 0.99


def test_inputs_follow_the_formulas_of_the_bundle(bundle, demo_scan, demo_image, demo_camera):
    spec, grid = bundle.spec.inputs, bundle.spec.grid
    view, panorama = CameraViewer(grid, demo_camera).draw(demo_image), draw_panorama(demo_scan, grid)
    image, cloud = camera_input(view, spec), lidar_input(panorama, grid, spec)
    v, u = np.argwhere(view.mask)[1000]
    assert np.allclose(image[:, v, u], (view.image[v, u] / 255 - spec.camera_mean) / spec.camera_std, atol=1e-4)
    assert not image[:, ~view.mask].any()
    v, u = np.argwhere(panorama.mask)[1000]
    log_range = np.log(panorama.range[v, u] / grid.near) / np.log(grid.far / grid.near)
    assert cloud[:, v, u] == pytest.approx([log_range * 4 - 2, panorama.reflectance[v, u] * 4 - 1, 1], abs=1e-4)


@pytest.mark.parametrize("name", [*FILES.values(), *FP16_FILES.values()])
def test_a_damaged_network_is_refused_by_name(tmp_path, name):
    path = shutil.copytree(DEFAULT_BUNDLE, tmp_path / "bundle")
    data = bytearray((path / name).read_bytes())
    data[1000] ^= 1
    (path / name).write_bytes(data)
    with pytest.raises(ModelError, match=f"{name}: checksum"):
        ModelBundle.load(path)


def test_a_missing_fp16_file_that_the_bundle_lists_is_refused_by_name(tmp_path):
    path = shutil.copytree(DEFAULT_BUNDLE, tmp_path / "bundle")
    (path / "lidar_fp16.onnx").unlink()
    with pytest.raises(ModelError, match=r"lidar_fp16\.onnx: cannot be read"):
        ModelBundle.load(path)


def test_a_bundle_without_fp16_files_has_the_same_id_so_that_maps_stay_valid(bundle, bundle_without_fp16, demo_map):
    assert bundle.spec.has_fp16 and not bundle_without_fp16.spec.has_fp16
    assert bundle_without_fp16.id == bundle.id == demo_map.manifest.model_id


def test_every_feature_of_the_demo_is_the_same_in_fp16(bundle, demo_drive, demo_camera):
    viewer, spec = CameraViewer(bundle.spec.grid, demo_camera), bundle.spec
    images = (frame.images[demo_camera.frame_id]() for frame in demo_drive.images())
    panoramas = (draw_panorama(frame.read_points(), spec.grid) for frame in demo_drive.scans())
    views = {
        "camera": [camera_input(viewer.draw(image), spec.inputs) for image in images],
        "lidar": [panorama_input(panorama, spec) for panorama in panoramas],
    }
    for part in FILES:
        fp32, fp16 = (OnnxEncoder(bundle.path / files[part]) for files in (FILES, FP16_FILES))
        cosines = [min_cosine(fp16.encode(view[None]), fp32.encode(view[None])) for view in views[part]]
        assert len(cosines) >= 17 and min(cosines) >= 0.999


def test_a_bundle_with_an_unknown_key_is_refused(tmp_path):
    path = shutil.copytree(DEFAULT_BUNDLE, tmp_path / "bundle")
    spec = json.loads((path / "model.json").read_text()) | {"colour": "blue"}
    (path / "model.json").write_text(json.dumps(spec))
    with pytest.raises(ModelError, match=r"model\.json: colour"):
        ModelBundle.load(path)


def test_a_folder_without_a_bundle_is_refused(tmp_path):
    with pytest.raises(ModelError, match="no model bundle here"):
        ModelBundle.load(tmp_path)


def test_another_confidence_model_does_not_change_the_id_of_a_bundle(tmp_path, bundle):
    path = shutil.copytree(DEFAULT_BUNDLE, tmp_path / "bundle")
    spec = json.loads((path / "model.json").read_text())
    spec["confidence_model"]["min_score"] = 0.123
    (path / "model.json").write_text(json.dumps(spec))
    assert ModelBundle.load(path).id == bundle.id


def test_a_setting_that_was_added_later_does_not_change_the_id_of_a_bundle(bundle, tmp_path):
    """A model.json without these settings has the same id, so that maps stay valid."""
    path = shutil.copytree(DEFAULT_BUNDLE, tmp_path / "bundle")
    spec = json.loads((path / "model.json").read_text())
    for part in ("grid", "inputs"):
        spec[part] = {name: value for name, value in spec[part].items() if name not in ADDED_FIELDS}
    (path / "model.json").write_text(json.dumps(spec))
    assert len(spec["inputs"]) == 5 and ModelBundle.load(path).id == bundle.id


@pytest.mark.parametrize(
    ("part", "change"), [("inputs", {"lidar_empty": 0.5}), ("grid", {"fill_rows": 0}), (None, {"pool": 4})]
)
def test_another_value_of_a_setting_changes_the_id_of_a_bundle(tmp_path, bundle, part, change):
    path = shutil.copytree(DEFAULT_BUNDLE, tmp_path / "bundle")
    spec = json.loads((path / "model.json").read_text())
    (spec if part is None else spec[part]).update(change)
    (path / "model.json").write_text(json.dumps(spec))
    assert ModelBundle.load(path).id != bundle.id


def test_a_bundle_of_whole_images_cannot_pool_cells(tmp_path):
    path = shutil.copytree(DEFAULT_BUNDLE, tmp_path / "bundle")
    spec = json.loads((path / "model.json").read_text()) | {"method": "liploc", "pool": 2}
    (path / "model.json").write_text(json.dumps(spec))
    with pytest.raises(ModelError, match="pool 2 with method liploc"):
        ModelBundle.load(path)


def test_the_lidar_channels_are_those_that_the_bundle_names(bundle, demo_scan):
    grid = bundle.spec.grid
    names = {"lidar_channels": ("range", "mask", "range"), "lidar_empty": 0.75, "lidar_scale": (1, 1, 1)}
    spec = bundle.spec.inputs.model_copy(update=names | {"lidar_shift": (0, 0, 0)})
    panorama = draw_panorama(demo_scan, grid)
    first, second, third = lidar_input(panorama, grid, spec)
    assert np.allclose(first, np.where(panorama.mask, panorama.range / grid.far, 0.75)) and np.array_equal(first, third)
    assert np.array_equal(second, panorama.mask)


def test_a_whole_image_is_scaled_and_fully_visible(demo_image, demo_camera):
    viewer = WholeImageViewer(demo_camera, 224)
    view = viewer.draw(demo_image)
    assert view.image.shape == (224, 224, 3) and view.mask.all()
    assert view.image.mean((0, 1)) == pytest.approx(demo_image.mean((0, 1)), abs=0.5)
    assert np.ptp(viewer.draw(demo_image[..., 0]).image, axis=-1).max() == 0
    with pytest.raises(ViewError, match="calibrated for"):
        viewer.draw(demo_image[:-1])
