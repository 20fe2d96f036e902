# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""`liploc evaluate` as a user runs it."""

import json
import re

import pytest
from typer.testing import CliRunner

from liploc_ros.cli.main import app
from liploc_ros.errors import LiplocError

pytestmark = pytest.mark.slow


def evaluate(*arguments):
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture(scope="module")
def report(tmp_path_factory, demo_bag):
    out = tmp_path_factory.mktemp("evaluate") / "report"
    run = evaluate(demo_bag, "--protocol", "gap-8", "--gaps", "0, 8", "--place-spacing", 4, "--out", out)
    return out, run.output


def test_metrics_name_protocol_thresholds_chance_and_training(report):
    metrics = json.loads((report[0] / "metrics.json").read_text())
    assert metrics["protocol"] == "gap-8" and metrics["in_training"] and metrics["command"].startswith("liploc ")
    assert list(metrics["recall_at_1"]) == ["1", "2", "5", "10", "20"]
    within = metrics["recall_at_1"]["5"]
    assert within["low"] < within["recall"] < within["high"] and 0 < within["chance"] < 0.2
    for table in (metrics, metrics["full"]):
        assert table["recall_at_1"]["5"]["recall"] <= table["recall_at_5"]["5"]["recall"]


def test_recall_falls_with_the_gap(report):
    curve = json.loads((report[0] / "metrics.json").read_text())["recall_at_1_over_gap"]
    assert list(curve) == ["0", "8"] and curve["0"]["5"]["recall"] >= curve["8"]["5"]["recall"]


def test_the_figures_of_the_page_are_in_its_folder_and_small(report):
    page = (report[0] / "index.html").read_text()
    shown = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert {"recall_over_gap.png", "trajectory.png", "worst_queries.jpg", "metrics.json"} <= set(shown)
    assert all((report[0] / name).stat().st_size > 1000 for name in shown)
    assert sum(file.stat().st_size for file in report[0].iterdir()) < 3e6


def test_the_table_shows_whether_the_drive_was_trained_on(report):
    assert (
        "SAW this drive" in report[1]
        and "wrong by more than 5 m" in report[1]
        and "@1 chance" in report[1]
        and "gap-8" in report[1]
    )


def test_several_protocols_are_compared_on_one_page(demo_bag, tmp_path):
    names = ["gap-8", "crop-45"]
    protocols = [word for name in names for word in ("--protocol", name)]
    run = evaluate(
        demo_bag, *protocols, "--headings", "all", "--gaps", "", "--place-spacing", 8, "--out", tmp_path / "r"
    )
    page, metrics = (tmp_path / "r/index.html").read_text(), json.loads((tmp_path / "r/metrics.json").read_text())
    assert [m["protocol"] for m in metrics] == names and "2 protocols on" in run.output
    shown = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert shown == ["gap-8/index.html", "crop-45/index.html", "metrics.json", "comparison.png"]
    assert all((tmp_path / "r" / name).stat().st_size > 1000 for name in shown)
    assert {"errors.png", "metrics.json"} <= {file.name for file in (tmp_path / "r/crop-45").iterdir()}


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--protocol", "gap-8", "--protocol", "camera-rear"], "no camera of this name"),
        (["--protocol", "gap"], "no protocol 'gap'"),
        (["--gaps", "a few"], "--gaps 'a few'"),
        (["--headings", "some"], "--headings"),
        (["--place-spacing", 0], "--place-spacing"),
    ],
)
def test_a_wrong_option_is_named_in_the_error(arguments, why, demo_bag, tmp_path):
    with pytest.raises(LiplocError, match=why):
        evaluate(demo_bag, "--out", tmp_path / "out", *arguments)


def test_a_folder_that_is_no_report_is_not_replaced(demo_bag, tmp_path):
    (tmp_path / "holiday.jpg").write_bytes(b"sun")
    with pytest.raises(LiplocError, match="choose another folder"):
        evaluate(demo_bag, "--out", tmp_path)
