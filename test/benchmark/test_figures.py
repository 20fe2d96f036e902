# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""`make figures`: the pictures of README and docs."""

import numpy as np
import pytest

pytest.importorskip("benchmarks.figures", reason="the tests run outside the source tree")

from benchmarks.figures.from_above import EXTENT, FromAbove, ellipse
from benchmarks.figures.layout import Page
from benchmarks.figures.recall import draw_recall, read_table
from liploc_ros.errors import LiplocError


def test_the_curves_of_the_docs_have_three_drives_and_a_value_for_each_gap():
    curves = read_table()
    assert list(curves) == ["0013", "0005", "0001"]
    assert {len(recall) for by_recipe in curves.values() for recall in by_recipe.values()} == {5}
    assert draw_recall(curves).webp()[8:12] == b"WEBP"


def test_a_page_without_the_table_is_an_error(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Benchmarks\n")
    with pytest.raises(LiplocError, match="has no table"):
        read_table(page)


def test_the_ellipse_has_two_standard_deviations_to_each_side():
    shape = ellipse(np.zeros(2), np.diag([0.04, 0.25]), "k")
    assert (shape.width, shape.height) == pytest.approx((2.0, 0.8))
    assert abs(np.sin(np.deg2rad(shape.angle))) == pytest.approx(1)


class Straight:
    """A street of 100 m along the map's x axis."""

    R = np.eye(2)
    places = path = np.column_stack([np.arange(-50.0, 50.0), np.zeros(100)])
    points, heights, yaw = places, np.zeros(100), 0.0

    def of(self, positions):
        return positions


class Tracked:
    means, covariances, probabilities = np.array([[10.0, 0, 0]]), np.eye(3)[None], np.array([0.9])

    class result:  # noqa: N801
        probability_lost = 0.1


def test_the_belief_is_strongest_at_the_hypothesis_and_covers_the_rest_of_the_street():
    strength = FromAbove(Straight()).belief(Tracked(), 0.1, EXTENT)[..., 3]
    x = np.linspace(EXTENT[0], EXTENT[1], strength.shape[1])
    row = np.abs(np.linspace(EXTENT[2], EXTENT[3], len(strength))).argmin()
    assert strength[row, np.abs(x - 10).argmin()] == strength.max()
    assert 0 < strength[row, np.abs(x + 40).argmin()] < strength.max()
    assert strength[row, np.abs(x - 90).argmin()] == 0


def test_a_page_is_as_large_as_its_units_say():
    assert Page(300, dpi=120).pixels().shape == (360, 1200, 3)
