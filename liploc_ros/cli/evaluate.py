# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""``liploc evaluate``: measure a model on a drive by a named protocol."""

import shlex
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from liploc_ros.cli.options import (
    LATERAL_REACH,
    LATERAL_SPACING,
    PLACE_SPACING,
    SCANS_PER_PLACE,
    CameraOption,
    LateralReachOption,
    LateralSpacingOption,
    ModelOption,
    PlaceSpacingOption,
    ScansPerPlaceOption,
)
from liploc_ros.cli.recording import RecordingOptions, with_recording_options
from liploc_ros.cli.terminal import start_work

PROTOCOL = "gap-8"
GAPS = "0 3 5 8 12"
HEADINGS, PLACES = "known", "path"


@with_recording_options
def evaluate(
    drive: Annotated[Path, typer.Argument(help="Recording: folder of a KITTI drive, or bag.")],
    protocol: Annotated[
        list[str] | None,
        typer.Option(
            help="same-frame, gap-METRES, exclude-SECONDS, revisit, or zero-shot, also as a prefix: zero-shot-gap-8. "
            "Conditions of the map: lane-METRES (to the left), reverse, beams-64|32|16; of the images: camera-NAME, "
            "crop-DEGREES, tilt-DEGREES, roll-DEGREES, covered-PERCENT, blur-PIXELS, dark-FACTOR, grey; joined by +: "
            "gap-8+crop-45. Repeat for more. Default: gap-8."
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the report. An existing report is replaced.")] = Path(
        "out/evaluation"
    ),
    model: ModelOption = None,
    gaps: Annotated[
        str, typer.Option(help="Gaps of the curve that is drawn for gap-D [m], in quotation marks. '' draws none.")
    ] = GAPS,
    headings: Annotated[
        str,
        typer.Option(
            help="known: the true heading is given. all: every heading is searched, as always with conditions."
        ),
    ] = HEADINGS,
    places: Annotated[
        str,
        typer.Option(
            help="For gap-D. path: places evenly along the path of the map. frames: one at every frame. "
            "recorded: along the recorded path, even if the map is of another lane."
        ),
    ] = PLACES,
    place_spacing: PlaceSpacingOption = PLACE_SPACING,
    lateral_reach: LateralReachOption = LATERAL_REACH,
    lateral_spacing: LateralSpacingOption = LATERAL_SPACING,
    scans_per_place: ScansPerPlaceOption = SCANS_PER_PLACE,
    refine: Annotated[bool, typer.Option(help="Also measure the localizer's refinement of the best places.")] = True,
    code_features: Annotated[
        bool,
        typer.Option("--coded", help="The localizer uses coded features, as in maps of a model that has a coding."),
    ] = False,
    camera: CameraOption = None,
    recording: RecordingOptions = RecordingOptions(),  # noqa: B008  frozen
) -> None:
    """Measure how well a model finds the images of a drive.

    `same-frame` is the protocol of the LIP-Loc paper. It is easy: the scan of each image's own instant is in the map.
    `gap-8` is closer to real use: every place is drawn from scans at least 8 m away. `lane-3.5` simulates a map of the
    lane to the left. With several protocols, the report compares them and has a folder for each.
    """
    start = time.monotonic()
    start_work()
    from rich.console import Console

    from liploc_ros.cli.inputs.evaluation import evaluation_options, parse_gaps
    from liploc_ros.cli.tables.evaluation import comparison_tables, describe_acceptance, evaluation_table
    from liploc_ros.datasets import open_drive
    from liploc_ros.encoders import ModelBundle
    from liploc_ros.evaluation.evaluator import Evaluator
    from liploc_ros.evaluation.protocol import Protocol
    from liploc_ros.evaluation.reporting.comparison import write_comparison
    from liploc_ros.evaluation.reporting.report import METRICS, note_on, write_evaluation
    from liploc_ros.evaluation.result import EvaluationResult
    from liploc_ros.files import check_replaceable

    options = evaluation_options(
        headings=headings,
        places=places,
        place_spacing=place_spacing,
        lateral_reach=lateral_reach,
        lateral_spacing=lateral_spacing,
        scans_per_place=scans_per_place,
        refine=refine,
        code_features=code_features,
        camera=camera,
    )
    check_replaceable(out, METRICS)
    protocols, curve = [Protocol.parse(name) for name in protocol or [PROTOCOL]], parse_gaps(gaps)
    bundle = ModelBundle.load(model)
    opened = open_drive(drive, recording.topics(), options=recording.options())
    evaluator = Evaluator(opened, bundle, options, progress=True)
    for rules in protocols:
        evaluator.check(rules)
    console, command = Console(), shlex.join(["liploc", *sys.argv[1:]])

    def run(rules: Protocol) -> EvaluationResult:
        result = evaluator.run(rules.name)
        metrics = result.metrics.model_copy(update={"command": command})
        if curve and rules.kind == "gap" and not rules.conditions:
            recall = evaluator.recall_over_gap(sorted({*curve, rules.value}), [metrics])
            metrics = metrics.model_copy(update={"recall_at_1_over_gap": recall})
        console.print(evaluation_table(metrics))
        if metrics.localized is not None:
            console.print(describe_acceptance(metrics.localized), soft_wrap=True, highlight=False)
        console.print(note_on(metrics), soft_wrap=True, highlight=False)
        return replace(result, metrics=metrics)

    if len(protocols) == 1:
        page = write_evaluation(out, run(protocols[0]), bundle)
    else:
        page, compared = write_comparison(out, map(run, protocols), bundle)
        console.print(*comparison_tables(compared))
    console.print(f"Report: {page}   ({time.monotonic() - start:.0f} s)", soft_wrap=True)
