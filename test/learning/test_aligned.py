"""Training, where torch is installed (`pip install .[train]`)."""

import shutil

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make train installs it")


@pytest.fixture
def samples(rng):
    from liploc_ros.learning.aligned.samples import AlignedSample
    from liploc_ros.views import CameraView, Panorama

    def sample(i):
        image = rng.integers(0, 255, (64, 256, 3)).astype(np.uint8)
        lidar = Panorama(rng.uniform(2, 50, (64, 320)).astype(np.float32), np.zeros((64, 320), np.float32))
        T_map_base = np.eye(4)
        T_map_base[0, 3] = 10 * i
        return AlignedSample("d", T_map_base, CameraView(image, np.ones((64, 256), bool)), lidar, ())

    return [sample(i) for i in range(8)]


def test_the_loss_is_least_where_cells_of_one_ray_agree():
    from liploc_ros.learning.aligned.loss import aligned_view_loss

    features = torch.nn.functional.normalize(
        torch.randn(4, 32, 8, 32, generator=torch.Generator().manual_seed(0)), dim=1
    )
    mask, near, scale = torch.ones(4, 8, 32), torch.zeros(4, 4, dtype=torch.bool), torch.tensor(20.0)
    right = aligned_view_loss(features, features, mask, near, scale)
    assert right < aligned_view_loss(features, features.roll(1, 0), mask, near, scale)
    assert right < aligned_view_loss(features, features.roll(1, 3), mask, near, scale)


def test_the_parts_of_the_loss_count_as_their_weights_say():
    from liploc_ros.learning.aligned.loss import aligned_view_loss

    camera, lidar = torch.nn.functional.normalize(torch.randn(2, 3, 32, 8, 32), dim=2)
    pairs = torch.ones(3, 8, 32), torch.zeros(3, 3, dtype=torch.bool), torch.tensor(10.0)

    def loss(across_frames, whole_views):
        weights = {"across_frames": across_frames, "whole_views": whole_views}
        return aligned_view_loss(camera, lidar, *pairs, **weights).item()

    frames, views = loss(1, 0) - loss(0, 0), loss(0, 1) - loss(0, 0)
    assert frames > 0.1 and views > 0.01
    assert loss(0.5, 0.25) == pytest.approx(loss(0, 0) + 0.5 * frames + 0.25 * views, rel=1e-4)


def test_near_pairs_neither_attract_nor_repel():
    from liploc_ros.learning.aligned.loss import aligned_view_loss

    features = torch.nn.functional.normalize(torch.randn(2, 32, 8, 32), dim=1).requires_grad_()
    other = torch.nn.functional.normalize(torch.randn(2, 32, 8, 32), dim=1)
    near = ~torch.eye(2, dtype=torch.bool)
    loss = aligned_view_loss(features[:1], other[:1], torch.ones(1, 8, 32), near[:1, :1], torch.tensor(10.0))
    both = aligned_view_loss(features, other, torch.ones(2, 8, 32), near, torch.tensor(10.0))
    second = aligned_view_loss(features[1:], other[1:], torch.ones(1, 8, 32), near[:1, :1], torch.tensor(10.0))
    assert both.item() == pytest.approx((loss + second).item() / 2, rel=1e-4)


def test_batches_are_the_same_for_the_same_seed_and_step(samples):
    from liploc_ros.learning.recipe import read_recipe
    from liploc_ros.learning.registry import method_of
    from liploc_ros.learning.trainer import batches

    recipe = read_recipe("aligned", {"steps": 3, "batch": 4})
    first, second, third = batches(method_of(recipe), samples, recipe)
    again = next(batches(method_of(recipe), samples, recipe, first=2))
    assert torch.equal(third.camera, again.camera) and torch.equal(third.lidar, again.lidar)
    assert not torch.equal(first.camera, second.camera)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A bundle and its run after two steps, of a drive with one cut-off image and one held out, by the command line."""
    from support.kitti_maker import make_drive
    from typer.testing import CliRunner

    from liploc_ros.cli.main import app

    folder = tmp_path_factory.mktemp("trained")
    drive = make_drive(folder, frames=20)
    cut = drive / "image_02/data/0000000003.png"
    cut.write_bytes(cut.read_bytes()[:-20])
    held_out = shutil.copytree(drive, drive.with_name("2011_09_26_drive_0098_sync"))
    out, run = folder / "model", folder / "run"
    arguments = ["--drive", drive, "--held-out", held_out, "--trunk", "random", "--out", out, "--run-folder", run]
    settings = ["--steps", 2, "--set", "batch=4", "--set", "validate_every=1"]
    result = CliRunner().invoke(app, ["train", "aligned", *map(str, arguments + settings)], catch_exceptions=False)
    return out, run, result.output


def test_a_trained_bundle_runs_as_torch_does(trained):
    """The export itself compares the cells with torch's; here they come from the bundle's own file."""
    from liploc_ros.encoders import ModelBundle

    views = np.zeros((1, 3, 64, 1216), np.float32)
    assert ModelBundle.load(trained[0]).encoders().lidar.encode(views).shape == (1, 32, 8, 152)


def test_a_frame_that_cannot_be_read_is_left_out_named_and_counted(trained, caplog):
    from liploc_ros.encoders import ModelBundle

    out, run, output = trained
    training = ModelBundle.load(out).spec.training
    assert (training.frames, training.skipped, training.drives) == (19, 1, ("2011_09_26_drive_0099",))
    assert "19 frames, 1 left out that cannot be read" in output
    assert "0000000003.png: PNG is cut off" in (run / "data.json").read_text()


def test_recipe_data_and_card_lie_in_the_bundle(trained):
    from liploc_ros.encoders import ModelBundle
    from liploc_ros.learning.recipe import read_recipe

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


def test_acceptance_and_card_come_from_the_held_out_drive(trained):
    from liploc_ros.encoders import ModelBundle
    from liploc_ros.localization.calibration.samples import load_samples

    out, run, output = trained
    confidence_model = ModelBundle.load(out).spec.confidence_model
    assert confidence_model.source == "2011_09_26_drive_0098 held out, 19 images on the map, 38 from elsewhere"
    card = (out / "README.md").read_text()
    for text in (output, card):
        assert "held out: 19 images on the map, all headings searched, recall@1 within 5 degrees and 1 m" in text
    assert f"confidence {confidence_model.min_confidence:g}, lead {confidence_model.min_margin:g}; 2011" in card
    trials, spacing = load_samples(run / "trials.npz")
    assert len(trials) == 57 and spacing == 1


def test_a_held_out_drive_that_calibrates_nothing_does_not_lose_the_model(trained, tmp_path):
    from support.kitti_maker import make_drive

    from liploc_ros.datasets import open_drive
    from liploc_ros.encoders import ModelBundle
    from liploc_ros.learning.confidence import calibrate_on

    found = calibrate_on(open_drive(make_drive(tmp_path, frames=4)), [], ModelBundle.load(trained[0]), tmp_path)
    assert found.confidence_model.source == found.summary
    assert found.summary.startswith("not calibrated on 2011_09_26_drive_0099: no scan is 8 m away")


def test_a_drive_is_not_both_held_out_and_trained_on(tmp_path):
    from support.kitti_maker import make_drive

    from liploc_ros.learning.run import TrainingRun
    from liploc_ros.learning.trainer import TrainingError

    drive = make_drive(tmp_path, frames=4)
    with pytest.raises(TrainingError, match="drive_0099 is held out and trained on"):
        TrainingRun.prepare("aligned", [drive], changes={"batch": 4}).execute(tmp_path / "model", held_out=drive)


def test_a_checkpoint_becomes_the_bundle_that_training_wrote(trained, tmp_path):
    from typer.testing import CliRunner

    from liploc_ros.cli.main import app
    from liploc_ros.encoders import ModelBundle

    out, run, _ = trained
    CliRunner().invoke(app, ["export", str(run), str(tmp_path / "model")], catch_exceptions=False)
    written, exported = ModelBundle.load(out), ModelBundle.load(tmp_path / "model")
    assert exported.id == written.id and exported.spec == written.spec


def test_other_data_does_not_go_on_from_a_checkpoint(trained, tmp_path):
    from support.kitti_maker import make_drive

    from liploc_ros.learning.run import TrainingRun
    from liploc_ros.learning.trainer import TrainingError

    run = TrainingRun.prepare("aligned", [make_drive(tmp_path, frames=6)], [], 2, {"batch": 4})
    with pytest.raises(TrainingError, match="saw other data"):
        run.execute(tmp_path / "model", folder=trained[1], resume=True)


@pytest.mark.parametrize("trunk", ["nowhere.safetensors", "damaged.safetensors"])
def test_weights_that_cannot_be_read_are_named(trunk, tmp_path):
    from liploc_ros.learning.recipe import read_recipe
    from liploc_ros.learning.registry import method_of
    from liploc_ros.learning.trainer import Trainer, TrainingError

    (tmp_path / "damaged.safetensors").write_bytes(b"no weights")
    recipe = read_recipe("aligned")
    with pytest.raises(TrainingError, match=rf"{trunk}: .*: give another --trunk"):
        Trainer(method_of(recipe), recipe, tmp_path / trunk)


def test_an_encoder_that_runs_otherwise_than_torch_is_refused(tmp_path):
    from liploc_ros.encoders import ModelError
    from liploc_ros.learning.export import export_onnx
    from liploc_ros.learning.method import InputSize

    class Wavering(torch.nn.Module):
        def forward(self, views):
            return views.roll(1, 3) if torch.onnx.is_in_onnx_export() else views

    with pytest.raises(ModelError, match="least cosine with torch"):
        export_onnx(Wavering(), InputSize(8, 16, free_width=False), tmp_path / "wavering.onnx")


def test_training_does_not_overwrite_what_is_no_model(tmp_path):
    from liploc_ros.learning.run import TrainingRun
    from liploc_ros.mapping import MapError

    (tmp_path / "holiday.jpg").write_bytes(b"sun")
    with pytest.raises(MapError, match="choose another folder"):
        TrainingRun.execute(None, tmp_path, None, None, None)
    assert (tmp_path / "holiday.jpg").exists()


def test_a_mosaic_keeps_every_camera_pixel_on_the_ray_of_its_lidar_pixel(rng):
    from liploc_ros.learning.aligned.augmentation import join

    def pair(number):
        """Both inputs hold the column's number, the LiDAR's has 32 more columns on both sides."""
        columns = number * 1000 + np.arange(-32, 288)
        cloud = np.tile(columns, (3, 64, 1)).astype(np.float32)
        return cloud[:, :, 32:-32], cloud, np.tile(columns[32:-32:8] // 8 % 2 == 0, (8, 1))

    for _ in range(20):
        image, cloud, mask = join(pair(1), pair(2), 8, rng)
        assert image.shape == (3, 64, 256) and cloud.shape == (3, 64, 320) and mask.shape == (8, 32)
        assert np.array_equal(image, cloud[:, :, 32:-32])
        assert np.array_equal(mask[0], image[0, 0, ::8] // 8 % 2 == 0)
        assert {1, 2} == set(image[0, 0] // 1000)


def test_a_deployed_camera_encoder_takes_off_what_all_images_have_in_common():
    from liploc_ros.learning.aligned.network import CameraCellEncoder
    from liploc_ros.learning.method import RANDOM

    encoder = CameraCellEncoder(64, 256, 0.75, RANDOM)
    views = torch.randn(4, 3, 64, 256)
    features = encoder.train()(views).detach()
    for _ in range(200):
        encoder.remember(features)
    encoder.trunk.eval(), encoder.head.eval()
    plain = encoder(views).detach()
    assert torch.allclose(encoder.common, features.mean(0), atol=1e-3)
    assert torch.allclose(encoder.eval()(views), plain - 0.75 * encoder.common, atol=1e-5)


def test_views_from_other_scans_are_drawn_without_what_those_saw_through(tmp_path):
    """A box is on the road in one scan alone: it is in that frame's own view as it is, and in no cleaned one."""
    from support.kitti_maker import make_drive

    from liploc_ros.datasets import open_drive
    from liploc_ros.geometry import ViewGrid
    from liploc_ros.learning.aligned.recipe import VirtualViews
    from liploc_ros.learning.aligned.samples import samples_of

    folder = make_drive(tmp_path, frames=20)
    y, z = np.meshgrid(np.arange(-20, 20, 0.15), np.arange(-1.7, 2, 0.15))
    wall = np.c_[np.full(y.size, 70.0), y.ravel(), z.ravel(), np.full(y.size, 0.3)]
    for i, file in enumerate(sorted((folder / "velodyne_points/data").iterdir())):
        points = wall - [1.0 * i, 0, 0, 0]
        y, z = np.tile(np.arange(-1.5, 1.5, 0.1), 30), np.repeat(np.arange(-0.3, 0.3, 0.02), 30)
        box = np.c_[np.full(900, 12.0), y, z]
        points = np.concatenate([points, np.c_[box, np.ones(900)]]) if i == 10 else points
        points.astype(np.float32).tofile(file)

    def pixels_near_the_box(cleaned):
        settings = VirtualViews(views=8, nearest=1, farthest=3, cleaned=cleaned, one_side=0)
        samples = samples_of(open_drive(folder), ViewGrid(), settings, seed=0, progress=False)
        views = ([s.own, *s.virtual] for s in samples)
        return [[int(((view.range > 0) & (view.range < 13)).sum()) for view in of_frame] for of_frame in views]

    as_it_is = pixels_near_the_box(cleaned=0.0)[10][0]
    assert as_it_is > 200 and max(map(max, pixels_near_the_box(cleaned=1.0))) < as_it_is / 10


def test_weights_of_another_network_are_refused(tmp_path):
    from safetensors.torch import save_file

    from liploc_ros.encoders import ModelError
    from liploc_ros.learning.aligned.network import CellEncoder

    save_file({"conv1.weight": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match=r"other\.safetensors: no weights of tf_efficientnet_lite0"):
        CellEncoder(tmp_path / "other.safetensors")
