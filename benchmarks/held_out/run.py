# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Train and evaluate with each drive held out, and print the table: `make held-out`."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.held_out.commands import (
    DRIVES,
    EVALUATIONS,
    MODELS,
    Command,
    KittiData,
    KittiOption,
    MoreArguments,
    TrunkOption,
    options,
    others,
    run_all,
)
from benchmarks.held_out.table import held_out

LIPLOC_STEPS = 250  # LIP-Loc's recipe then trains for about as long as the aligned one
RECIPES = ("aligned", "liploc")


def commands(kitti: KittiData, trunk: Path | None, liploc_steps: int, more: Sequence[str]) -> Iterator[Command]:
    """Yield the trainings and evaluations of all drives."""
    for drive in DRIVES:
        data = [*kitti.drives(others(drive)), *kitti.singles(), "--held-out-share", "0", *options("--trunk", trunk)]
        yield ["train", "aligned", *data, "--out", str(MODELS / f"aligned_{drive}"), *more]
        settings = ["--set", "headings=3", "--steps", str(liploc_steps)]
        yield ["train", "liploc_efficientnet", *settings, *data, "--out", str(MODELS / f"liploc_{drive}"), *more]
        for recipe in RECIPES:
            model = ["--model", str(MODELS / f"{recipe}_{drive}"), "--out"]
            evaluate = ["evaluate", kitti.drive(drive), "--protocol"]
            gaps = ["gap-8", "--gaps", "0 3 5 8 12", "--places", "frames"]
            yield [*evaluate, *gaps, *model, str(EVALUATIONS / f"{recipe}_{drive}")]
            yield [*evaluate, "same-frame", *model, str(EVALUATIONS / f"same_frame_{recipe}_{drive}")]


def main(
    kitti: KittiOption,
    trunk: TrunkOption = None,
    liploc_steps: Annotated[int, typer.Option(help="Steps of LIP-Loc's recipe.")] = LIPLOC_STEPS,
    more: MoreArguments = None,
) -> None:
    """Train and evaluate both recipes on each drive, trained on the two others."""
    run_all(commands(KittiData.of(kitti), trunk, liploc_steps, more or ()))
    held_out()


if __name__ == "__main__":
    typer.run(main)
