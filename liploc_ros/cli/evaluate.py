"""``liploc evaluate``: how a model does on a drive, by a named protocol."""

import shlex
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from liploc_ros.cli.calibrate import Wanted, calibrate_on
from liploc_ros.datasets import BagTopics, open_drive
from liploc_ros.encoders import ModelBundle
from liploc_ros.evaluation.evaluator import Evaluator
from liploc_ros.evaluation.metrics import RateByThreshold, RetrievalMetrics
from liploc_ros.evaluation.options import EvaluationError, EvaluationOptions
from liploc_ros.evaluation.plots import all_searches
from liploc_ros.evaluation.protocol import KNOWN, Protocol
from liploc_ros.evaluation.report import METRICS, note_on, write_evaluation
from liploc_ros.evaluation.result import ProtocolMetrics
from liploc_ros.files import check_replaceable

GAPS = "0 3 5 8 12"
DEFAULTS = EvaluationOptions()


def evaluate(
    drive: Annotated[Path, typer.Argument(help="Recording: folder of a KITTI drive, or bag.")],
    protocol: Annotated[str, typer.Option(help=f"One of {KNOWN}.")] = "gap-8",
    out: Annotated[Path, typer.Option(help="Folder of the report; one that is there is replaced.")] = Path(
        "out/evaluation"
    ),
    model: Annotated[Path | None, typer.Option(help="Model bundle; the package's own when left out.")] = None,
    gaps: Annotated[
        str, typer.Option(help="Gaps of the curve that is drawn for gap-D [m], in quotation marks; '' draws none.")
    ] = GAPS,
    headings: Annotated[
        str, typer.Option(help="known: the heading is given; all: it is searched.")
    ] = DEFAULTS.headings,
    places: Annotated[str, typer.Option(help="Of gap-D: path, evenly; or frames, at every frame.")] = DEFAULTS.places,
    place_spacing: Annotated[float, typer.Option(help="Between places along the path [m].")] = DEFAULTS.place_spacing,
    scans_per_place: Annotated[int, typer.Option(help="Scans that a place is drawn from.")] = DEFAULTS.scans_per_place,
    refine: Annotated[bool, typer.Option(help="Also give what the localizer makes of the best places.")] = True,
    camera: Annotated[
        str | None, typer.Option(help="Optical frame of the camera; the first one when left out.")
    ] = None,
    calibrate: Annotated[
        Path | None,
        typer.Option(help="Fit confidence and errors instead, and put them here: model bundle, map or .json."),
    ] = None,
    elsewhere: Annotated[
        list[Path] | None, typer.Option(help="Of --calibrate: recording of other places. Repeat for more.")
    ] = None,
    trials: Annotated[
        list[Path] | None, typer.Option(help="Of --calibrate: trials.npz of another run, to be fitted to as well.")
    ] = None,
    fit_only: Annotated[
        bool, typer.Option("--fit-only", help="Of --calibrate: fit to --trials alone; DRIVE is not opened.")
    ] = False,
    points_topic: Annotated[str, typer.Option(help="Of a bag: the PointCloud2; found by type when left out.")] = "",
    odometry_topic: Annotated[str, typer.Option(help="Of a bag: the Odometry; found by type when left out.")] = "",
) -> None:
    """Evaluate a model on a drive: how many of its images are found among its LiDAR scans, and how near.

    Recall of `same-frame` is the paper's, and easy: each image's own scan is there. `gap-8` is nearer to what a map
    gives: every place is drawn from scans at least 8 m away. With `--calibrate` nothing but a calibration is made, from
    trials by `gap-8`, which are kept as trials.npz in the folder of the report.
    """
    start = time.monotonic()
    options = _options(
        headings=headings,
        places=places,
        place_spacing=place_spacing,
        scans_per_place=scans_per_place,
        refine=refine,
        camera=camera,
    )
    topics = BagTopics(points=points_topic or None, odometry=odometry_topic or None)
    if calibrate is not None:
        calibration = Wanted(calibrate, tuple(elsewhere or ()), tuple(trials or ()))
        source = None if fit_only else open_drive(drive, topics)
        calibrate_on(source, calibration, ModelBundle.load(model), options, out)
        return
    if elsewhere or trials or fit_only:
        raise EvaluationError("--elsewhere, --trials and --fit-only are of --calibrate: add --calibrate OUT")
    check_replaceable(out, METRICS)
    rules, wanted = Protocol.parse(protocol), _numbers(gaps)
    bundle = ModelBundle.load(model)
    evaluator = Evaluator(open_drive(drive, topics), bundle, options, progress=True)
    result = evaluator.run(protocol)
    metrics = result.metrics.model_copy(update={"command": shlex.join(["liploc", *sys.argv[1:]])})
    if wanted and rules.kind == "gap":
        over = evaluator.recall_over_gap(sorted({*wanted, rules.value}), [metrics])
        metrics = metrics.model_copy(update={"recall_at_1_over_gap": over})
    page = write_evaluation(out, result, metrics, bundle, evaluator.camera_heading)
    console = Console()
    console.print(table_of(metrics))
    console.print(note_on(metrics), soft_wrap=True, highlight=False)
    console.print(f"Report: {page}   ({time.monotonic() - start:.0f} s)", soft_wrap=True)


def table_of(metrics: ProtocolMetrics) -> Table:
    """Return recall by threshold as a table to print."""
    table = Table(title=f"{metrics.protocol} on {metrics.drive}", box=SIMPLE, padding=(0, 1, 0, 0))
    table.add_column("recall [%] within", no_wrap=True)
    for threshold in metrics.recall_at_1:
        table.add_column(f"{threshold} m", justify="right")
    table.add_column("median error", justify="right", no_wrap=True)
    _add_row(table, f"@1 {metrics.search}, {metrics.descriptor_bytes} B", metrics.recall_at_1, metrics)
    ends = [f"{100 * rate.low:.0f}-{100 * rate.high:.0f}" for rate in metrics.recall_at_1.values()]
    table.add_row("   95 % interval", *ends)
    _add_row(table, "@5", metrics.recall_at_5)
    _add_row(table, f"@1 % (of {metrics.one_percent})", metrics.recall_at_1_percent)
    for figures in all_searches(metrics)[1:]:
        _add_row(table, f"@1 {figures.search}", figures.recall_at_1, figures)
    _add_row(table, "@1 as LIP-Loc counts", metrics.released_recall_at_1)
    table.add_row("@1 chance", *(f"{100 * rate.chance:.1f}" for rate in metrics.recall_at_1.values()))
    return table


def _add_row(table: Table, name: str, rates: RateByThreshold | None, figures: RetrievalMetrics | None = None) -> None:
    if rates is None:
        return
    error = ""
    if figures is not None and figures.median_position_error_m is not None:
        turned = figures.median_heading_error_deg
        error = f"{figures.median_position_error_m:.2f} m" + ("" if turned is None else f", {turned:.1f} deg")
    thresholds = [str(column.header).removesuffix(" m") for column in table.columns[1:-1]]
    table.add_row(name, *(f"{100 * rates[t].recall:.1f}" if t in rates else "" for t in thresholds), error)


def _numbers(text: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.replace(",", " ").split()]
    except ValueError:
        numbers = [-1.0]
    if any(not 0 <= number < float("inf") for number in numbers):
        raise EvaluationError(f"--gaps {text!r}: give numbers of metres that are not negative, such as {GAPS!r}")
    return numbers


def _options(**values: object) -> EvaluationOptions:
    try:
        return EvaluationOptions.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise EvaluationError(
            f"--{str(first['loc'][0]).replace('_', '-')}: {first['msg']}, not {first['input']}"
        ) from error
