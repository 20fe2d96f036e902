# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Train the default model from scratch: `make default-model`.

A confidence model cannot be fitted to training drives. A first model holds a drive out, and the default model takes
over its confidence model.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.held_out.commands import (
    DRIVES,
    Command,
    KittiData,
    KittiOption,
    MoreArguments,
    TrunkOption,
    options,
    run_all,
)

HELD_OUT, FIRST = "0013", Path("out/held_out_0013")


def commands(kitti: KittiData, out: Path, trunk: Path | None, more: Sequence[str]) -> Iterator[Command]:
    """Yield the trainings of both models."""
    start = ["train", "aligned"]
    known = [drive for drive in DRIVES if drive != HELD_OUT]
    held_out = ["--held-out", kitti.drive(HELD_OUT), *options("--trunk", trunk), "--out", str(FIRST)]
    yield [*start, *kitti.drives(known), *kitti.singles(), *held_out, *more]
    confidence = ["--confidence-model", str(FIRST), *options("--trunk", trunk)]
    run = ["--out", str(out), "--run-folder", "out/runs/default"]
    yield [*start, *kitti.drives([*known, HELD_OUT]), *kitti.singles(), *confidence, *run, *more]


def main(
    kitti: KittiOption,
    trunk: TrunkOption = None,
    out: Annotated[Path, typer.Option(help="Folder of the default model.")] = Path("liploc_ros/models/default"),
    more: MoreArguments = None,
) -> None:
    """Train the model that fits the confidence, then the default model."""
    run_all(commands(KittiData.of(kitti), out, trunk, more or ()))


if __name__ == "__main__":
    typer.run(main)
