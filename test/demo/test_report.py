# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Metrics of the demo, computed by hand, and its report."""

import json

import matplotlib
import numpy as np
import pytest

from liploc_ros.demo.metrics import DemoResult, compute_metrics
from liploc_ros.demo.report import write_report
from liploc_ros.evaluation.options import EvaluationError
from liploc_ros.geometry import pose_from_yaw
from liploc_ros.localization import Status


def result(error, heading_change=0.0, status=Status.SUCCESS, latency=1.0):
    true, estimated = pose_from_yaw(3, 4, 0, 0.1), pose_from_yaw(3 + error, 4, 9, 0.1 + heading_change)
    return DemoResult(0, true, estimated, 0.7, status, latency)


def test_recall_and_errors_are_as_computed_by_hand():
    results = [result(0.5, 0.01), result(1.5, 0.02), result(4, 0.03), result(40, np.pi, Status.UNKNOWN_PLACE)]
    metrics = compute_metrics(results, np.stack([pose_from_yaw(3, 4, 0, 0), pose_from_yaw(50, 4, 0, 0)]), 10, True)
    recalls = metrics.recall_at_1_within_1m, metrics.recall_at_1_within_2m, metrics.recall_at_1_within_5m
    assert recalls == (0.25, 0.5, 0.75) and metrics.median_position_error_m == pytest.approx(2.75)
    assert metrics.median_heading_error_deg == pytest.approx(np.rad2deg(0.025))
    assert (metrics.accepted, metrics.accepted_wrong, metrics.chance_within_2m) == (3, 0, 0.5)


def test_an_image_without_hypothesis_counts_as_missed():
    missed = DemoResult(0, np.eye(4), None, 0.0, Status.UNKNOWN_PLACE, 1.0)
    assert compute_metrics([missed, result(0)], np.eye(4)[None], 0, False).recall_at_1_within_5m == 0.5


def test_metrics_of_no_results_are_an_error():
    with pytest.raises(EvaluationError, match="nothing to measure"):
        compute_metrics([], np.eye(4)[None], 0, False)


def test_a_report_has_numbers_and_figures(tmp_path, demo_drive, demo_map, demo_camera, demo_image):
    backend = matplotlib.get_backend()
    frame = next(demo_drive.images())
    results = [DemoResult(frame.stamp_ns, frame.T_map_base, frame.T_map_base, 0.7, Status.SUCCESS, 5.0)]
    metrics = compute_metrics(results, demo_map.T_map_base, 1, True)
    page = write_report(
        tmp_path, "A <street>", "", metrics, results, {frame.stamp_ns: demo_image}, demo_camera, demo_map
    )
    text = page.read_text()
    assert "A &lt;street&gt;" in text and "<td>5.000</td>" in text
    assert json.loads((tmp_path / "metrics.json").read_text())["queries"] == 1
    assert all((tmp_path / name).stat().st_size > 10_000 for name in ("map.png", "views.png"))
    assert matplotlib.get_backend() == backend
