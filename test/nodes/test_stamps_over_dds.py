# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Stamps of odometry and scans that cannot be used: refused, counted, each with a warning. All over DDS."""

import copy
import time

import pytest

pytest.importorskip("rclpy")

from nav_msgs.msg import Odometry
from support.ros_bench import RELIABLE, messages_of

from liploc_ros.datasets.mounts import format_mount
from liploc_ros.geometry import pose_from_yaw
from liploc_ros.nodes.common.conversions import header_at, pose_to_message, stamp_ns_of
from liploc_ros.nodes.localizer.node import LocalizerNode
from liploc_ros.nodes.map_builder.node import MapBuilderNode

OK, WARN, ERROR = 0, 1, 2
SECOND = 1_000_000_000
HOUR = 3600 * SECOND
YEAR = 365 * 24 * HOUR
REFUSED = ["zero", "constant", "old", "future"]


def odometry(stamp_ns, x=0.0):
    msg = Odometry(header=header_at(stamp_ns, "odom"), child_frame_id="base_link")
    msg.pose.pose = pose_to_message(pose_from_yaw(x, 0, 0, 0))
    return msg


def counts(status, what):
    values = {item.key: item.value for item in status.values}
    return {kind: int(values[f"{what} refused: {kind} stamp"]) for kind in REFUSED}


def only(kind):
    return {name: int(name == kind) for name in REFUSED}


@pytest.fixture
def localizer(bench, settings):
    return bench.start(LocalizerNode, **{**settings, "max_image_age": 2.0}, odometry_topic="/odom")


@pytest.fixture(scope="module")
def recorded_scan(demo_bag):
    return messages_of(demo_bag, "/points")["/points"][0]


@pytest.fixture
def scan(recorded_scan):
    """Return a function that gives the scan another stamp."""

    def stamped(stamp_ns):
        msg = copy.copy(recorded_scan)
        msg.header = header_at(stamp_ns, recorded_scan.header.frame_id)
        return msg

    return stamped


@pytest.fixture
def builder(bench, demo_drive):
    mount = format_mount(demo_drive.lidar_frame, demo_drive.T_base_lidar)
    parameters = {"reliability": "reliable", "keyframe_spacing": 5.0, "odometry_timeout": 2.0}
    return bench.start(MapBuilderNode, sensor_mounts=[mount], **parameters)


@pytest.mark.parametrize(
    ("kind", "offset", "words"),
    [
        ("zero", None, "stamps are zero"),
        ("old", -HOUR, "the odometry message is 3600 s old"),
        ("future", HOUR, "in the future"),
    ],
)
def test_odometry_of_the_localizer_with_a_bad_stamp_is_refused_and_good_odometry_is_kept(
    bench, localizer, kind, offset, words
):
    now = bench.peer.get_clock().now().nanoseconds
    bench.publish("/odom", odometry(now))
    bench.publish("/odom", odometry(0 if offset is None else now + offset))
    status = bench.wait_for_health(WARN, ["/odom", words])
    assert counts(status, "odometry") == only(kind)
    assert localizer._resources._odometry.pose_at(now) is not None


def test_odometry_of_the_localizer_whose_stamps_stand_still_is_refused(bench, localizer):
    standing = odometry(bench.peer.get_clock().now().nanoseconds)
    for _ in range(14):
        bench.publish("/odom", standing)
        time.sleep(0.1)
    status = bench.wait_for_health(WARN, ["/odom", "have the same stamp"])
    assert counts(status, "odometry")["constant"] > 0


def test_odometry_of_a_recording_without_simulated_time_is_used_with_a_warning(bench, localizer):
    bench.publish("/odom", odometry(YEAR))
    bench.wait_for_health(WARN, ["/odom", "days old", "use_sim_time"])
    assert localizer._resources._odometry.pose_at(YEAR) is not None


def test_a_limit_that_is_changed_at_run_time_holds_for_odometry_too(bench, localizer):
    from rclpy.parameter import Parameter

    localizer.set_parameters([Parameter("max_image_age", value=0.0)])
    bench.publish("/odom", odometry(bench.peer.get_clock().now().nanoseconds - HOUR))
    bench.wait_for_health(OK, ["odometry arrives"])


def drive(bench, scan, begin_ns, *, first=0.0, metres=20):
    """Drive at 10 m/s, with a scan every 10 m."""
    for step in range(metres + 1):
        stamp_ns = begin_ns + step * SECOND // 10
        bench.publish("/odom", odometry(stamp_ns, first + step))
        if step % 10 == 5:
            bench.publish("/points", scan(stamp_ns))


@pytest.mark.parametrize("begin", [-HOUR, -YEAR, HOUR], ids=["an hour ago", "a year ago", "in an hour"])
def test_the_builder_uses_a_recording_of_any_time_by_the_clock_of_the_computer(bench, builder, scan, begin):
    drive(bench, scan, bench.peer.get_clock().now().nanoseconds + begin)
    bench.wait(lambda: builder.collector.keyframes == 2, "keyframes are missing")
    bench.wait_for_health(OK, ["2 keyframes"])


@pytest.mark.parametrize(
    ("kind", "offset", "words"),
    [
        ("zero", None, "stamps are zero"),
        ("old", -HOUR, "the scan is 3600 s older than the newest odometry on /odom"),
        ("future", HOUR, "the scan is 3600 s newer than the newest odometry on /odom"),
    ],
)
def test_scans_whose_stamps_do_not_fit_the_odometry_are_refused_at_once(bench, builder, scan, kind, offset, words):
    drive(bench, scan, YEAR)
    bench.wait(lambda: builder.collector.keyframes == 2, "keyframes are missing")
    bench.publish("/points", scan(0 if offset is None else YEAR + 2 * SECOND + offset))
    status = bench.wait_for_health(WARN, ["/points", words])
    assert (counts(status, "scans"), counts(status, "odometry")) == (only(kind), only(None))
    assert builder.collector.dropped == 1


def test_scans_whose_stamps_stand_still_are_refused(bench, builder, scan):
    bench.publish("/odom", odometry(YEAR))
    for _ in range(14):
        bench.publish("/points", scan(YEAR))
        time.sleep(0.1)
    status = bench.wait_for_health(ERROR, ["/points", "has the stamp of the last one", "the stamps stand still"])
    assert counts(status, "scans")["constant"] > 0


def test_a_single_odometry_message_from_the_far_future_does_not_spoil_a_map(bench, builder, scan):
    drive(bench, scan, YEAR)
    bench.publish("/odom", odometry(100 * YEAR))
    drive(bench, scan, YEAR + 3 * SECOND, first=30.0)
    bench.wait(lambda: builder.collector.keyframes == 4, "keyframes are missing")
    assert counts(bench.wait_for_health(WARN, ["/odom", "than the one before it"]), "odometry")["future"] == 1


def test_a_first_odometry_message_from_the_far_future_does_not_spoil_a_map(bench, builder, scan):
    bench.publish("/odom", odometry(100 * YEAR))
    for tenths in (2, 1):
        bench.publish("/odom", odometry(YEAR - tenths * SECOND // 10, -tenths))
    bench.wait(lambda: builder.collector.newest_odometry_ns < 2 * YEAR, "the right time is not followed")
    drive(bench, scan, YEAR)
    bench.wait(lambda: builder.collector.keyframes == 2, "keyframes are missing")


def test_the_map_is_continued_after_the_clock_was_set(bench, builder, scan):
    """As on a computer that starts in 1970 and learns the time from GNSS while the vehicle drives."""
    drive(bench, scan, SECOND)
    bench.wait(lambda: builder.collector.keyframes == 2, "keyframes are missing")
    for tenths in (2, 1):  # the first message after the jump is refused
        bench.publish("/odom", odometry(50 * YEAR - tenths * SECOND // 10, 30.0 - tenths))
    bench.wait(lambda: builder.collector.newest_odometry_ns > 49 * YEAR, "the jump is not followed")
    drive(bench, scan, 50 * YEAR, first=30.0)
    bench.wait(lambda: builder.collector.keyframes == 4, "keyframes are missing")


def test_a_builder_whose_scans_all_have_bad_stamps_tells_why_it_wrote_no_map(bench, builder, scan):
    bench.publishers["/points"] = bench.peer.create_publisher(type(scan(0)), "/points", RELIABLE)
    bench.publish("/odom", odometry(YEAR))
    for _ in range(3):
        bench.publish("/points", scan(0))
    bench.wait(lambda: builder.collector.received == 3, "scans are missing")
    builder.close()
    assert "0 of 3 scans on /points kept; /points: stamps are zero" in builder.why_no_result()
    assert stamp_ns_of(scan(0)) == 0
