# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The commands of `make default-model`, `make held-out`, `make off-the-line` and `make calibrate`."""

from pathlib import Path

import pytest

pytest.importorskip("benchmarks.held_out", reason="the tests run outside the source tree")

from typer.main import get_command
from typer.testing import CliRunner

from benchmarks.held_out import calibrate, commands, default_model, off_the_line, run
from benchmarks.held_out.commands import DRIVES, KittiData
from liploc_ros.cli.main import app

KITTI, TRUNK, OUT = KittiData(Path("kitti")), Path("trunk.safetensors"), Path("model")
ALL = {
    "default_model": lambda: default_model.commands(KITTI, OUT, TRUNK, ["--resume"]),
    "run": lambda: run.commands(KITTI, TRUNK, 250, []),
    "off_the_line": lambda: off_the_line.commands(KITTI),
    "calibrate": lambda: calibrate.commands(KITTI, OUT),
}


@pytest.mark.parametrize("name", ALL)
def test_liploc_knows_every_option(name):
    for command in ALL[name]():
        verb = get_command(app).commands[command[0]]
        known = {option for parameter in verb.params for option in parameter.opts}
        assert {part for part in command if part.startswith("--")} <= known


def test_a_held_out_drive_is_not_trained_on():
    trainings = [command for command in ALL["run"]() if command[0] == "train"]
    assert len(trainings) == 2 * len(DRIVES)
    for command in trainings:
        held_out = command[command.index("--out") + 1].rpartition("_")[2]
        assert not [part for part in command if part.endswith(f"drive_{held_out}_sync")]


def test_the_default_model_takes_over_the_confidence_model_of_the_first():
    first, second = ALL["default_model"]()
    assert first[first.index("--out") + 1] == second[second.index("--confidence-model") + 1]
    assert first[-1] == second[-1] == "--resume"


def test_a_command_that_fails_ends_the_program_with_its_status(monkeypatch, tmp_path):
    (tmp_path / commands.DATE).mkdir()
    started = []

    def fail(command, check):
        started.append(command[3:])
        return type("Done", (), {"returncode": 7})

    monkeypatch.setattr(commands.subprocess, "run", fail)
    with pytest.raises(commands.typer.Exit) as end:
        off_the_line.main(tmp_path)
    assert end.value.exit_code == 7 and len(started) == 1


def test_a_folder_without_drives_is_one_line():
    import typer

    program = typer.Typer()
    program.command()(off_the_line.main)
    result = CliRunner().invoke(program, ["--kitti", "/nowhere"])
    assert result.exit_code == 1 and "KITTI=/nowhere: contains no folder 2011_09_26" in result.output
