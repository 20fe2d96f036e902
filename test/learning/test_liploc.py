"""LIP-Loc's own recipe, where torch is installed (`pip install .[train]`)."""

from dataclasses import replace

import numpy as np
import pytest

from liploc_ros.datasets import open_drive
from liploc_ros.encoders import lidar_input
from liploc_ros.evaluation.calibration_samples import gather_samples
from liploc_ros.geometry import inverse
from liploc_ros.geometry.se2 import difference
from liploc_ros.localization import Localizer
from liploc_ros.localization.calibration.fit import calibrate
from liploc_ros.mapping import LidarMap, MapConfig, build_map
from liploc_ros.views import draw_panorama

torch = pytest.importorskip("torch", reason="torch is not installed: make train installs it")

from support.kitti_maker import make_drive  # noqa: E402

from liploc_ros.learning.liploc.augmentation import blank_rectangles  # noqa: E402
from liploc_ros.learning.liploc.losses import (  # noqa: E402
    EmbeddingLoss,
    hard_target_loss,
    soft_target_loss,
    triplet_loss,
)
from liploc_ros.learning.liploc.method import LiplocMethod  # noqa: E402
from liploc_ros.learning.liploc.network import ImageEncoder, TrunkError  # noqa: E402
from liploc_ros.learning.liploc.samples import LiplocSample, samples_of  # noqa: E402
from liploc_ros.learning.method import RANDOM  # noqa: E402
from liploc_ros.learning.recipe import RecipeError, read_recipe, recipe_names  # noqa: E402
from liploc_ros.learning.run import TrainingRun  # noqa: E402
from liploc_ros.learning.trainer import Trainer  # noqa: E402

TINY = {"encoder": "test_resnet", "batch": 4, "headings": 9, "near": 0.5}
KINDS = ("soft", "hard", "triplet")


@pytest.fixture
def embeddings():
    generator = torch.Generator().manual_seed(0)
    vectors = torch.randn(2, 5, 16, generator=generator, dtype=torch.float64)
    return torch.nn.functional.normalize(vectors, dim=-1)


@pytest.fixture
def near():
    pairs = torch.zeros(5, 5, dtype=torch.bool)
    pairs[0, 1] = pairs[1, 0] = pairs[3, 4] = pairs[4, 3] = True
    return pairs


def softmax(values):
    e = np.exp(np.array(values) - np.max(values))
    return e / e.sum()


def test_hard_targets_are_a_softmax_over_all_pairs_that_are_not_near(embeddings, near):
    camera, lidar = embeddings.numpy()
    losses = []
    for i in range(5):
        others = [j for j in range(5) if not near[i, j]]
        for one, many in ((lidar, camera), (camera, lidar)):
            losses.append(-np.log(softmax([one[i] @ many[j] * 8 for j in others])[others.index(i)]))
    assert hard_target_loss(*embeddings, near, torch.tensor(8.0)).item() == pytest.approx(np.mean(losses))


def test_soft_targets_are_a_softmax_of_the_similarities_within_each_sensor(embeddings, near):
    camera, lidar = embeddings.numpy()
    losses = []
    for i in range(5):
        others = [j for j in range(5) if not near[i, j]]
        targets = softmax([(camera[i] @ camera[j] + lidar[i] @ lidar[j]) / 2 * 8 for j in others])
        for one, many in ((lidar, camera), (camera, lidar)):
            losses.append(-(targets * np.log(softmax([one[i] @ many[j] * 8 for j in others]))).sum())
    assert soft_target_loss(*embeddings, near, torch.tensor(8.0)).item() == pytest.approx(np.mean(losses))


def test_released_soft_targets_follow_the_published_code(embeddings):
    """Lines of models/CLIPModelV1.py, for products of any length."""
    camera, lidar, tau = embeddings[0] * 3, embeddings[1] * 3, 0.5
    logits = lidar @ camera.T / tau
    targets = ((camera @ camera.T + lidar @ lidar.T) / 2 * tau).softmax(dim=-1)
    lidar_loss = (-targets * logits.log_softmax(dim=-1)).sum(1)
    camera_loss = (-targets.T * logits.T.log_softmax(dim=-1)).sum(1)
    none = torch.zeros(5, 5, dtype=torch.bool)
    actual = soft_target_loss(camera, lidar, none, torch.tensor(1 / tau), released=True)
    assert actual.item() == pytest.approx(((lidar_loss + camera_loss) / 2).mean().item())


def test_only_released_targets_have_gradients():
    camera, lidar = torch.eye(3).requires_grad_(), torch.eye(3).requires_grad_()
    none, scale = torch.zeros(3, 3, dtype=torch.bool), torch.tensor(1.0)
    released = torch.autograd.grad(soft_target_loss(camera, lidar, none, scale, released=True), camera)[0]
    ours = torch.autograd.grad(soft_target_loss(camera, lidar, none, scale), camera)[0]
    fixed = (camera @ camera.T).softmax(-1).detach()  # both sensors alike
    by_hand = -(fixed * (lidar @ camera.T).log_softmax(-1)).sum() / 6
    by_hand -= (fixed * (camera @ lidar.T).log_softmax(-1)).sum() / 6
    assert torch.allclose(ours, torch.autograd.grad(by_hand, camera)[0], atol=1e-6)
    assert not torch.allclose(ours, released, atol=1e-3)


def test_the_triplet_is_made_with_the_most_similar_wrong_one(embeddings, near):
    camera, lidar = embeddings.numpy()
    losses = []
    for i in range(5):
        wrong = [j for j in range(5) if j != i and not near[i, j]]
        for one, many in ((lidar, camera), (camera, lidar)):
            losses.append(max(0, 0.2 + max(one[i] @ many[j] for j in wrong) - one[i] @ many[i]))
    assert triplet_loss(*embeddings, near, 0.2).item() == pytest.approx(np.mean(losses))


@pytest.mark.parametrize("kind", KINDS)
def test_pairs_that_are_near_neither_attract_nor_repel(kind, embeddings):
    camera, lidar = embeddings[:, :2].clone().float()
    both = torch.stack([camera, lidar]).requires_grad_()
    loss = EmbeddingLoss(kind)(both[0], both[1], ~torch.eye(2, dtype=torch.bool))
    assert torch.allclose(torch.autograd.grad(loss, both)[0], torch.zeros(2, 2, 16), atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_loss_is_least_where_pairs_agree(kind, embeddings):
    camera = embeddings[0].float()
    none = torch.zeros(5, 5, dtype=torch.bool)
    loss = EmbeddingLoss(kind)
    assert loss(camera, camera, none) < loss(camera, camera.roll(1, 0), none)


def test_a_learned_temperature_does_not_fall_below_a_hundredth():
    none, camera = torch.zeros(2, 2, dtype=torch.bool), torch.eye(2)
    colder, coldest = EmbeddingLoss("hard", 0.01), EmbeddingLoss("hard", 0.0001)
    assert coldest(camera, camera.roll(1, 0), none).item() == pytest.approx(
        colder(camera, camera.roll(1, 0), none).item()
    )


def test_the_range_image_is_that_of_the_paper(demo_scan):
    """The published projection, one point after the other: 64 x 900, nearest wins, middle third and upper half."""
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
    assert np.isclose(drawn, whole[:32, 300:600], atol=2e-3).mean() > 0.999  # but for rounding at edges of pixels


def test_samples_are_compact_and_hold_what_a_map_draws(tmp_path):
    recipe = read_recipe("liploc", TINY)
    drive = open_drive(make_drive(tmp_path, frames=3))
    samples = samples_of(drive, recipe.grid, (0,), 224, progress=False)
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


def test_where_nothing_returned_is_zero_and_masked_or_251_as_released(rng):
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


def test_rectangles_are_blanked_in_nine_of_ten_inputs(rng):
    view = np.ones((3, 224, 224), np.float32)
    shares = np.array([1 - blank_rectangles(view, rng, 0.9).mean() for _ in range(300)])
    assert (shares > 0).mean() == pytest.approx(0.9, abs=0.06) and shares.max() <= 5 * (100 / 224) ** 2
    assert shares[shares > 0].mean() == pytest.approx(0.4, abs=0.05) and view.all()


def test_embeddings_are_unit_vectors_unless_as_released():
    views = torch.randn(2, 3, 32, 300, generator=torch.Generator().manual_seed(0))
    for normalised in (True, False):
        encoder = ImageEncoder("test_resnet", RANDOM, 224, scaled_by="nearest", normalised=normalised).eval()
        with torch.inference_mode():
            features = encoder(views)
        length = features.norm(dim=1)
        assert features.shape == (2, 256, 1, 1) and torch.allclose(length, torch.ones(2, 1, 1), atol=1e-3)
        encoder.norm.weight.data *= 2
        with torch.inference_mode():
            assert torch.allclose(
                encoder(views).norm(dim=1), torch.full((2, 1, 1), 1.0 if normalised else 2.0), atol=0.01
            )


def test_transformers_take_the_size_that_the_recipe_gives():
    encoder = ImageEncoder("test_vit", RANDOM, 96, 32).eval()
    assert encoder(torch.zeros(1, 3, 96, 96)).shape == (1, 32, 1, 1)


def test_weights_of_the_trunk_are_taken_without_its_classifier_and_others_refused(tmp_path):
    import timm
    from safetensors.torch import save_file

    whole = timm.create_model("test_resnet", pretrained=False)
    save_file(whole.state_dict(), tmp_path / "own.safetensors")
    trunk = ImageEncoder("test_resnet", tmp_path / "own.safetensors", 224).trunk
    assert all(torch.equal(v, whole.state_dict()[k]) for k, v in trunk.state_dict().items())
    with pytest.raises(TrunkError, match=r"own\.safetensors: not the weights of test_vit"):
        ImageEncoder("test_vit", tmp_path / "own.safetensors", 160)


def test_an_encoder_that_timm_does_not_know_is_one_line():
    with pytest.raises(TrunkError, match="'resnet5000' is not known to timm"):
        ImageEncoder("resnet5000", RANDOM, 224)


@pytest.mark.parametrize("name", [name for name in recipe_names() if name.startswith("liploc")])
def test_every_recipe_can_be_set_up(name):
    method = LiplocMethod(read_recipe(name, {"encoder": "test_resnet"}))
    model = method.model(RANDOM)
    grouped = {id(p) for group in method.parameter_groups(model) for p in group["params"]}
    assert grouped == {id(p) for p in model.parameters()}


def test_without_crop_and_threshold_the_range_image_is_whole():
    grid = read_recipe("liploc", {"fov_crop": False, "range_threshold": None}).grid
    assert (grid.height, grid.width, grid.panorama_width, grid.far) == (64, 900, 900, 120)
    assert grid.columns_facing(0.0)[450] == 450


def test_headings_of_which_none_looks_ahead_are_refused():
    with pytest.raises(RecipeError, match="10 headings: none looks straight ahead"):
        read_recipe("liploc", {"headings": 10})


def test_pairs_are_learned_by_heart(rng):
    samples = [sample(rng, 10.0 * i, side=64) for i in range(6)]
    quick = {"batch": 6, "image": 64, "steps": 30, "dropout": 0, "camera_rate": 1e-3, "lidar_rate": 1e-3}
    recipe = read_recipe("liploc", TINY | quick)
    trainer = Trainer(LiplocMethod(recipe), recipe, RANDOM)
    batch = trainer.method.batch(samples, rng)
    losses = [trainer.learn(batch).item() for _ in range(recipe.steps)]
    assert losses[0] > 1 and losses[-1] < 0.3


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A drive on disk, and the bundle of two steps on it."""
    folder = tmp_path_factory.mktemp("liploc")
    drive = make_drive(folder, frames=6)
    run = TrainingRun.prepare("liploc", [drive], changes=TINY | {"encoder": "test_vit", "steps": 2})
    bundle, _ = run.execute(folder / "model", RANDOM)
    return open_drive(drive), bundle


@pytest.fixture(scope="module")
def trained_map(trained):
    drive, bundle = trained
    return build_map(drive, bundle, MapConfig(keyframe_spacing=0.5))


def test_a_bundle_says_that_it_embeds_whole_images(trained):
    spec = trained[1].spec
    assert (spec.method, spec.pool, spec.stride, spec.channels) == ("liploc", 1, 100, 256)
    assert spec.training.trunk == "test_vit" and "test_vit" in spec.licence


def test_each_heading_of_a_map_is_the_embedding_of_what_lies_there(trained):
    drive, bundle = trained
    encoders, spec = bundle.encoders(), bundle.spec
    panorama = draw_panorama(drive.frames[0].read_points(), spec.grid)
    features = encoders.encode_panorama(panorama)
    assert features.shape == (1, 9, 256)
    for heading, yaw in enumerate(spec.heading_yaw(np.arange(9))):
        view = lidar_input(panorama.facing(spec.grid, yaw), spec.grid, spec.inputs)
        assert np.allclose(features[0, heading], encoders.lidar.encode(view[None])[0, :, 0, 0], atol=1e-4)


def test_an_image_is_localized_on_a_map_of_whole_embeddings(trained, trained_map):
    """What is found is the place whose embedding is most like the image's, of all places and headings."""
    drive, bundle = trained
    frame = next(drive.images())
    name, read = next(iter(frame.images.items()))
    result = Localizer(trained_map, bundle).localize(read(), drive.cameras[name], 7)
    encoders = bundle.encoders()
    query = encoders.encode_camera(encoders.viewer(drive.cameras[name]).draw(read()))[0, 0]
    scores = trained_map.features[:, 0].astype(np.float32) @ query / 32767
    place = np.unravel_index(scores.argmax(), scores.shape)[0]
    there = inverse(trained_map.T_map_base[place]) @ result.best.T_map_base
    assert np.linalg.norm(there[:2, 3]) < 2.5 and result.best.score >= scores.max() - 1e-3


def test_whole_embeddings_are_calibrated_by_their_similarity_alone(trained, tmp_path):
    """Chance finds too few on noise: here each view's own row says where it was taken."""
    drive = open_drive(make_drive(tmp_path, frames=20))
    trials = gather_samples(drive, [replace(trained[0], name="elsewhere")], trained[1])
    assert len(trials) == 26 and all(trial.rows.shape[1] == 2 and not trial.rows[:, 1].any() for trial in trials)
    told = [replace(trial, rows=told_rows(trial)) for trial in trials]
    found = calibrate([replace(trial, similarity=trial.rows[:, 0].astype(float)) for trial in told], 1.0, "made")
    assert found.score_weights[0] > 0 and found.score_weights[1] == 0


def told_rows(trial):
    """(M, 2) rows that are highest where the view was taken, and low all over where that is not on the map."""
    rows = np.zeros_like(trial.rows)
    if trial.truth is not None:
        apart = difference(trial.poses, trial.truth)
        rows[:, 0] = np.exp(-np.square(apart[:, :2]).sum(axis=1) - 10 * np.square(apart[:, 2]))
    return rows


def test_a_saved_map_of_whole_embeddings_is_the_same_when_loaded(trained, trained_map, tmp_path):
    loaded = LidarMap.load(trained_map.save(tmp_path / "map").path, trained[1])
    assert np.array_equal(loaded.features, trained_map.features) and loaded.manifest.pool == 1
    assert loaded.index.search(loaded.features[2][:, 4:5] / np.float32(32767), 1)[0].place == 2


def test_a_map_is_found_in_by_its_own_embeddings(trained, trained_map):
    """Embeddings of any length keep it in the search: products decide, as released."""
    features = np.array(trained_map.features)
    features[3] //= 2
    shorter = replace(
        trained_map, features=features, index=type(trained_map.index).build(features, trained[1].spec.grid, 100, 1, 256)
    )
    best = shorter.index.search(features[3][:, 4:5] / np.float32(32767), 60)
    scores = {(c.place, c.heading): c.score for c in best}
    assert scores[3, 4] == pytest.approx(np.square(features[3, 0, 4] / 32767).sum(), rel=1e-3)
