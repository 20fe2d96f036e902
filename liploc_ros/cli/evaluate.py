# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""``liploc evaluate``: measure a model on a drive by a named protocol."""

import shlex
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from liploc_ros.cli.options import (
    PLACE_SPACING,
    SCANS_PER_PLACE,
    CameraOption,
    ModelOption,
    PlaceSpacingOption,
    ScansPerPlaceOption,
)
from liploc_ros.cli.recording import RecordingOptions, with_recording_options
from liploc_ros.cli.terminal import start_work

GAPS = "0 3 5 8 12"
HEADINGS, PLACES = "known", "path"


@with_recording_options
def evaluate(
    drive: Annotated[Path, typer.Argument(help="Recording: folder of a KITTI drive, or bag.")],
    protocol: Annotated[
        str,
        typer.Option(
            help="same-frame, gap-METRES, exclude-SECONDS, revisit, or zero-shot, also as a prefix: zero-shot-gap-8."
        ),
    ] = "gap-8",
    out: Annotated[Path, typer.Option(help="Folder of the report. An existing report is replaced.")] = Path(
        "out/evaluation"
    ),
    model: ModelOption = None,
    gaps: Annotated[
        str, typer.Option(help="Gaps of the curve that is drawn for gap-D [m], in quotation marks. '' draws none.")
    ] = GAPS,
    headings: Annotated[
        str, typer.Option(help="known: the true heading is given. all: every heading is searched.")
    ] = HEADINGS,
    places: Annotated[
        str, typer.Option(help="For gap-D. path: places evenly along the path. frames: one at every frame.")
    ] = PLACES,
    place_spacing: PlaceSpacingOption = PLACE_SPACING,
    scans_per_place: ScansPerPlaceOption = SCANS_PER_PLACE,
    refine: Annotated[bool, typer.Option(help="Also measure the localizer's refinement of the best places.")] = True,
    camera: CameraOption = None,
    recording: RecordingOptions = RecordingOptions(),  # noqa: B008  frozen
) -> None:
    """Measure how well a model finds the images of a drive.

    `same-frame` is the protocol of the LIP-Loc paper. It is easy: the scan of each image's own instant is in the map.
    `gap-8` is closer to real use: every place is drawn from scans at least 8 m away.
    """
    start = time.monotonic()
    start_work()
    from rich.console import Console

    from liploc_ros.cli.inputs.evaluation import evaluation_options, parse_gaps
    from liploc_ros.cli.tables.evaluation import evaluation_table
    from liploc_ros.datasets import open_drive
    from liploc_ros.encoders import ModelBundle
    from liploc_ros.evaluation.evaluator import Evaluator
    from liploc_ros.evaluation.protocol import Protocol
    from liploc_ros.evaluation.reporting.report import METRICS, note_on, write_evaluation
    from liploc_ros.files import check_replaceable

    options = evaluation_options(
        headings=headings,
        places=places,
        place_spacing=place_spacing,
        scans_per_place=scans_per_place,
        refine=refine,
        camera=camera,
    )
    check_replaceable(out, METRICS)
    parsed, curve = Protocol.parse(protocol), parse_gaps(gaps)
    bundle = ModelBundle.load(model)
    opened = open_drive(drive, recording.topics(), options=recording.options())
    evaluator = Evaluator(opened, bundle, options, progress=True)
    result = evaluator.run(protocol)
    metrics = result.metrics.model_copy(update={"command": shlex.join(["liploc", *sys.argv[1:]])})
    if curve and parsed.kind == "gap":
        recall = evaluator.recall_over_gap(sorted({*curve, parsed.value}), [metrics])
        metrics = metrics.model_copy(update={"recall_at_1_over_gap": recall})
    page = write_evaluation(out, result, metrics, bundle, evaluator.camera_heading)
    console = Console()
    console.print(evaluation_table(metrics))
    console.print(note_on(metrics), soft_wrap=True, highlight=False)
    console.print(f"Report: {page}   ({time.monotonic() - start:.0f} s)", soft_wrap=True)
