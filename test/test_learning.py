"""Training, where torch is installed (`pip install .[train]`)."""

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
        return AlignedSample("d", T_map_base, CameraView(image, np.ones((64, 256), bool)), {0.0: lidar})

    return [sample(i) for i in range(8)]


def test_the_loss_is_least_where_cells_of_one_ray_agree():
    from liploc_ros.learning.aligned.loss import aligned_view_loss

    cells = torch.nn.functional.normalize(torch.randn(4, 32, 8, 32, generator=torch.Generator().manual_seed(0)), dim=1)
    mask, near, scale = torch.ones(4, 8, 32), torch.zeros(4, 4, dtype=torch.bool), torch.tensor(20.0)
    right = aligned_view_loss(cells, cells, mask, near, scale)
    assert right < aligned_view_loss(cells, cells.roll(1, 0), mask, near, scale)
    assert right < aligned_view_loss(cells, cells.roll(1, 3), mask, near, scale)


def test_near_pairs_neither_attract_nor_repel():
    from liploc_ros.learning.aligned.loss import aligned_view_loss

    cells = torch.nn.functional.normalize(torch.randn(2, 32, 8, 32), dim=1).requires_grad_()
    other = torch.nn.functional.normalize(torch.randn(2, 32, 8, 32), dim=1)
    near = ~torch.eye(2, dtype=torch.bool)
    loss = aligned_view_loss(cells[:1], other[:1], torch.ones(1, 8, 32), near[:1, :1], torch.tensor(10.0))
    both = aligned_view_loss(cells, other, torch.ones(2, 8, 32), near, torch.tensor(10.0))
    second = aligned_view_loss(cells[1:], other[1:], torch.ones(1, 8, 32), near[:1, :1], torch.tensor(10.0))
    assert both.item() == pytest.approx((loss + second).item() / 2, rel=1e-4)


def test_batches_are_the_same_for_the_same_seed_and_step(samples):
    from liploc_ros.learning.methods import method_of
    from liploc_ros.learning.recipe import read_recipe
    from liploc_ros.learning.trainer import batches

    recipe = read_recipe("aligned", {"steps": 3, "batch": 4})
    first, second, third = batches(method_of(recipe), samples, recipe)
    again = next(batches(method_of(recipe), samples, recipe, first=2))
    assert torch.equal(third.camera, again.camera) and torch.equal(third.lidar, again.lidar)
    assert not torch.equal(first.camera, second.camera)


def test_a_recipe_with_a_misspelt_key_is_refused(tmp_path):
    from liploc_ros.learning.recipe import RecipeError, read_recipe

    (tmp_path / "mine.yaml").write_text("name: mine\nstepz: 3\n")
    with pytest.raises(RecipeError, match="stepz"):
        read_recipe(str(tmp_path / "mine.yaml"))


def test_a_drive_is_trained_on_and_its_bundle_runs_as_torch_does(tmp_path):
    """From a drive on disk to a bundle that ONNX Runtime loads; the export itself compares the cells with torch's."""
    from kitti_maker import make_drive

    from liploc_ros.encoders import ModelBundle
    from liploc_ros.learning.method import RANDOM
    from liploc_ros.learning.run import TrainingRun

    (tmp_path / "short.yaml").write_text("extends: aligned\nsteps: 2\nbatch: 4\n")
    run = TrainingRun.prepare(str(tmp_path / "short.yaml"), [make_drive(tmp_path, frames=6)], [])
    bundle, _ = run.execute(tmp_path / "model", RANDOM, None, None)
    assert bundle.spec.training.frames == 6 and bundle.spec.training.drives == ("2011_09_26_drive_0099",)
    views = np.zeros((1, 3, 64, 1216), np.float32)
    assert ModelBundle.load(tmp_path / "model").encoders().lidar.encode(views).shape == (1, 32, 8, 152)


def test_training_does_not_overwrite_what_is_no_model(tmp_path):
    from liploc_ros.learning.run import TrainingRun
    from liploc_ros.mapping import MapError

    (tmp_path / "holiday.jpg").write_bytes(b"sun")
    with pytest.raises(MapError, match="choose another folder"):
        TrainingRun.execute(None, tmp_path, None, None, None)
    assert (tmp_path / "holiday.jpg").exists()
