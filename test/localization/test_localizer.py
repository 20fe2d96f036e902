# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""From a real image to hypotheses on a map of the demo's street."""

from dataclasses import replace

import numpy as np
import pytest

from liploc_ros.geometry import MountedCamera, angle_difference, inverse, pose_from_yaw, yaw_of
from liploc_ros.geometry.se2 import se2_of
from liploc_ros.localization import (
    Localizer,
    LocalizerConfig,
    PosePrior,
    PriorError,
    Status,
    TrackingConfig,
    TrackingState,
)
from liploc_ros.localization.acceptance import accept
from liploc_ros.localization.config import AcceptanceConfig, CovarianceConfig, MatchingConfig
from liploc_ros.localization.hypotheses import Hypothesis
from liploc_ros.mapping import MapError, PlaceIndex
from liploc_ros.mapping.feature_table import PlainFeatures
from liploc_ros.mapping.lattice import PlaceLattice
from liploc_ros.views import ViewError


@pytest.fixture(scope="module")
def localizer(demo_map, bundle):
    return Localizer(demo_map, bundle)


@pytest.fixture(scope="module")
def localized(localizer, demo_drive, demo_camera):
    """(true pose, localization) of every image of the demo."""
    frames = list(demo_drive.images())
    return [
        (f.T_map_base, localizer.localize(f.images[demo_camera.frame_id](), demo_camera, f.stamp_ns)) for f in frames
    ]


def test_images_are_localized_where_they_were_taken(localized):
    position = [np.linalg.norm((inverse(true) @ found.best.T_map_base)[:2, 3]) for true, found in localized]
    heading = [abs(angle_difference(yaw_of(found.best.T_map_base), yaw_of(true))) for true, found in localized]
    assert np.mean(np.array(position) < 2) >= 0.9 and np.rad2deg(np.median(heading)) < 1


def test_the_steps_of_the_pipeline_give_what_localize_gives(demo_map, bundle, demo_camera, demo_image):
    localizer = Localizer(demo_map, bundle, LocalizerConfig(matching=MatchingConfig(tilt_reach=0)))
    view = localizer.encode(demo_image, demo_camera)
    by_steps = localizer.estimate(localizer.match(view, localizer.search(view)))
    at_once = localizer.localize(demo_image, demo_camera, 0)
    assert np.array_equal(by_steps.best.T_map_base, at_once.best.T_map_base)
    assert by_steps.message == at_once.message and set(at_once.timings) >= {"draw", "encode", "search", "match"}
    assert at_once.latency_ms >= sum(at_once.timings.values())


def test_thresholds_can_change_while_the_tracked_hypotheses_stay(demo_map, bundle, demo_camera, demo_image):
    localizer = Localizer(demo_map, bundle)
    hypotheses = len(localizer.track(demo_image, demo_camera, 0).hypotheses)
    strict = {"acceptance": AcceptanceConfig(min_confidence=1.0), "tracking": TrackingConfig(lost_probability=1e-9)}
    localizer.set_thresholds(LocalizerConfig(**strict))
    found = localizer.track(demo_image, demo_camera, 1)
    assert (found.state, len(found.hypotheses)) == (TrackingState.LOST, hypotheses)
    assert found.localization.status is Status.UNKNOWN_PLACE


def test_a_camera_that_looks_left_turns_the_vehicle_right(localizer, demo_drive, demo_camera):
    frame = list(demo_drive.images())[20]
    image = frame.images[demo_camera.frame_id]()
    left = MountedCamera("left", demo_camera.camera, pose_from_yaw(0, 0, 0, np.pi / 2) @ demo_camera.T_base_camera)
    one, other = (localizer.localize(image, camera, 0).best for camera in (demo_camera, left))
    difference = angle_difference(yaw_of(other.T_map_base), yaw_of(one.T_map_base))
    assert difference == pytest.approx(-np.pi / 2, abs=0.05)


def test_covariances_are_symmetric_and_positive_definite(localized):
    for _, found in localized:
        for hypothesis in found.hypotheses:
            assert np.allclose(hypothesis.covariance, hypothesis.covariance.T)
            assert np.linalg.eigvalsh(hypothesis.covariance).min() > 1e-5


def test_hypotheses_are_ordered_by_probability_and_sum_to_at_most_one(localized):
    for _, found in localized:
        probabilities = [h.probability for h in found.hypotheses]
        assert probabilities == sorted(probabilities, reverse=True) and 0 < sum(probabilities) <= 1 + 1e-9


@pytest.mark.parametrize("colour", [(0, 0, 0), (200, 60, 0)])
def test_a_uniform_image_is_an_unknown_place(localizer, demo_camera, colour):
    uniform = np.full((demo_camera.camera.height, demo_camera.camera.width, 3), colour, np.uint8)
    found = localizer.localize(uniform, demo_camera, 0)
    assert found.status is Status.UNKNOWN_PLACE and "contrast" in found.message


def test_a_grey_image_is_localized(localizer, demo_camera, demo_image, demo_drive):
    found = localizer.localize(demo_image.mean(axis=-1).astype(np.uint8), demo_camera, 7)
    true = next(demo_drive.images()).T_map_base
    assert np.linalg.norm(found.best.T_map_base[:2, 3] - true[:2, 3]) < 5 and found.stamp_ns == 7


def test_an_image_of_the_wrong_size_is_refused(localizer, demo_camera):
    with pytest.raises(ViewError, match="calibrated for"):
        localizer.localize(np.zeros((20, 20, 3), np.uint8), demo_camera, 0)


def test_a_map_of_another_model_is_refused(demo_map, bundle):
    manifest = demo_map.manifest.model_copy(update={"model_id": "0" * 64})
    with pytest.raises(MapError, match="made by model 000000000000"):
        Localizer(replace(demo_map, manifest=manifest), bundle)


@pytest.mark.slow
def test_two_places_that_look_alike_are_ambiguous_and_both_are_reported(plain_map, bundle, demo_camera, demo_image):
    """The same street twice, a kilometre apart."""
    moved = plain_map.T_map_base.copy()
    moved[:, 0, 3] += 1000
    features = np.concatenate([plain_map.features.array] * 2)
    twice = replace(
        plain_map,
        T_map_base=np.concatenate([plain_map.T_map_base, moved]),
        lattice=PlaceLattice.joined([plain_map.lattice, plain_map.lattice]),
        features=PlainFeatures(features),
        index=PlaceIndex.build(features, bundle.spec, 256),
    )
    config = LocalizerConfig(acceptance=AcceptanceConfig(min_confidence=0, min_margin=0.1))
    found = Localizer(twice, bundle, config).localize(demo_image, demo_camera, 0)
    distance = abs(found.hypotheses[0].T_map_base[0, 3] - found.hypotheses[1].T_map_base[0, 3])
    assert found.status is Status.AMBIGUOUS and distance == pytest.approx(1000, abs=1)


def test_negative_settings_are_those_of_the_confidence_model(demo_map, bundle):
    given = LocalizerConfig(covariance=CovarianceConfig(sigma_heading=0.5))
    config, model = Localizer(demo_map, bundle, given).config, demo_map.manifest.confidence_model
    assert config.acceptance.min_confidence == model.min_confidence
    assert config.covariance.sigma_position == model.sigma_position and config.covariance.sigma_heading == 0.5


def test_a_prior_restricts_hypotheses_to_its_neighbourhood(localizer, demo_drive, demo_camera, demo_image):
    true = se2_of(next(demo_drive.images()).T_map_base)
    near = localizer.localize(demo_image, demo_camera, 0, PosePrior(true, np.diag([4.0, 4.0, 0.01])))
    assert np.linalg.norm(se2_of(near.best.T_map_base)[:2] - true[:2]) < 2 and near.best.confidence > 0.5
    elsewhere = PosePrior(se2_of(localizer.lidar_map.T_map_base[120]), np.diag([1.0, 1.0, 0.01]))
    far = localizer.localize(demo_image, demo_camera, 0, elsewhere)
    poses = np.array([se2_of(h.T_map_base) for h in far.hypotheses])
    assert np.linalg.norm(poses[:, :2] - elsewhere.mean[:2], axis=1).max() < 6
    assert np.abs(angle_difference(poses[:, 2], elsewhere.mean[2])).max() < 0.6


def test_a_prior_off_the_map_leaves_an_unknown_place(localizer, demo_camera, demo_image):
    off_map = PosePrior(np.array([1e5, 0.0, 0.0]), np.eye(3))
    found = localizer.localize(demo_image, demo_camera, 0, off_map)
    assert found.status is Status.UNKNOWN_PLACE and not found.hypotheses


@pytest.mark.parametrize("covariance", [np.eye(2), np.full((3, 3), np.nan), -np.eye(3)])
def test_a_prior_that_is_no_gaussian_is_refused(covariance):
    with pytest.raises(PriorError, match="prior"):
        PosePrior(np.zeros(3), covariance)


def hypothesis(confidence, probability):
    return Hypothesis(np.eye(4), np.eye(6), 0.5, probability, 0, "c", confidence)


@pytest.mark.parametrize(
    ("found", "status"),
    [
        ([], Status.UNKNOWN_PLACE),
        ([(0.3, 0.9)], Status.UNKNOWN_PLACE),
        ([(0.9, 0.9)], Status.SUCCESS),
        ([(0.9, 0.5), (0.9, 0.45)], Status.AMBIGUOUS),
        ([(0.9, 0.8), (0.2, 0.1)], Status.SUCCESS),
    ],
)
def test_acceptance_needs_confidence_and_margin(found, status):
    thresholds = AcceptanceConfig(min_confidence=0.5, min_margin=0.1)
    assert accept([hypothesis(*values) for values in found], thresholds)[0] is status
