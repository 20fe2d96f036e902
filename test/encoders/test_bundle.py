"""The default model bundle and its encoders."""

import json
import shutil

import numpy as np
import pytest

from liploc_ros.encoders import DEFAULT_BUNDLE, ModelBundle, ModelError, camera_input, lidar_input
from liploc_ros.encoders.bundle import ADDED_FIELDS
from liploc_ros.views import CameraViewer, Panorama, ViewError, WholeImageViewer, draw_panorama


def test_the_default_bundle_is_small_and_says_where_it_comes_from(bundle):
    assert sum(f.stat().st_size for f in DEFAULT_BUNDLE.iterdir()) <= 2_000_000
    assert "CC BY-NC-SA 3.0" in bundle.spec.licence and "2011_09_26_drive_0013" in bundle.spec.training.drives


def test_cells_have_a_length_where_something_is_seen_and_are_zero_elsewhere(bundle, demo_image, demo_camera, demo_scan):
    """The LiDAR's are unit vectors; from the camera's, what all images have in common is taken off."""
    view = CameraViewer(bundle.spec.grid, demo_camera).draw(demo_image)
    length = np.linalg.norm(bundle.encoders().encode_camera(view), axis=-1)
    assert length.shape == (8, 32) and np.all((length == 0) | ((length > 0.6) & (length < 1.3)))
    assert (length > 0).mean() == pytest.approx(view.mask.mean(), abs=0.1)
    around = np.linalg.norm(bundle.encoders().encode_panorama(draw_panorama(demo_scan, bundle.spec.grid)), axis=-1)
    assert np.all((around == 0) | np.isclose(around, 1, atol=1e-3)) and (around > 0).mean() > 0.5


def test_a_panorama_closes_all_round(bundle, demo_scan):
    """Turned by whole cells, a panorama gives the same cells, turned: there is no seam."""
    encoders, view = bundle.encoders(), draw_panorama(demo_scan, bundle.spec.grid)
    turned = Panorama(np.roll(view.range, 160, axis=1), np.roll(view.reflectance, 160, axis=1))
    features, cells_turned = encoders.encode_panorama(view), encoders.encode_panorama(turned)
    cosine = (np.roll(features, 20, axis=1) * cells_turned).sum(-1)[np.linalg.norm(cells_turned, axis=-1) > 0]
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


@pytest.mark.parametrize("name", ["camera.onnx", "lidar.onnx"])
def test_a_damaged_network_is_refused_by_name(tmp_path, name):
    path = shutil.copytree(DEFAULT_BUNDLE, tmp_path / "bundle")
    data = bytearray((path / name).read_bytes())
    data[1000] ^= 1
    (path / name).write_bytes(data)
    with pytest.raises(ModelError, match=f"{name}: checksum"):
        ModelBundle.load(path)


def test_a_bundle_with_an_unknown_key_is_refused(tmp_path):
    path = shutil.copytree(DEFAULT_BUNDLE, tmp_path / "bundle")
    spec = json.loads((path / "model.json").read_text()) | {"colour": "blue"}
    (path / "model.json").write_text(json.dumps(spec))
    with pytest.raises(ModelError, match=r"model\.json: colour"):
        ModelBundle.load(path)


def test_no_bundle_is_one_clear_line(tmp_path):
    with pytest.raises(ModelError, match="no model bundle here"):
        ModelBundle.load(tmp_path)


def test_acceptance_can_change_without_making_maps_void(tmp_path, bundle):
    path = shutil.copytree(DEFAULT_BUNDLE, tmp_path / "bundle")
    spec = json.loads((path / "model.json").read_text())
    spec["acceptance"]["min_score"] = 0.123
    (path / "model.json").write_text(json.dumps(spec))
    assert ModelBundle.load(path).id == bundle.id


def test_maps_made_before_a_setting_was_added_stay_valid(bundle, tmp_path):
    """A model.json that does not know the settings that were added later has the same id."""
    path = shutil.copytree(DEFAULT_BUNDLE, tmp_path / "bundle")
    spec = json.loads((path / "model.json").read_text())
    for part in ("grid", "inputs"):
        spec[part] = {name: value for name, value in spec[part].items() if name not in ADDED_FIELDS}
    (path / "model.json").write_text(json.dumps(spec))
    assert len(spec["inputs"]) == 5 and ModelBundle.load(path).id == bundle.id


@pytest.mark.parametrize(
    ("part", "change"), [("inputs", {"lidar_empty": 0.5}), ("grid", {"fill_rows": 0}), (None, {"pool": 4})]
)
def test_another_setting_is_another_model(tmp_path, bundle, part, change):
    path = shutil.copytree(DEFAULT_BUNDLE, tmp_path / "bundle")
    spec = json.loads((path / "model.json").read_text())
    (spec if part is None else spec[part]).update(change)
    (path / "model.json").write_text(json.dumps(spec))
    assert ModelBundle.load(path).id != bundle.id


def test_a_bundle_of_whole_images_has_nothing_to_pool(tmp_path):
    path = shutil.copytree(DEFAULT_BUNDLE, tmp_path / "bundle")
    spec = json.loads((path / "model.json").read_text()) | {"method": "liploc", "pool": 2}
    (path / "model.json").write_text(json.dumps(spec))
    with pytest.raises(ModelError, match="pool 2 of method liploc"):
        ModelBundle.load(path)


def test_channels_of_the_lidar_are_those_that_are_named(bundle, demo_scan):
    grid = bundle.spec.grid
    names = {"lidar_channels": ("range", "mask", "range"), "lidar_empty": 0.75, "lidar_scale": (1, 1, 1)}
    spec = bundle.spec.inputs.model_copy(update=names | {"lidar_shift": (0, 0, 0)})
    panorama = draw_panorama(demo_scan, grid)
    first, second, third = lidar_input(panorama, grid, spec)
    assert np.allclose(first, np.where(panorama.mask, panorama.range / grid.far, 0.75)) and np.array_equal(first, third)
    assert np.array_equal(second, panorama.mask)


def test_a_whole_image_is_scaled_and_all_of_it_seen(demo_image, demo_camera):
    viewer = WholeImageViewer(demo_camera, 224)
    view = viewer.draw(demo_image)
    assert view.image.shape == (224, 224, 3) and view.mask.all()
    assert view.image.mean((0, 1)) == pytest.approx(demo_image.mean((0, 1)), abs=0.5)
    assert np.ptp(viewer.draw(demo_image[..., 0]).image, axis=-1).max() == 0
    with pytest.raises(ViewError, match="calibrated for"):
        viewer.draw(demo_image[:-1])
