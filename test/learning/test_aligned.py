# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Training of aligned views (`pip install .[train]`)."""

import shutil

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make train installs it")

from safetensors.torch import save_file  # noqa: E402
from support.kitti_maker import make_drive  # noqa: E402
from typer.testing import CliRunner  # noqa: E402

from liploc_ros.cli.main import app  # noqa: E402
from liploc_ros.datasets import open_drive  # noqa: E402
from liploc_ros.encoders import ModelBundle, ModelError  # noqa: E402
from liploc_ros.files import FileError  # noqa: E402
from liploc_ros.geometry import ViewGrid  # noqa: E402
from liploc_ros.learning.aligned.augmentation import mosaic  # noqa: E402
from liploc_ros.learning.aligned.loss import aligned_view_loss  # noqa: E402
from liploc_ros.learning.aligned.network import CameraCellEncoder, CellEncoder  # noqa: E402
from liploc_ros.learning.aligned.recipe import VirtualViews  # noqa: E402
from liploc_ros.learning.aligned.samples import AlignedSample, DrawnSamples  # noqa: E402
from liploc_ros.learning.confidence import fit_on_held_out  # noqa: E402
from liploc_ros.learning.data.batches import batches  # noqa: E402
from liploc_ros.learning.export.exporter import export_onnx  # noqa: E402
from liploc_ros.learning.method import RANDOM, InputSize  # noqa: E402
from liploc_ros.learning.registry import method_of, read_recipe  # noqa: E402
from liploc_ros.learning.run import TrainingRun  # noqa: E402
from liploc_ros.learning.trainer import Trainer, TrainingError  # noqa: E402
from liploc_ros.localization.calibration.samples import SAMPLES_FILE, load_samples  # noqa: E402
from liploc_ros.views import CameraView, Panorama  # noqa: E402


@pytest.fixture
def samples(rng):
    def sample(i):
        image = rng.integers(0, 255, (64, 256, 3)).astype(np.uint8)
        lidar = Panorama(rng.uniform(2, 50, (64, 320)).astype(np.float32), np.zeros((64, 320), np.float32))
        T_map_base = np.eye(4)
        T_map_base[0, 3] = 10 * i
        return AlignedSample("d", T_map_base, CameraView(image, np.ones((64, 256), bool)), lidar, ())

    return [sample(i) for i in range(8)]


def test_the_loss_is_lowest_if_cells_of_the_same_ray_agree():
    features = torch.nn.functional.normalize(
        torch.randn(4, 32, 8, 32, generator=torch.Generator().manual_seed(0)), dim=1
    )
    mask, ignored, scale = torch.ones(4, 8, 32), torch.zeros(4, 4, dtype=torch.bool), torch.tensor(20.0)
    matching = aligned_view_loss(features, features, mask, ignored, scale)
    assert matching < aligned_view_loss(features, features.roll(1, 0), mask, ignored, scale)
    assert matching < aligned_view_loss(features, features.roll(1, 3), mask, ignored, scale)


def test_the_loss_is_the_weighted_sum_of_its_parts():
    camera, lidar = torch.nn.functional.normalize(torch.randn(2, 3, 32, 8, 32), dim=2)
    pairs = torch.ones(3, 8, 32), torch.zeros(3, 3, dtype=torch.bool), torch.tensor(10.0)

    def loss(frame_weight, view_weight):
        return aligned_view_loss(camera, lidar, *pairs, frame_weight=frame_weight, view_weight=view_weight).item()

    frames, views = loss(1, 0) - loss(0, 0), loss(0, 1) - loss(0, 0)
    assert frames > 0.1 and views > 0.01
    assert loss(0.5, 0.25) == pytest.approx(loss(0, 0) + 0.5 * frames + 0.25 * views, rel=1e-4)


def test_ignored_pairs_do_not_contribute_to_the_loss():
    features = torch.nn.functional.normalize(torch.randn(2, 32, 8, 32), dim=1).requires_grad_()
    other = torch.nn.functional.normalize(torch.randn(2, 32, 8, 32), dim=1)
    ignored = ~torch.eye(2, dtype=torch.bool)
    loss = aligned_view_loss(features[:1], other[:1], torch.ones(1, 8, 32), ignored[:1, :1], torch.tensor(10.0))
    both = aligned_view_loss(features, other, torch.ones(2, 8, 32), ignored, torch.tensor(10.0))
    second = aligned_view_loss(features[1:], other[1:], torch.ones(1, 8, 32), ignored[:1, :1], torch.tensor(10.0))
    assert both.item() == pytest.approx((loss + second).item() / 2, rel=1e-4)


def test_batches_are_the_same_for_the_same_seed_and_step(samples):
    recipe = read_recipe("aligned", {"steps": 3, "batch": 4})
    first, second, third = batches(method_of(recipe), samples, recipe)
    again = next(batches(method_of(recipe), samples, recipe, first=2))
    assert torch.equal(third.camera, again.camera) and torch.equal(third.lidar, again.lidar)
    assert not torch.equal(first.camera, second.camera)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A bundle and its run folder after two steps on a drive with a truncated image, and another drive held out."""

    folder = tmp_path_factory.mktemp("trained")
    drive = make_drive(folder, frames=20)
    truncated = drive / "image_02/data/0000000003.png"
    truncated.write_bytes(truncated.read_bytes()[:-20])
    held_out = shutil.copytree(drive, drive.with_name("2011_09_26_drive_0098_sync"))
    out, run = folder / "model", folder / "run"
    arguments = ["--drive", drive, "--held-out", held_out, "--trunk", "random", "--out", out, "--run-folder", run]
    settings = ["--steps", 2, "--set", "batch=4", "--set", "validate_every=1"]
    result = CliRunner().invoke(app, ["train", "aligned", *map(str, arguments + settings)], catch_exceptions=False)
    return out, run, result.output


def test_a_trained_bundle_encodes_a_panorama(trained):
    """The export itself compares the features with those of torch; here the bundle is loaded from its files."""

    views = np.zeros((1, 3, 64, 1216), np.float32)
    bundle = ModelBundle.load(trained[0])
    assert bundle.encoders().lidar.encode(views).shape == (1, 32, 8, 152) and bundle.spec.has_fp16


def test_an_unreadable_frame_is_skipped_named_and_counted(trained):
    out, run, output = trained
    training = ModelBundle.load(out).spec.training
    assert (training.frames, training.skipped, training.drives) == (19, 1, ("2011_09_26_drive_0099",))
    assert "19 frames, 1 unreadable skipped" in output
    assert "0000000003.png: PNG is cut off" in (run / "data.json").read_text()


def test_a_bundle_contains_recipe_data_hashes_and_model_card(trained):
    out, _, _ = trained
    recipe = read_recipe(str(out / "recipe.yaml"))
    assert (recipe.name, recipe.batch, recipe.steps) == ("aligned", 4, 2)
    card = (out / "README.md").read_text()
    for expected in (
        ModelBundle.load(out).spec.training.data,
        "CC BY-NC-SA 3.0",
        "2011_09_26_drive_0099",
    ):
        assert expected in card


def test_confidence_model_and_card_come_from_the_held_out_drive(trained):
    out, run, output = trained
    confidence_model = ModelBundle.load(out).spec.confidence_model
    assert confidence_model.source == "2011_09_26_drive_0098 held out, 209 images on the map, 342 from elsewhere"
    card = (out / "README.md").read_text()
    for text in (output, card):
        assert "held out: 209 images on the map, all headings searched, recall@1 within 5 degrees and 1 m" in text
    assert (
        f"confidence {confidence_model.min_confidence:g}, minimum margin {confidence_model.min_margin:g}; 2011" in card
    )
    samples, spacing = load_samples(run / SAMPLES_FILE)
    assert len(samples) == 209 + 342 and spacing == (1, 1)


def test_a_held_out_drive_that_is_too_short_does_not_lose_the_model(trained, tmp_path):
    result = fit_on_held_out(open_drive(make_drive(tmp_path, frames=4)), [], ModelBundle.load(trained[0]), tmp_path)
    assert result.confidence_model.source == result.summary
    assert result.summary.startswith(
        "not fitted on 2011_09_26_drive_0099: no place of the 3 m has a scan at least 8 m away"
    )


def test_a_drive_that_is_both_held_out_and_trained_on_is_refused(tmp_path):
    drive = make_drive(tmp_path, frames=4)
    with pytest.raises(TrainingError, match="drive_0099 is both held out and trained on"):
        TrainingRun.prepare("aligned", [drive], changes={"batch": 4}).execute(tmp_path / "model", held_out=drive)


def test_an_exported_checkpoint_equals_the_bundle_that_training_wrote(trained, tmp_path):
    out, run, _ = trained
    CliRunner().invoke(app, ["export", str(run), str(tmp_path / "model")], catch_exceptions=False)
    written, exported = ModelBundle.load(out), ModelBundle.load(tmp_path / "model")
    assert exported.id == written.id and exported.spec == written.spec


def test_a_checkpoint_of_other_data_is_refused(trained, tmp_path):
    run = TrainingRun.prepare("aligned", [make_drive(tmp_path, frames=6)], [], 2, {"batch": 4})
    with pytest.raises(TrainingError, match="was trained on other data"):
        run.execute(tmp_path / "model", folder=trained[1], resume=True)


@pytest.mark.parametrize("trunk", ["nowhere.safetensors", "damaged.safetensors"])
def test_unreadable_weights_are_named(trunk, tmp_path):
    (tmp_path / "damaged.safetensors").write_bytes(b"no weights")
    recipe = read_recipe("aligned")
    with pytest.raises(TrainingError, match=rf"{trunk}: .*: give another --trunk"):
        Trainer(method_of(recipe), recipe, tmp_path / trunk)


def test_an_export_that_differs_from_torch_is_refused(tmp_path):
    class DiffersInExport(torch.nn.Module):
        def forward(self, views):
            return views.roll(1, 3) if torch.onnx.is_in_onnx_export() else views

    with pytest.raises(ModelError, match="minimum cosine with torch"):
        export_onnx(DiffersInExport(), InputSize(8, 16, free_width=False), tmp_path / "different.onnx")


def test_training_does_not_overwrite_a_folder_that_is_not_a_model(tmp_path):
    (tmp_path / "holiday.jpg").write_bytes(b"sun")
    with pytest.raises(FileError, match="choose another folder"):
        TrainingRun.execute(None, tmp_path, None, None, None)
    assert (tmp_path / "holiday.jpg").exists()


def test_a_mosaic_keeps_each_camera_pixel_on_the_ray_of_its_lidar_pixel(rng):
    def pair(number):
        """Each pixel holds the number of its column; the LiDAR input has 32 more columns on both sides."""
        columns = number * 1000 + np.arange(-32, 288)
        cloud = np.tile(columns, (3, 64, 1)).astype(np.float32)
        return cloud[:, :, 32:-32], cloud, np.tile(columns[32:-32:8] // 8 % 2 == 0, (8, 1))

    for _ in range(20):
        image, cloud, mask = mosaic(pair(1), pair(2), 8, rng)
        assert image.shape == (3, 64, 256) and cloud.shape == (3, 64, 320) and mask.shape == (8, 32)
        assert np.array_equal(image, cloud[:, :, 32:-32])
        assert np.array_equal(mask[0], image[0, 0, ::8] // 8 % 2 == 0)
        assert {1, 2} == set(image[0, 0] // 1000)


def test_in_evaluation_mode_the_camera_encoder_subtracts_the_mean_feature():
    encoder = CameraCellEncoder(64, 256, 0.75, RANDOM)
    views = torch.randn(4, 3, 64, 256)
    features = encoder.train()(views).detach()
    for _ in range(200):
        encoder.update_mean(features)
    encoder.trunk.eval(), encoder.head.eval()
    plain = encoder(views).detach()
    assert torch.allclose(encoder.mean_features, features.mean(0), atol=1e-3)
    assert torch.allclose(encoder.eval()(views), plain - 0.75 * encoder.mean_features, atol=1e-5)


def test_virtual_views_are_drawn_without_moving_objects(tmp_path):
    """A box is on the road in one scan only. It is in the view of that scan, but in no view without dynamic points."""

    folder = make_drive(tmp_path, frames=20)
    y, z = np.meshgrid(np.arange(-20, 20, 0.15), np.arange(-1.7, 2, 0.15))
    wall = np.c_[np.full(y.size, 70.0), y.ravel(), z.ravel(), np.full(y.size, 0.3)]
    for i, file in enumerate(sorted((folder / "velodyne_points/data").iterdir())):
        points = wall - [1.0 * i, 0, 0, 0]
        y, z = np.tile(np.arange(-1.5, 1.5, 0.1), 30), np.repeat(np.arange(-0.3, 0.3, 0.02), 30)
        box = np.c_[np.full(900, 12.0), y, z]
        points = np.concatenate([points, np.c_[box, np.ones(900)]]) if i == 10 else points
        points.astype(np.float32).tofile(file)

    def pixels_near_the_box(remove_dynamic):
        settings = VirtualViews(views=8, min_gap=1, max_gap=3, remove_dynamic=remove_dynamic, one_side=0)
        samples = DrawnSamples(open_drive(folder), ViewGrid(), settings, seed=0)
        views = ([s.own, *s.virtual] for s in samples)
        return [[int(((view.range > 0) & (view.range < 13)).sum()) for view in of_frame] for of_frame in views]

    with_box = pixels_near_the_box(remove_dynamic=0.0)[10][0]
    assert with_box > 200 and max(map(max, pixels_near_the_box(remove_dynamic=1.0))) < with_box / 10


def test_weights_of_another_network_are_refused(tmp_path):
    save_file({"conv1.weight": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match=r"other\.safetensors: no weights of tf_efficientnet_lite0"):
        CellEncoder(tmp_path / "other.safetensors")
