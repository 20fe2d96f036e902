# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Training on a bag of one's own, the end of which is held out."""

import pytest

pytest.importorskip("torch", reason="torch is not installed: make train installs it")

from support.kitti_maker import make_drive
from typer.testing import CliRunner

from liploc_ros.cli.main import app
from liploc_ros.datasets import read_kitti_raw
from liploc_ros.datasets.kitti.to_bag import write_kitti_bag
from liploc_ros.encoders import ModelBundle
from liploc_ros.encoders.spec import ConfidenceModel
from liploc_ros.evaluation.confidence_samples import OFF_MAP
from liploc_ros.learning.expectation import NOT_CHECKED, Expectation, expectation_table


def train(*arguments):
    return CliRunner().invoke(app, ["train", "quick", "--trunk", "random", "--steps", "2", *map(str, arguments)])


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bags")
    write_kitti_bag(read_kitti_raw(make_drive(folder, frames=99)), folder / "mine.mcap")
    return folder / "mine.mcap"


@pytest.fixture(scope="module")
def trained(bag, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    result = train("--drive", bag, "--held-out-share", "0.3", "--out", folder / "model", "--run-folder", folder / "run")
    assert result.exit_code == 0, result.output
    return folder, result.output


def test_the_end_of_the_bag_is_held_out_and_reported(trained):
    folder, output = trained
    report = (folder / "run/held_out.md").read_text()
    assert report in output
    assert "Held out: the last 29 m of mine" in report and "at least 20 m away" in report
    assert "| as recorded; every scan at least 8 m away" in report and "| on maps of other places" in report


def test_the_model_keeps_what_it_was_trained_on_and_is_not_under_the_licence_of_kitti(trained):
    spec = ModelBundle.load(trained[0] / "model").spec
    assert spec.training.drives == ("mine",) and spec.training.trunk == "none: random weights"
    assert 40 < spec.training.frames < 60  # 20 m and the end are left out
    assert "KITTI" not in spec.licence and "own recordings" in spec.licence
    assert isinstance(spec.confidence_model, ConfidenceModel) and "mine (last 29 m)" in spec.confidence_model.source


def test_options_of_bags_are_used(bag, tmp_path):
    result = train("--drive", bag, "--base-frame", "nonsense", "--out", tmp_path / "model")
    assert "nonsense" in str(result.exception)


def test_a_held_out_drive_and_a_share_exclude_each_other(bag, tmp_path):
    result = train("--drive", bag, "--held-out", bag, "--held-out-share", "0.2", "--out", tmp_path / "model")
    assert "--held-out and --held-out-share are both given" in str(result.exception)


def test_the_table_says_if_it_was_counted_on_the_images_of_the_fit():
    rows = [Expectation("gap-8", 10, 8, 5, 4, 1, False), Expectation(OFF_MAP, 20, 0, 2, 0, 2, False)]
    table = expectation_table(rows)
    assert NOT_CHECKED in table
    assert "| 8 (80%) " in table and "| 2 (10%) " in table
