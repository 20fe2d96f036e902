# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Checking stamps, message by message."""

import pytest

pytest.importorskip("rclpy")

from liploc_ros.nodes.common.diagnostics import Health, Level
from liploc_ros.nodes.subscriptions.stamps import (
    IMAGES,
    ODOMETRY,
    SCANS,
    ClockStampCheck,
    RelativeStampCheck,
    StampFault,
)

SECOND = 1_000_000_000
START = 1_700_000_000.0
HOUR = 3600.0


def ns(seconds):
    return int(seconds * SECOND)


@pytest.mark.parametrize(
    ("stamp", "fault"),
    [
        (0.0, StampFault.ZERO),
        (START - 3600.0, StampFault.OLD),
        (START + 60.0, StampFault.FUTURE),
        (START - 86_400.0 * 365, StampFault.RECORDED),
        (START - 1.0, None),
        (START + 1.0, None),
    ],
)
def test_stamps_are_compared_with_the_clock(stamp, fault):
    error = ClockStampCheck("/image", IMAGES, 2.0).check(int(stamp * SECOND), int(START * SECOND), 0.0)
    assert (error.fault if error else None) == fault


def test_without_a_limit_no_image_is_too_old():
    assert ClockStampCheck("/image", IMAGES, 0.0).check(SECOND, int(START * SECOND), 0.0) is None


def test_before_the_first_clock_message_ages_are_not_known():
    assert ClockStampCheck("/image", IMAGES, 2.0).check(int(START * SECOND), 0, 0.0) is None


@pytest.mark.parametrize(
    ("difference", "fault"),
    [(-HOUR, StampFault.OLD), (HOUR, StampFault.FUTURE), (-START, StampFault.ZERO), (30.0, None), (-30.0, None)],
)
def test_stamps_are_compared_with_those_of_other_messages_whatever_the_clock(difference, fault):
    check = RelativeStampCheck("/points", SCANS, "the newest odometry", "compare the clocks")
    error = check.check(ns(START + difference), ns(START), 0.0)
    assert (error.fault if error else None) == fault


def test_before_the_first_other_message_only_zero_and_constant_stamps_are_refused():
    check = RelativeStampCheck("/points", SCANS, "the newest odometry", "compare the clocks")
    assert check.check(ns(START), 0, 0.0) is None
    errors = [check.check(ns(START), 0, 0.1 * number) for number in range(1, 15)]
    assert errors[:9] == [None] * 9
    assert errors[-1].fault is StampFault.CONSTANT


def test_each_kind_of_fault_is_counted_and_is_a_warning_for_some_seconds():
    check = ClockStampCheck("/odom", ODOMETRY, 2.0)
    for stamp in (0.0, START + HOUR, START - HOUR, START):
        check.check(ns(stamp), ns(START), 0.0)
    kinds = ("zero", "constant", "old", "future")
    for now, level in ((1.0, Level.WARN), (6.0, Level.OK)):
        health = Health()
        check.report(health, now)
        assert health.level is level
        assert [health.values[f"odometry refused: {kind} stamp"] for kind in kinds] == ["1", "0", "1", "1"]
