# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Samples, encoders and training of LIP-Loc's method (`pip install .[train]`)."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make train installs it")

from support.kitti_maker import make_drive  # noqa: E402

from liploc_ros.datasets import open_drive  # noqa: E402
from liploc_ros.learning.liploc.augmentation import coarse_dropout  # noqa: E402
from liploc_ros.learning.liploc.method import LiplocMethod  # noqa: E402
from liploc_ros.learning.liploc.network import ImageEncoder, TrunkError  # noqa: E402
from liploc_ros.learning.liploc.samples import DrawnSamples, LiplocSample  # noqa: E402
from liploc_ros.learning.method import RANDOM  # noqa: E402
from liploc_ros.learning.recipe import RecipeError, recipe_names  # noqa: E402
from liploc_ros.learning.registry import read_recipe  # noqa: E402
from liploc_ros.learning.trainer import Trainer  # noqa: E402
from liploc_ros.views import draw_panorama  # noqa: E402

TINY = {"encoder": "test_resnet", "batch": 4, "headings": 9, "min_negative_distance": 0.5}


def test_the_range_image_equals_the_projection_of_the_paper(demo_scan):
    """The published projection, point by point: 64 x 900, nearest point per pixel, middle third and upper half."""
    grid = read_recipe("liploc").grid
    whole = np.zeros((64, 900), np.float32)
    for point in demo_scan[:, :3].astype(np.float64):
        distance = np.linalg.norm(point)
        u = int(0.5 * (1 - np.arctan2(point[1], point[0]) / np.pi) * 900) % 900
        v = int(np.floor((1 - (np.rad2deg(np.arcsin(point[2] / distance)) + 25) / 28) * 64))
        if grid.near < distance < 50 and 0 <= v < 64 and (whole[v, u] == 0 or distance < whole[v, u]):
            whole[v, u] = distance
    drawn = draw_panorama(demo_scan, grid).facing(grid, 0.0).range
    assert drawn.shape == (32, 300) and (drawn > 0).mean() > 0.2
    assert np.isclose(drawn, whole[:32, 300:600], atol=2e-3).mean() > 0.999  # except for rounding at pixel borders


def test_samples_store_the_range_image_of_a_map_in_eight_bits(tmp_path):
    recipe = read_recipe("liploc", TINY)
    drive = open_drive(make_drive(tmp_path, frames=3))
    samples = DrawnSamples(drive, recipe.grid, (0,), 224)
    frame = drive.frames[1]
    points = (drive.T_base_lidar[:3, :3] @ frame.read_points()[:, :3].T).T
    drawn = draw_panorama(points, recipe.grid).facing(recipe.grid, 0.0)
    stored = samples[1].panorama(0, recipe.grid)
    assert samples[1].image.shape == (224, 224, 3) and samples[1].lidar[0].dtype == np.uint8
    assert np.abs(stored.range - drawn.range).max() <= 50 / 255 and np.array_equal(stored.mask, drawn.mask)


def sample(rng, place=0.0, side=224):
    T_map_base = np.eye(4)
    T_map_base[0, 3] = place
    image = np.kron(rng.integers(0, 255, (4, 4, 3)), np.ones((side // 4, side // 4, 1))).astype(np.uint8)
    ranges = np.kron(rng.integers(0, 255, (4, 4)), np.ones((8, 75))).astype(np.uint8)
    return LiplocSample("d", T_map_base, image, {0.0: ranges})


def test_pixels_without_a_return_are_zero_and_masked_or_251_as_released(rng):
    one = sample(rng)
    one.lidar[0.0][:2] = 0
    (ours,), (released,) = (
        LiplocMethod(read_recipe(name, TINY)).batch([one], None).lidar for name in ("liploc", "liploc_released")
    )
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    assert ours[:, 0, 0].numpy() == pytest.approx((0 - mean) / std, abs=1e-4)
    assert released[:, 0, 0].numpy() == pytest.approx((251 / 255 - mean) / std, abs=1e-4)
    assert ours[2, 10, 0].item() == pytest.approx((1 - mean[2]) / std[2], abs=1e-4)
    assert torch.allclose(ours[:2, 10, 0], released[:2, 10, 0])


def test_rectangles_are_dropped_in_nine_of_ten_inputs(rng):
    view = np.ones((3, 224, 224), np.float32)
    dropped = np.array([1 - coarse_dropout(view, rng, 0.9).mean() for _ in range(300)])
    assert (dropped > 0).mean() == pytest.approx(0.9, abs=0.06) and dropped.max() <= 5 * (100 / 224) ** 2
    assert dropped[dropped > 0].mean() == pytest.approx(0.4, abs=0.05) and view.all()


def test_embeddings_are_unit_vectors_unless_as_released():
    views = torch.randn(2, 3, 32, 300, generator=torch.Generator().manual_seed(0))
    for normalize in (True, False):
        encoder = ImageEncoder("test_resnet", RANDOM, 224, scaling="nearest", normalize=normalize).eval()
        with torch.inference_mode():
            features = encoder(views)
        length = features.norm(dim=1)
        assert features.shape == (2, 256, 1, 1) and torch.allclose(length, torch.ones(2, 1, 1), atol=1e-3)
        encoder.norm.weight.data *= 2
        with torch.inference_mode():
            assert torch.allclose(
                encoder(views).norm(dim=1), torch.full((2, 1, 1), 1.0 if normalize else 2.0), atol=0.01
            )


def test_transformers_use_the_input_size_of_the_recipe():
    encoder = ImageEncoder("test_vit", RANDOM, 96, 32).eval()
    assert encoder(torch.zeros(1, 3, 96, 96)).shape == (1, 32, 1, 1)


def test_trunk_weights_are_loaded_without_the_classifier_and_other_weights_are_refused(tmp_path):
    import timm
    from safetensors.torch import save_file

    whole = timm.create_model("test_resnet", pretrained=False)
    save_file(whole.state_dict(), tmp_path / "own.safetensors")
    trunk = ImageEncoder("test_resnet", tmp_path / "own.safetensors", 224).trunk
    assert all(torch.equal(v, whole.state_dict()[k]) for k, v in trunk.state_dict().items())
    with pytest.raises(TrunkError, match=r"own\.safetensors: not the weights of test_vit"):
        ImageEncoder("test_vit", tmp_path / "own.safetensors", 160)


def test_an_encoder_that_timm_does_not_know_is_refused():
    with pytest.raises(TrunkError, match="'resnet5000' is not known to timm"):
        ImageEncoder("resnet5000", RANDOM, 224)


@pytest.mark.parametrize("name", [name for name in recipe_names() if name.startswith("liploc")])
def test_the_parameter_groups_of_every_recipe_contain_all_parameters(name):
    method = LiplocMethod(read_recipe(name, {"encoder": "test_resnet"}))
    model = method.model(RANDOM)
    grouped = {id(p) for group in method.parameter_groups(model) for p in group["params"]}
    assert grouped == {id(p) for p in model.parameters()}


def test_without_crop_and_threshold_the_whole_range_image_is_used():
    grid = read_recipe("liploc", {"fov_crop": False, "range_threshold": None}).grid
    assert (grid.height, grid.width, grid.panorama_width, grid.far) == (64, 900, 900, 120)
    assert grid.columns_facing(0.0)[450] == 450


def test_headings_without_one_straight_ahead_are_refused():
    with pytest.raises(RecipeError, match="10 headings: none faces straight ahead"):
        read_recipe("liploc", {"headings": 10})


def test_the_loss_of_one_repeated_batch_falls(rng):
    samples = [sample(rng, 10.0 * i, side=64) for i in range(6)]
    quick = {"batch": 6, "image": 64, "steps": 30, "dropout": 0, "camera_trunk_rate": 1e-3, "lidar_trunk_rate": 1e-3}
    recipe = read_recipe("liploc", TINY | quick)
    trainer = Trainer(LiplocMethod(recipe), recipe, RANDOM)
    batch = trainer.method.batch(samples, rng)
    losses = [trainer.train_step(batch).item() for _ in range(recipe.steps)]
    assert losses[0] > 1 and losses[-1] < 0.3
