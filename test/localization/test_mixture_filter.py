# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The filter behind tracking, on made-up hypotheses."""

import numpy as np
import pytest

from liploc_ros.geometry.se2 import compose
from liploc_ros.localization import TrackingConfig
from liploc_ros.localization.tracking.measurement import Measurement
from liploc_ros.localization.tracking.mixture_filter import SPEED, YAW, MixtureFilter, X
from liploc_ros.localization.tracking.motion import Motion, motion_between

NO_MATCH = Measurement(np.zeros((0, 3)), np.zeros(0), np.zeros(0), np.ones(3))


def filter_at(pose, sigma=0.1):
    mixture = MixtureFilter(TrackingConfig(), distinct_poses=1000)
    mixture.spawn(np.array([pose]), np.eye(3)[None] * sigma**2, np.zeros((1, 0)), np.ones(1))
    return mixture


def test_existence_log_odds_count_in_the_ranking():
    mixture = MixtureFilter(TrackingConfig(), distinct_poses=10)
    poses = np.array([[0.0, 0, 0], [50, 0, 0]])
    mixture.spawn(poses, np.eye(3)[None].repeat(2, 0), np.zeros((2, 0)), np.array([-3.0, 5]))
    mixture.update(NO_MATCH, np.array([9.1, 9.0]), 1.0)
    assert list(mixture.ranking) == [1, 0] and mixture.probability[1] > mixture.probability[0]


def test_ten_images_that_are_a_tenth_new_count_as_one_that_is_new():
    one, ten = (filter_at((0.0, 0.0, 0.0)) for _ in range(2))
    one.update(NO_MATCH, np.array([8.0]), 1.0)
    for _ in range(10):
        ten.update(NO_MATCH, np.array([8.0]), 0.1)
    assert ten.log_likelihood[0] == pytest.approx(one.log_likelihood[0])


def test_a_reversing_vehicle_moves_backwards():
    mixture = filter_at((0.0, 0.0, 0.0))
    mixture.state[0, SPEED] = -3.0
    motion = motion_between(1.0, None, None, mixture.expected_speed, TrackingConfig())
    mixture.predict(motion)
    assert mixture.state[0, X] == -3 and motion.displacement_at(mixture.expected_speed) == pytest.approx([-3, 0, 0])


@pytest.mark.parametrize("rate", [1, 30])
def test_uncertainty_without_odometry_is_independent_of_the_image_rate(rate):
    mixture, config = filter_at((0.0, 0.0, 0.0)), TrackingConfig()
    mixture.covariance[0, SPEED, SPEED], mixture.state[0, SPEED] = 0.01, 5.0
    for _ in range(2 * rate):
        mixture.predict(motion_between(1 / rate, None, None, 5.0, config))
    sigma = np.sqrt(mixture.covariance[0, YAW, YAW] - 0.01)
    assert sigma == pytest.approx(config.turn_rate_sigma * np.sqrt(2), rel=0.01)


def test_prediction_has_the_mean_and_covariance_of_simulated_vehicles(rng):
    mixture = filter_at((3.0, -2.0, 0.7))
    displacement, sigma = np.array([4.0, 0.2, 0.3]), np.array([0.3, 0.2, 0.05])
    vehicles = np.array([3.0, -2.0, 0.7]) + 0.1 * rng.standard_normal((20_000, 3))
    mixture.predict(Motion(0.5, displacement, sigma))
    moved = compose(compose(vehicles, displacement), sigma * rng.standard_normal((len(vehicles), 3)))
    assert np.allclose(mixture.state[0, :3], moved.mean(axis=0), atol=0.05)
    assert np.allclose(mixture.covariance[0, :3, :3], np.cov(moved.T), atol=0.03)


def test_a_match_moves_a_hypothesis_by_the_kalman_gain():
    mixture = filter_at((0.0, 0.0, 0.0), sigma=0.5)
    match = Measurement(np.array([[1.0, 0.0, 0.0]]), np.zeros(1), np.array([3.0]), np.array([0.5, 0.5, 0.5]))
    mixture.update(match, np.array([1.0]), 1.0)
    assert mixture.state[0, :2] == pytest.approx([0.5, 0.0]) and mixture.covariance[0, 0, 0] == pytest.approx(0.125)
    assert mixture.existence_log_odds[0] > 1


def test_hypotheses_that_agree_are_merged_and_unlikely_ones_removed():
    mixture = MixtureFilter(TrackingConfig(), distinct_poses=10)
    poses = np.array([[0.0, 0, 0], [1, 0, 0], [50, 0, 0], [90, 0, 0]])
    mixture.update(NO_MATCH, np.zeros(0), 1.0)  # one image so far
    mixture.spawn(poses, np.eye(3)[None].repeat(4, 0), np.array([[5.0], [9], [8], [-40]]), np.ones(4))
    mixture.merge_and_prune()
    assert mixture.state[:, X].tolist() == [1, 50]
