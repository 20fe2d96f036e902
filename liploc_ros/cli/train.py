# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""``liploc train``: train the encoders and write the model bundle."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from liploc_ros.cli.options import ChangesOption, ConfidenceModelOption
from liploc_ros.cli.recording import RecordingOptions, with_recording_options
from liploc_ros.cli.terminal import start_work
from liploc_ros.errors import LiplocError

HELD_OUT_SHARE = 0.25


class TrainingUnavailableError(LiplocError):
    """A package that training needs, such as torch, is not installed."""


@contextmanager
def training_imports(verb: str) -> Iterator[None]:
    """Enclose imports of :mod:`liploc_ros.learning`, which needs torch.

    Raises:
        TrainingUnavailableError: a package is missing.
    """
    try:
        yield
    except ImportError as error:
        raise TrainingUnavailableError(f"{verb} needs {error.name}: pip install 'liploc_ros[train]'") from error


@with_recording_options
def train(
    recipe: Annotated[str, typer.Argument(help="Name of a recipe of the package, or a YAML file.")] = "aligned",
    drives: Annotated[
        list[Path] | None, typer.Option("--drive", help="Recording to train on: folder or bag. Can be repeated.")
    ] = None,
    singles: Annotated[
        list[Path] | None,
        typer.Option("--singles", help="Split of KITTI's object benchmark, used as single frames. Can be repeated."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the model bundle to write.")] = Path("out/model"),
    trunk: Annotated[
        Path | None,
        typer.Option(
            help="ImageNet weights (safetensors). Default: timm downloads them. random: none, which is worse."
        ),
    ] = None,
    held_out: Annotated[
        Path | None,
        typer.Option(help="Drive that is not trained on. Recall and the confidence model come from it."),
    ] = None,
    held_out_share: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=0.9,
            help="Share of the longest drive, at its end, that is not trained on, in place of --held-out. Default: "
            "0.25; 0 with --held-out or --confidence-model.",
        ),
    ] = None,
    confidence_model: ConfidenceModelOption = None,
    run_folder: Annotated[
        Path | None, typer.Option(help="Folder for checkpoints and TensorBoard. Default: out/runs/NAME.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue from the checkpoint of a stopped run.")] = False,
    steps: Annotated[int | None, typer.Option(min=1, help="Number of steps. Default: the recipe's.")] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Number of processes that draw views and batches; 0: only the training process. The model does not "
            "depend on it. Default: one per core, at most 16; on a CPU the batches are drawn by the training process.",
        ),
    ] = None,
    changes: ChangesOption = None,
    recording: RecordingOptions = RecordingOptions(),  # noqa: B008  frozen
) -> None:
    """Train both encoders, and write a bundle for `--model`.

    Bags need images, scans and poses. The end of the longest drive is held out: the confidence model is fitted to it,
    and the table at the end says what to expect. The recipe `quick` takes about ten minutes on two cores.
    """
    started = time.monotonic()
    start_work()
    with training_imports("training"):
        from liploc_ros.learning.data.workers import default_batch_workers, default_workers
        from liploc_ros.learning.recipe import changes_of
        from liploc_ros.learning.run import REPORT_FILE, TrainingRun
    if held_out is not None and held_out_share:
        raise LiplocError("--held-out and --held-out-share are both given: leave out one of them")
    if held_out_share is None:
        held_out_share = 0.0 if held_out or confidence_model else HELD_OUT_SHARE
    preparing = default_workers() if workers is None else workers
    run = TrainingRun.prepare(
        recipe,
        drives or [],
        singles or [],
        steps,
        changes_of(changes or []),
        preparing,
        held_out_share,
        recording.topics(),
        recording.options(),
    )
    if workers is None:
        run = replace(run, workers=default_batch_workers())
    folder = run_folder or Path("out/runs") / out.absolute().name
    bundle, summary = run.execute(out, trunk, held_out, confidence_model, folder, resume)
    if os.environ.get("RANK", "0") != "0":  # only the first of torchrun's processes reports
        return
    skipped = f", {len(run.skipped)} unreadable skipped" if run.skipped else ""
    typer.echo(f"{out}: model {bundle.id[:12]} trained on {len(run.samples)} frames{skipped}; run in {folder}")
    if summary:
        typer.echo(summary)
    report = folder / REPORT_FILE
    if report.exists():
        typer.echo(f"\n{report.read_text()}\nReport: {report}   ({time.monotonic() - started:.0f} s)")
