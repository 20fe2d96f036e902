# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""`liploc benchmark` on small datasets in the published layouts (`pip install .[train]`)."""

import csv
import json

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make train installs it")
pytest.importorskip("timm")

from support.kitti_360_maker import make_360_drive  # noqa: E402
from support.kitti_maker import make_sequence  # noqa: E402
from typer.testing import CliRunner  # noqa: E402

from liploc_ros.benchmark import DataRoots, read_benchmark  # noqa: E402
from liploc_ros.cli.main import app  # noqa: E402
from liploc_ros.encoders import ModelBundle  # noqa: E402
from liploc_ros.errors import LiplocError  # noqa: E402
from liploc_ros.geometry import pose_from_yaw  # noqa: E402
from liploc_ros.learning.run import TrainingRun  # noqa: E402
from liploc_ros.learning.trainer import TrainingStoppedError  # noqa: E402

SMALL = ["--steps", "1", "--trunk", "random", "--set", "batch=2", "--set", "encoder=test_vit.r160_in1k"]
TABLE = """
drives: {some: [kitti/03, kitti/04]}
models:
  liploc: {recipe: liploc, train: [some]}
  aligned: {recipe: aligned, train: [kitti/03]}
  lost: {recipe: aligned, train: [some, kitti/77]}
tables:
  - {title: KITTI, models: [liploc, aligned], tests: [kitti/08], protocols: [same-frame, gap-2]}
  - {title: Zero-shot, models: [liploc], tests: [kitti-360/0099], protocols: [zero-shot-same-frame]}
  - {title: Without data, models: [lost], tests: [kitti/08], protocols: [same-frame]}
"""


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    kitti, kitti_360 = tmp_path_factory.mktemp("kitti"), tmp_path_factory.mktemp("kitti-360")
    for name in ("03", "04", "08"):
        make_sequence(kitti, [pose_from_yaw(2.0 * i, 0, 0, 0) for i in range(4)], name)
    make_360_drive(kitti_360, posed=(250, 251, 252))
    return kitti, kitti_360


def run(out, table, *roots, more=()):
    arguments = [
        str(table),
        *(part for root in roots for part in ("--root", str(root))),
        "--out",
        str(out),
        *SMALL,
        *more,
    ]
    return CliRunner().invoke(app, ["benchmark", *arguments])


@pytest.fixture(scope="module")
def filled(tmp_path_factory, roots):
    folder = tmp_path_factory.mktemp("benchmark")
    (folder / "table.yaml").write_text(TABLE)
    return folder, run(folder / "out", folder / "table.yaml", *roots)


def rows_of(folder):
    with (folder / "out/benchmark.csv").open() as file:
        return list(csv.DictReader(file))


def test_every_cell_with_data_is_trained_and_evaluated(filled):
    rows = rows_of(filled[0])
    assert [row["status"] for row in rows] == ["done"] * 5 + ["missing data"], filled[1].output
    for row in rows[:5]:
        assert (
            0 <= float(row["recall_at_1_20m"]) <= 1 and row["in_training"] == "False" and float(row["chance_20m"]) > 0
        )
    assert rows[0]["released_recall_at_1_20m"] and not rows[1]["released_recall_at_1_20m"]


def test_missing_data_is_named_and_reported_in_one_line(filled):
    assert "kitti/77 (" in (filled[0] / "out/benchmark.md").read_text()
    assert isinstance(filled[1].exception, LiplocError) and "1 of 6 cells are not done" in str(filled[1].exception)


def test_a_finished_cell_is_kept_and_an_unfinished_one_is_computed_again(filled, roots):
    folder, _ = filled
    kept, removed = (
        folder / f"out/cells/{name}.json" for name in ("aligned.kitti-08.gap-2", "aligned.kitti-08.same-frame")
    )
    before, trained = kept.stat().st_mtime_ns, (folder / "out/models/aligned/model.json").stat().st_mtime_ns
    removed.unlink()
    run(folder / "out", folder / "table.yaml", *roots, more=("--only", "aligned.kitti-08"))
    assert kept.stat().st_mtime_ns == before and json.loads(removed.read_text())["status"] == "done"
    assert (folder / "out/models/aligned/model.json").stat().st_mtime_ns == trained


def test_other_settings_train_a_new_model_even_after_an_interruption(filled, roots, monkeypatch):
    folder, _ = filled
    arguments = (folder / "out", folder / "table.yaml", *roots)
    more = ("--only", "aligned.kitti-08.gap", "--set", "seed=3")

    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(TrainingRun, "execute", interrupted)
        run(*arguments, more=more)
    run(*arguments, more=more)
    assert ModelBundle.load(folder / "out/models/aligned").spec.training.seed == 3
    done = [(row["model"], row["protocol"]) for row in rows_of(folder) if row["status"] == "done"]
    assert done == [("aligned", "gap-2")]  # the other results have other settings


def test_ctrl_c_during_training_ends_the_benchmark(roots, tmp_path, monkeypatch):
    def stopped(*arguments, **options):
        raise TrainingStoppedError("stopped after step 1 of 2: run the same command with --resume to continue")

    monkeypatch.setattr(TrainingRun, "execute", stopped)
    (tmp_path / "table.yaml").write_text(TABLE)
    result = run(tmp_path / "out", tmp_path / "table.yaml", *roots)
    assert str(result.exception) == "liploc: training stopped after step 1 of 2: run the same command to continue"
    assert not list(tmp_path.glob("out/cells/*"))


def test_an_unreadable_drive_fails_its_cells_but_not_the_others(roots, tmp_path):
    kitti = tmp_path / "kitti"
    for name in ("03", "04", "08"):
        make_sequence(kitti, [pose_from_yaw(2.0 * i, 0, 0, 0) for i in range(3)], name)
    (kitti / "dataset/sequences/04/calib.txt").write_text("nonsense")
    (tmp_path / "table.yaml").write_text(TABLE)
    run(tmp_path / "out", tmp_path / "table.yaml", kitti, more=("--only", "kitti-08.gap"))
    rows = {row["model"]: row for row in rows_of(tmp_path) if row["protocol"] == "gap-2"}
    assert rows["aligned"]["status"] == "done"
    assert rows["liploc"]["status"] == "failed" and "calib.txt" in rows["liploc"]["why"]


def test_the_tables_of_the_package_do_not_test_on_training_drives():
    for name in ("kitti", "kitti-360"):
        benchmark = read_benchmark(name)
        assert all(benchmark.cells(table) for table in benchmark.tables)
    assert len(read_benchmark("kitti").trained_on("liploc")) == 18


def test_the_missing_data_of_a_drive_is_listed(roots):
    data = DataRoots.of(roots)
    assert data.missing("kitti/03") == data.missing("kitti-360/0099") == []
    (roots[0] / "dataset/sequences/21/velodyne").mkdir(parents=True)
    assert [what.partition(":")[2][:7] for what in data.missing("kitti/21")] == [" images", " poses "]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (("tests: [kitti/08]", "tests: [kitti/03]"), "is trained on kitti/03"),
        (("[some, kitti/77]", "[some, none]"), "no drives 'none'"),
        (("gap-2", "gap"), "no protocol"),
        (("models: [lost]", "models: [found]"), "no model 'found'"),
        (("title: KITTI", "name: KITTI"), r"tables\.0\.title"),
    ],
)
def test_an_invalid_definition_is_refused(change, why, tmp_path):
    (tmp_path / "table.yaml").write_text(TABLE.replace(*change))
    with pytest.raises(LiplocError, match=why):
        read_benchmark(str(tmp_path / "table.yaml"))
