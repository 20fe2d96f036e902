"""`liploc evaluate` as a user meets it."""

import json
import re
import shutil
from dataclasses import replace

import pytest
from support.kitti_maker import make_drive
from typer.testing import CliRunner

from liploc_ros.cli.main import app
from liploc_ros.encoders import ModelBundle
from liploc_ros.errors import LiplocError
from liploc_ros.localization.calibration.samples import load_samples, save_samples
from liploc_ros.localization.calibration.storage import read_confidence_model
from liploc_ros.mapping import LidarMap


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


def test_the_page_shows_figures_that_lie_beside_it_and_is_small(report):
    page = (report[0] / "index.html").read_text()
    shown = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert {"recall_over_gap.png", "trajectory.png", "hardest.jpg", "metrics.json"} <= set(shown)
    assert all((report[0] / name).stat().st_size > 1000 for name in shown)
    assert sum(file.stat().st_size for file in report[0].iterdir()) < 3e6


def test_the_table_says_what_was_seen_in_training(report):
    assert "SAW this drive" in report[1] and "@1 chance" in report[1] and "gap-8" in report[1]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--protocol", "gap"], "no protocol 'gap'"),
        (["--gaps", "a few"], "--gaps 'a few'"),
        (["--headings", "some"], "--headings"),
        (["--place-spacing", 0], "--place-spacing"),
    ],
)
def test_what_is_asked_wrongly_is_named(arguments, why, demo_bag, tmp_path):
    with pytest.raises(LiplocError, match=why):
        evaluate(demo_bag, "--out", tmp_path / "out", *arguments)


def test_a_folder_of_something_else_is_not_replaced(demo_bag, tmp_path):
    (tmp_path / "holiday.jpg").write_bytes(b"sun")
    with pytest.raises(LiplocError, match="choose another folder"):
        evaluate(demo_bag, "--out", tmp_path)


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory, demo_bag):
    """What `--calibrate` writes of the demo's drive, on which the package's model is far too good."""
    folder = tmp_path_factory.mktemp("calibrate")
    other = make_drive(folder, frames=4)
    arguments = ["--elsewhere", other, "--place-spacing", 2, "--out", folder / "run"]
    run = evaluate(demo_bag, "--calibrate", folder / "found.json", *arguments)
    return folder, run.output


def test_a_calibration_is_fitted_to_a_drive_and_images_from_elsewhere(calibrated):
    folder, output = calibrated
    found = read_confidence_model(folder / "found.json")
    trials, spacing = load_samples(folder / "run/trials.npz")
    assert spacing == 2 and sum(trial.truth is None for trial in trials) == 4
    assert len(found.score_weights) == 16 and "2011_09_26_drive_0013 held out" in found.source
    assert "SAW this drive" in output and "0 of 4 images from elsewhere accepted" in output


def test_trials_of_several_runs_are_fitted_to_without_a_drive(calibrated, demo_map, tmp_path):
    folder, _ = calibrated
    demo_map.save(tmp_path / "map")
    model = shutil.copytree(ModelBundle.load().path, tmp_path / "model")
    for out in (tmp_path / "map", model):
        evaluate("nowhere", "--fit-only", "--trials", folder / "run/trials.npz", "--calibrate", out)
    assert "; run held out, " in (model / "README.md").read_text()
    found = LidarMap.load(tmp_path / "map", ModelBundle.load()).manifest.confidence_model
    assert found == read_confidence_model(folder / "found.json").model_copy(update={"source": found.source})
    assert found.source.startswith("run held out, ")


def test_a_calibration_that_cannot_be_made_is_refused_in_one_line(calibrated, demo_map, demo_bag, tmp_path):
    folder, _ = calibrated
    file = folder / "run/trials.npz"
    trials, _ = load_samples(file)
    save_samples(tmp_path / "finer.npz", trials, 1.0)
    save_samples(tmp_path / "liploc.npz", [replace(trials[0], rows=trials[0].rows[:, :2])], 2.0)
    demo_map.save(tmp_path / "map")
    manifest = (tmp_path / "map/manifest.json").read_text()
    (tmp_path / "map/manifest.json").write_text(manifest.replace(demo_map.manifest.model_id, "0" * 64))
    out, fit = ["--calibrate", tmp_path / "new.json"], ["--fit-only", "--trials", file]
    for arguments, why in (
        ([*fit, "--calibrate", tmp_path], r"model bundle or of a map, or a name that ends in \.json"),
        ([*fit, "--calibrate", tmp_path / "map"], "made by model 000000000000"),
        ([*fit, *out, "--trials", tmp_path / "finer.npz"], "places every 1 m, others every 2 m"),
        ([*fit, *out, "--trials", tmp_path / "liploc.npz"], "rows of 2 numbers, others of 16"),
        ([*out, "--fit-only"], "without --trials"),
        ([*out, "--elsewhere", demo_bag], "given as elsewhere too"),
        (fit, "are of --calibrate"),
    ):
        with pytest.raises(LiplocError, match=why) as caught:
            evaluate(demo_bag, *arguments, "--out", tmp_path / "out")
        assert "\n" not in str(caught.value)
