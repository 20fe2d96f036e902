# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""What the localizer logs about a run."""

import pytest

pytest.importorskip("rclpy")

from support.ros_bench import IMAGE, INFO

from liploc_ros.localization import TrackingState
from liploc_ros.msg import PoseHypothesisArray
from liploc_ros.nodes.localizer.node import LocalizerNode
from liploc_ros.nodes.localizer.run_report import StateLog

LOST, CONVERGING, LOCALIZED = TrackingState.LOST, TrackingState.CONVERGING, TrackingState.LOCALIZED


@pytest.fixture
def lines():
    return []


@pytest.fixture
def log(lines):
    class Logger:
        info = lines.append

    return StateLog(Logger())


def test_each_change_of_the_state_of_tracking_is_one_line(log, lines):
    for second, state in enumerate([LOST, CONVERGING, CONVERGING, LOCALIZED, LOST]):
        log.update(state, "why", 10.0 * second)
    assert lines == [
        "tracking: LOST -> CONVERGING: why",
        "tracking: CONVERGING -> LOCALIZED: why",
        "tracking: LOCALIZED -> LOST: why",
    ]


def test_a_state_that_changes_with_every_image_is_logged_every_two_seconds(log, lines):
    for image in range(101):
        log.update(LOCALIZED if image % 2 else LOST, "why", 0.1 * image)
    assert 2 < len(lines) < 7
    assert lines[1].startswith("tracking: LOCALIZED -> LOST (") and "changes since the last line): why" in lines[1]


def test_the_end_of_a_run_has_one_line_with_all_counts(bench, settings, image, info, capfd):
    received = bench.subscribe(PoseHypothesisArray, "/localizer/hypotheses")
    node = bench.start(LocalizerNode, **settings)
    bench.publish(INFO, info)
    bench.publish(IMAGE, image)
    bench.wait(lambda: received, "no hypotheses")
    node.localize_image(node.cameras[0], node.cameras[0].latest)  # as ~/localize does
    bench.wait(lambda: len(received) == 2, "no second result")
    image.data = image.data[:1000]
    bench.publish(IMAGE, image)
    bench.wait(lambda: len(received) == 3, "the damaged image has no result")
    node.close()
    summaries = [line for line in capfd.readouterr().err.splitlines() if "summary: " in line]
    assert len(summaries) == 1
    assert "2 images, 1 accepted, 0 m localized, " in summaries[0]
    assert summaries[0].endswith("at the end, 1 dropped (0 replaced by newer ones, 1 unusable), 0 never arrived")
    assert node.why_no_result() == ""


def test_a_run_without_a_usable_image_has_no_result(bench, settings, image):
    node = bench.start(LocalizerNode, **settings, camera_info_timeout=0.01)
    bench.publish(IMAGE, image)
    bench.wait(lambda: bench.publish(IMAGE, image) or node.cameras[0].last_fault, "no fault")
    node.close()
    assert "no image was localized: " in node.why_no_result() and INFO in node.why_no_result()
