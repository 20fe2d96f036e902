# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Counting lost images, message by message."""

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("rclpy")

from liploc_ros.nodes.common.diagnostics import Health, Level
from liploc_ros.nodes.subscriptions.lost_messages import LostMessages

SECOND = 1_000_000_000
START = 1_700_000_000.0


def lost_of(stamps, sequences=None):
    """Receive messages with these stamps [s] at once, and return the counter."""
    lost = LostMessages()
    for row, stamp in enumerate(stamps):
        sequence = None if sequences is None else sequences[row]
        message = SimpleNamespace(stamp_ns=int(stamp * SECOND), sequence=sequence, publisher=b"")
        lost.add(message, now=stamp)
    return lost


def camera(images=100, rate=10.0):
    return START + np.arange(images) / rate


def test_nothing_is_lost_at_a_steady_rate_with_jitter(rng):
    assert lost_of(camera() + rng.normal(0, 0.01, 100)).total == 0


@pytest.mark.parametrize("rate", [1.0, 10.0, 30.0])
def test_gaps_of_the_stamps_are_counted(rng, rate):
    arrived = np.r_[np.arange(20), 20 + np.flatnonzero(rng.random(200) > 0.2)]
    assert lost_of(camera(221, rate)[arrived]).total == arrived[-1] + 1 - len(arrived)


def test_an_image_that_is_late_is_not_lost():
    stamps = camera()
    stamps[30] += 0.09
    stamps[60:63] += [0.25, 0.17, 0.09]
    assert lost_of(stamps).total == 0


def test_gaps_of_stamps_and_sequence_numbers_are_counted_once():
    arrived = np.delete(np.arange(100), range(20, 90, 10))
    assert lost_of(camera()[arrived], (arrived + 1).tolist()).total == 7


def test_images_that_a_driver_drops_are_counted_although_the_sequence_numbers_have_no_gap():
    arrived = np.delete(np.arange(100), range(20, 90, 10))
    assert lost_of(camera()[arrived], [*range(1, 94)]).total == 7


def test_a_camera_that_pauses_loses_nothing():
    assert lost_of(np.r_[camera(), camera() + 60.0]).total == 0


def test_a_clock_that_jumps_loses_nothing():
    for jump in (-3600.0, 0.5, 3600.0):
        lost = LostMessages()
        for row, stamp in enumerate(np.r_[camera(50), camera(50) + 5.0 + jump]):
            lost.add(SimpleNamespace(stamp_ns=int(stamp * SECOND), sequence=None, publisher=b""), now=row / 10)
        assert lost.total == 0


def test_images_at_irregular_distances_are_not_lost(rng):
    assert lost_of(START + np.cumsum(rng.uniform(0.1, 1.0, 100))).total == 0


def test_repeated_and_late_messages_are_not_lost():
    stamps = np.repeat(camera(), 2)
    stamps[41], stamps[43] = stamps[43], stamps[41]
    assert lost_of(stamps).total == 0


def test_gaps_of_the_sequence_numbers_are_counted_at_any_rate():
    arrived = np.arange(0, 100, 10)
    assert lost_of(camera()[arrived], (arrived + 1).tolist()).total == 81


def test_a_restarted_publisher_loses_nothing():
    assert lost_of(camera(40), [*range(100, 120), *range(1, 21)]).total == 0


def test_more_than_a_few_percent_are_a_warning_with_the_remedy():
    stamps = np.delete(camera(), range(20, 90, 10))
    health = Health()
    warning = lost_of(stamps).report(health, "/image", now=stamps[-1])
    assert (health.level, health.values["images lost"], health.values["images lost, ratio"]) == (
        Level.WARN,
        "7",
        "0.070",
    )
    assert "7% of the images" in warning
    assert "shared-memory segment" in warning


def test_the_warning_ends_after_the_window():
    stamps = np.delete(camera(), range(20, 90, 10))
    health = Health()
    assert not lost_of(stamps).report(health, "/image", now=stamps[-1] + 31.0)
    assert (health.level, health.values["images lost"]) == (Level.OK, "7")
