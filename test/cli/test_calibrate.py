# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""`liploc calibrate` as a user runs it."""

import shutil
from dataclasses import replace

import pytest
from support.kitti_maker import make_drive
from typer.testing import CliRunner

from liploc_ros.cli.main import app
from liploc_ros.encoders import ModelBundle
from liploc_ros.errors import LiplocError
from liploc_ros.localization.calibration.samples import SAMPLES_FILE, load_samples, save_samples
from liploc_ros.localization.calibration.storage import read_confidence_model
from liploc_ros.mapping import LidarMap
from liploc_ros.mapping.manifest import read_manifest, write_manifest

pytestmark = pytest.mark.slow


def calibrate(*arguments):
    return CliRunner().invoke(app, ["calibrate", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory, demo_bag):
    """The folder and output of a run on the demo's drive. The package's model was trained on it."""
    folder = tmp_path_factory.mktemp("calibrate")
    other = make_drive(folder, frames=4)
    arguments = ["--elsewhere", other, "--place-spacing", 2, "--lateral-reach", 1, "--out", folder / "run"]
    arguments += ["--protocol", "gap-8", "--protocol", "grey"]
    run = calibrate(folder / "found.json", demo_bag, *arguments)
    return folder, run.output


def test_a_confidence_model_is_fitted_to_a_drive_and_images_of_other_places(calibrated):
    folder, output = calibrated
    found = read_confidence_model(folder / "found.json")
    samples, spacing = load_samples(folder / "run" / SAMPLES_FILE)
    assert spacing == (2, 1) and sum(not sample.is_on_map for sample in samples) == 4 * 2
    assert len(found.score_weights) == 16 and "2011_09_26_drive_0013 held out" in found.source
    assert "TRAINED on this drive" in output and "0 of 8 off-map images accepted" in output


def test_samples_of_an_earlier_run_are_fitted_without_a_drive(calibrated, demo_map, tmp_path):
    folder, _ = calibrated
    demo_map.save(tmp_path / "map")
    model = shutil.copytree(ModelBundle.load().path, tmp_path / "model")
    for target in (tmp_path / "map", model):
        calibrate(target, "--samples", folder / "run" / SAMPLES_FILE)
    assert "; run held out, " in (model / "README.md").read_text()
    found = LidarMap.load(tmp_path / "map", ModelBundle.load()).manifest.confidence_model
    assert found == read_confidence_model(folder / "found.json").model_copy(update={"source": found.source})
    assert found.source.startswith("run held out, ")


def test_a_calibration_that_is_not_possible_is_refused_in_one_line(calibrated, demo_map, demo_bag, tmp_path):
    folder, _ = calibrated
    file = folder / "run" / SAMPLES_FILE
    samples, _ = load_samples(file)
    save_samples(tmp_path / "finer.npz", samples, (1.0, 1.0))
    save_samples(tmp_path / "liploc.npz", [replace(samples[0], row_scores=samples[0].row_scores[:, :2])], (2.0, 1.0))
    demo_map.save(tmp_path / "map")
    write_manifest(tmp_path / "map", read_manifest(tmp_path / "map").model_copy(update={"model_id": "0" * 64}))
    out, fit = tmp_path / "new.json", ["--samples", file]
    for arguments, why in (
        ([tmp_path, *fit], r"model bundle or of a map, or a name that ends in \.json"),
        ([tmp_path / "map", *fit], "made by model 000000000000"),
        (
            [out, *fit, "--samples", tmp_path / "finer.npz"],
            "places every 1 m and 1 m across, others every 2 m and 1 m across",
        ),
        ([out, *fit, "--samples", tmp_path / "liploc.npz"], "2 row scores, others of 16"),
        ([out], "nothing to fit to"),
        ([out, *fit, "--elsewhere", demo_bag], "--elsewhere needs a DRIVE"),
        ([out, demo_bag, "--elsewhere", demo_bag], "given as elsewhere too"),
        ([out, demo_bag, "--place-spacing", 0], "--place-spacing 0"),
    ):
        with pytest.raises(LiplocError, match=why) as caught:
            calibrate(*arguments, "--out", tmp_path / "out")
        assert "\n" not in str(caught.value)
