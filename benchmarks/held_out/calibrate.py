# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Fit the confidence models of the held-out models and of the default model: `make calibrate`, after `make held-out`.

Each held-out model is fitted to the samples of the two other drives, the default model to those of all three.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.held_out.commands import (
    CALIBRATION,
    DRIVES,
    MODELS,
    Command,
    KittiData,
    KittiOption,
    others,
    run_all,
)


def commands(kitti: KittiData, default_model: Path) -> Iterator[Command]:
    """Yield the commands that record samples, then those that fit models to them."""
    for drive in DRIVES:
        model = ["--model", str(MODELS / f"aligned_{drive}")]
        elsewhere = [*kitti.drives(others(drive), "--elsewhere"), *kitti.singles("--elsewhere")]
        own = [str(CALIBRATION / drive / "own.json"), kitti.drive(drive)]
        yield ["calibrate", *own, *model, *elsewhere, "--out", str(CALIBRATION / drive)]
    for drive in DRIVES:
        yield ["calibrate", str(MODELS / f"aligned_{drive}"), *_samples(others(drive))]
    yield ["calibrate", str(default_model), *_samples(DRIVES)]


def _samples(drives: Sequence[str]) -> Command:
    return [part for drive in drives for part in ("--samples", str(CALIBRATION / drive / "samples.npz"))]


def main(
    kitti: KittiOption,
    default_model: Annotated[Path, typer.Option(help="The model fitted to all drives.")] = Path(
        "liploc_ros/models/default"
    ),
) -> None:
    """Record confidence samples of all drives, and fit the confidence models."""
    run_all(commands(KittiData.of(kitti), default_model))


if __name__ == "__main__":
    typer.run(main)
