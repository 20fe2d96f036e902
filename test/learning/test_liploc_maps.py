# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Bundles and maps of LIP-Loc's method (`pip install .[train]`)."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make train installs it")

from support.kitti_maker import make_drive  # noqa: E402

from liploc_ros.datasets import open_drive  # noqa: E402
from liploc_ros.encoders import lidar_input  # noqa: E402
from liploc_ros.evaluation.confidence_samples import gather_samples  # noqa: E402
from liploc_ros.geometry import inverse  # noqa: E402
from liploc_ros.geometry.se2 import difference  # noqa: E402
from liploc_ros.learning.method import RANDOM  # noqa: E402
from liploc_ros.learning.run import TrainingRun  # noqa: E402
from liploc_ros.localization import Localizer  # noqa: E402
from liploc_ros.localization.calibration.fit import fit_confidence_model  # noqa: E402
from liploc_ros.mapping import LidarMap, MapConfig, build_map  # noqa: E402
from liploc_ros.mapping.search.place_index import PlaceIndex  # noqa: E402
from liploc_ros.views import draw_panorama  # noqa: E402

TINY = {"encoder": "test_vit", "batch": 4, "headings": 9, "min_negative_distance": 0.5, "steps": 2}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A drive, and a bundle after two training steps on it."""
    folder = tmp_path_factory.mktemp("liploc")
    drive = make_drive(folder, frames=6)
    run = TrainingRun.prepare("liploc", [drive], changes=TINY)
    bundle, _ = run.execute(folder / "model", RANDOM)
    return open_drive(drive), bundle


@pytest.fixture(scope="module")
def trained_map(trained):
    drive, bundle = trained
    return build_map(drive, bundle, MapConfig(keyframe_spacing=0.5))


def test_the_spec_of_a_bundle_describes_whole_image_embeddings(trained):
    spec = trained[1].spec
    assert (spec.method, spec.pool, spec.stride, spec.channels) == ("liploc", 1, 100, 256)
    assert spec.training.trunk == "none: random weights" and "test_vit" in spec.licence


def test_the_feature_of_a_heading_is_the_embedding_of_its_view(trained):
    drive, bundle = trained
    encoders, spec = bundle.encoders(), bundle.spec
    panorama = draw_panorama(drive.frames[0].read_points(), spec.grid)
    features = encoders.encode_panorama(panorama)
    assert features.shape == (1, 9, 256)
    for heading, yaw in enumerate(spec.heading_yaw(np.arange(9))):
        view = lidar_input(panorama.facing(spec.grid, yaw), spec.grid, spec.inputs)
        assert np.allclose(features[0, heading], encoders.lidar.encode(view[None])[0, :, 0, 0], atol=1e-4)


def test_an_image_is_localized_on_a_map_of_whole_image_embeddings(trained, trained_map):
    """The result is the place with the embedding most similar to that of the image, of all places and headings."""
    drive, bundle = trained
    frame = next(drive.images())
    name, read = next(iter(frame.images.items()))
    result = Localizer(trained_map, bundle).localize(read(), drive.cameras[name], 7)
    encoders = bundle.encoders()
    query = encoders.encode_camera(encoders.viewer(drive.cameras[name]).draw(read()))[0, 0]
    scores = trained_map.features.array[:, 0].astype(np.float32) @ query / 32767
    place = np.unravel_index(scores.argmax(), scores.shape)[0]
    T_place_base = inverse(trained_map.T_map_base[place]) @ result.best.T_map_base
    assert np.linalg.norm(T_place_base[:2, 3]) < 2.5 and result.best.score >= scores.max() - 1e-3


def test_the_confidence_model_of_whole_image_embeddings_uses_only_their_similarity(trained, tmp_path):
    """An untrained model localizes too few images for a fit, so the similarities are replaced by ideal ones."""
    drive = open_drive(make_drive(tmp_path, frames=20))
    samples = gather_samples(drive, [replace(trained[0], name="elsewhere")], trained[1], protocols=["gap-8"])
    assert len(samples) == 26
    assert all(sample.row_scores.shape[1] == 2 and not sample.row_scores[:, 1].any() for sample in samples)
    fitted = fit_confidence_model([ideal(sample) for sample in samples], (1.0, 0.0), "ideal similarities")
    assert fitted.score_weights[0] > 0 and fitted.score_weights[1] == 0


def ideal(sample):
    """Return a sample whose similarity peaks at the true pose, and is 0 if the image was not taken on the map."""
    row_scores = np.zeros_like(sample.row_scores)
    if sample.truth is not None:
        offset = difference(sample.poses, sample.truth)
        row_scores[:, 0] = np.exp(-np.square(offset[:, :2]).sum(axis=1) - 10 * np.square(offset[:, 2]))
    return replace(sample, row_scores=row_scores, similarity=row_scores[:, 0].astype(float))


def test_a_map_of_whole_image_embeddings_is_unchanged_after_saving_and_loading(trained, trained_map, tmp_path):
    loaded = LidarMap.load(trained_map.save(tmp_path / "map").path, trained[1])
    assert np.array_equal(loaded.features, trained_map.features) and loaded.manifest.pool == 1
    assert loaded.index.search(loaded.features.array[2][:, 4:5] / np.float32(32767), 1)[0].place == 2


def test_the_search_ranks_embeddings_by_their_inner_product(trained, trained_map):
    """Embeddings of the released recipe are not normalized, so the length affects the ranking."""
    features = np.array(trained_map.features)
    features[3] //= 2
    index = PlaceIndex.build(features, trained[1].spec, 256)
    best = index.search(features[3][:, 4:5] / np.float32(32767), 60)
    scores = {(c.place, c.heading): c.score for c in best}
    assert scores[3, 4] == pytest.approx(np.square(features[3, 0, 4] / 32767).sum(), rel=1e-3)
