"""The folder of an evaluation: numbers, figures, and a page that shows both without a server."""

import html
from pathlib import Path

from liploc_ros.encoders import ModelBundle
from liploc_ros.evaluation.hardest import draw_hardest
from liploc_ros.evaluation.metrics import RetrievalMetrics
from liploc_ros.evaluation.plots import (
    draw_acceptance,
    draw_recall_over_gap,
    draw_recall_over_threshold,
    draw_trajectory,
    searches,
)
from liploc_ros.evaluation.result import ProtocolMetrics, Result
from liploc_ros.files import check_replaceable, replace_folder

METRICS, PAGE = "metrics.json", "index.html"
THRESHOLDS, GAPS, ACCEPTANCE, TRAJECTORY, HARDEST = (
    "recall_over_threshold.png",
    "recall_over_gap.png",
    "acceptance.png",
    "trajectory.png",
    "hardest.jpg",
)
CAPTIONS = {
    THRESHOLDS: "Recall over threshold",
    GAPS: "Recall over gap: places are drawn only from scans at least so far away",
    ACCEPTANCE: "Acceptance: what a threshold on the score lets through",
    TRAJECTORY: "From above",
    HARDEST: "The hardest images: camera, LiDAR at the right place, LiDAR at the place that was found",
}
TEMPLATE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>body{{font:15px system-ui;max-width:1000px;margin:2em auto;padding:0 1em}}img{{max-width:100%}}
td,th{{padding:.15em 1.2em .15em 0;text-align:right;font-variant-numeric:tabular-nums}}
td:first-child,th:first-child{{text-align:left}}code{{white-space:pre-wrap}}</style>
<h1>{title}</h1><p>{note}</p>{tables}<p><code>{command}</code></p>
<p>All numbers: <a href="metrics.json">metrics.json</a></p>
{figures}</html>
"""


def write_evaluation(
    folder: Path, result: Result, metrics: ProtocolMetrics, bundle: ModelBundle, heading: float
) -> Path:
    """Write metrics.json, the figures and index.html; a report that is there is replaced. Returns the page.

    Args:
        folder: of the report.
        result: what to draw.
        metrics: its numbers, with the command and the curve over gaps, where there is one.
        bundle: the model.
        heading: yaw [rad] in the base frame along which camera views stand.

    Raises:
        MapError: the folder holds something else, or cannot be written.
    """
    check_replaceable(folder, METRICS)
    with replace_folder(folder) as draft:
        (draft / METRICS).write_text(metrics.model_dump_json(indent=2) + "\n")
        draw_recall_over_threshold(draft / THRESHOLDS, metrics)
        if metrics.recall_at_1_over_gap:
            draw_recall_over_gap(draft / GAPS, metrics)
        draw_acceptance(draft / ACCEPTANCE, metrics)
        draw_trajectory(draft / TRAJECTORY, result)
        draw_hardest(draft / HARDEST, result, bundle, heading)
        drawn = [name for name in CAPTIONS if (draft / name).exists()]
        (draft / PAGE).write_text(_page(metrics, drawn))
    return folder / PAGE


def note_on(metrics: ProtocolMetrics) -> str:
    """Say in a sentence or two what the numbers are of."""
    seen = "The model SAW this drive in training." if metrics.in_training else "The model never saw this drive."
    heading = "headings are given" if metrics.headings == "known" else "all headings are searched"
    return (
        f"{seen} Protocol {metrics.protocol}: {metrics.queries} images, {metrics.places} places, "
        f"{metrics.scans} scans; {heading}. Model {metrics.model} ({metrics.model_id[:12]})."
    )


def _page(metrics: ProtocolMetrics, drawn: list[str]) -> str:
    figures = "".join(
        f'<h2>{html.escape(CAPTIONS[name])}</h2><img src="{name}" alt="{html.escape(CAPTIONS[name])}">'
        for name in drawn
    )
    return TEMPLATE.format(
        title=html.escape(f"{metrics.protocol} on {metrics.drive}"),
        note=html.escape(note_on(metrics)),
        tables="".join(_table(one) for one in searches(metrics)),
        command=html.escape(metrics.command),
        figures=figures,
    )


def _table(figures: RetrievalMetrics) -> str:
    columns = {
        "recall@1 (95 %)": figures.recall_at_1,
        "recall@5": figures.recall_at_5,
        "recall@1 %": figures.recall_at_1_percent,
    }
    given = {name: rates for name, rates in columns.items() if rates is not None}
    rows = ""
    for threshold, first in figures.recall_at_1.items():
        cells = [f"{100 * first.recall:.1f} ({100 * first.low:.1f} to {100 * first.high:.1f})"]
        cells += [f"{100 * rates[threshold].recall:.1f}" for rates in list(given.values())[1:]]
        cells += [f"{100 * first.chance:.1f}", str(first.queries)]
        rows += f"<tr><td>{threshold} m</td>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
    names = ["within", *given, "chance@1", "images"]
    size = f", {figures.descriptor_bytes} bytes" if figures.descriptor_bytes else ""
    errors = [f"{value:.2f} {unit}" for value, unit in _errors(figures) if value is not None]
    return (
        f"<h3>{html.escape(figures.search)}{size}</h3><table><tr>"
        + "".join(f"<th>{html.escape(name)}</th>" for name in names)
        + f"</tr>{rows}</table><p>median error {' and '.join(errors) or 'infinite'}</p>"
    )


def _errors(figures: RetrievalMetrics) -> tuple[tuple[float | None, str], ...]:
    return (figures.median_position_error_m, "m"), (figures.median_heading_error_deg, "degrees")
