# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Excerpts of KITTI drives."""

import numpy as np
import pytest

from liploc_ros.datasets.kitti.excerpt import ExcerptOptions, coarsen, select_frames


def test_scans_of_an_excerpt_are_10_m_apart_with_images_between() -> None:
    distances = np.cumsum(np.full(144, 1.2))
    selection = select_frames(distances, ExcerptOptions())
    scans, images = sorted(selection.scans), sorted(selection.images)
    assert np.diff(distances[scans]).min() >= 10
    assert len(images) == 40
    assert not set(images) & set(scans)
    assert np.diff(distances[images]).max() < 7


@pytest.mark.slow
def test_coarse_points_are_near_original_points_and_all_far_points_are_kept() -> None:
    points = np.random.default_rng(2).normal(0, [10, 10, 0.5, 10], (5000, 4)).astype(np.float32)
    points[:, 3] = np.clip(np.abs(points[:, 3]) / 10, 0, 1)
    options = ExcerptOptions()
    coarse = coarsen(points, options)
    nearest = np.abs(coarse[:, None, :3] - points[None, :, :3]).max(axis=2).min(axis=1)
    assert nearest.max() <= options.xy_step / 2 + 1e-6
    is_far = np.linalg.norm(points[:, :3], axis=1) > options.thinning_range
    assert len(coarse) >= is_far.sum()
    assert len(coarse) < len(points)
