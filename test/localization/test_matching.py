# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Feature comparison and clustering, against the formulas that describe them."""

import numpy as np
import pytest

from liploc_ros.geometry import pose_from_yaw, yaw_of
from liploc_ros.localization.clustering import cluster_matches, mean_pose
from liploc_ros.localization.config import MatchingConfig
from liploc_ros.localization.feature_comparison import SHARPNESS, compare_features


def test_row_scores_are_similarity_and_distinctiveness_of_each_row_at_each_shift(rng):
    """Cell by cell."""
    features, windows = rng.normal(size=(4, 6, 3)).astype(np.float32), rng.normal(size=(2, 4, 10, 3)).astype(np.float32)
    features /= np.linalg.norm(features, axis=-1, keepdims=True)
    windows /= np.linalg.norm(windows, axis=-1, keepdims=True)
    features[:, 0], windows[1, 2, :5] = 0, 0
    by_column = windows.transpose(0, 2, 1, 3)
    compared = compare_features(features, by_column, by_column.any(axis=-1))
    for m, s, row in np.ndindex(2, 5, 4):
        window = windows[m, row, s : s + 6]
        returned = window[window.any(axis=1)]
        both = [i for i in range(6) if window[i].any() and features[row, i].any()]
        cosines = [float(features[row, i] @ window[i]) for i in both]
        softmax = [1 / np.exp(SHARPNESS * (returned - window[i]) @ features[row, i]).sum() for i in both]
        distinctiveness = [max(0.0, np.log(len(returned) * p)) for p in softmax]
        assert compared.row_scores[m, s, row] == pytest.approx(np.mean(cosines or [0]), abs=1e-5)
        assert compared.row_scores[m, s, 4 + row] == pytest.approx(np.mean(distinctiveness or [0]), abs=1e-4)


def test_columns_that_agree_with_no_place_count_as_the_lowest_similarity(rng):
    """A column of the view is hidden: its mean cosine with any window is low, and is raised to 0.4 over all rows."""
    features = rng.normal(size=(4, 6, 3)).astype(np.float32)
    features /= np.linalg.norm(features, axis=-1, keepdims=True)
    windows = features.transpose(1, 0, 2)[None].copy()
    windows[0, 2] *= -1  # the hidden column, with a mean of -1
    windows[0, 4, 0] = 0  # a cell without a return does not count
    plain, robust = (compare_features(features, windows, windows.any(axis=-1), low) for low in (-1.0, 0.4))
    assert plain.row_scores[0, 0, :4] == pytest.approx([3 / 5, 4 / 6, 4 / 6, 4 / 6], abs=1e-5)
    assert robust.row_scores[0, 0, :4] == pytest.approx([4.4 / 5, 5.4 / 6, 5.4 / 6, 5.4 / 6], abs=1e-5)
    assert np.array_equal(plain.similarity, robust.similarity)
    assert np.array_equal(plain.row_scores[..., 4:], robust.row_scores[..., 4:])


def test_matches_that_agree_are_one_cluster_and_each_match_is_in_one(rng):
    """Poses around three centres; two of them have the same position and opposite headings."""
    centres = np.array([[0.0, 0, 0], [0.0, 0, np.pi], [60.0, 0, 0]])
    poses = centres[rng.integers(0, 3, 90)] + rng.uniform(-1, 1, (90, 3)) * [0.8, 0.8, 0.05]
    score, config = rng.normal(0, 2, 90), MatchingConfig(max_hypotheses=10)
    clusters = cluster_matches(poses, score, config)
    probability = np.exp(score) / np.exp(score).sum()
    assert len(clusters) == 3 and sorted(np.concatenate([c.members for c in clusters])) == list(range(90))
    for cluster in clusters:
        assert cluster.probability == pytest.approx(probability[cluster.members].sum())
        assert cluster.weights.sum() == pytest.approx(1)
        assert cluster.best == cluster.members[np.argmax(score[cluster.members])]
        assert np.ptp(poses[cluster.members, :2], axis=0).max() < 2 * config.merge_distance
    assert [c.probability for c in clusters] == sorted((c.probability for c in clusters), reverse=True)


def test_the_mean_pose_is_weighted_and_headings_wrap_around():
    poses = np.stack([pose_from_yaw(0, 0, 1, np.pi - 0.1), pose_from_yaw(4, 0, 1, -np.pi + 0.1)])
    T, covariance = mean_pose(poses, np.array([0.75, 0.25]), poses[0])
    assert T[:3, 3] == pytest.approx([1, 0, 1]) and yaw_of(T) == pytest.approx(np.pi - 0.05)
    assert covariance[0, 0] == pytest.approx(3) and covariance[5, 5] == pytest.approx(0.75 * 0.05**2 + 0.25 * 0.15**2)
