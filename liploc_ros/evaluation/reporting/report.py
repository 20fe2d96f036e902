# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The folder of an evaluation: metrics, figures, and a page that shows both without a server."""

from pathlib import Path

from liploc_ros.encoders import ModelBundle
from liploc_ros.evaluation.reporting.mapped_scans import draw_mapped_scans
from liploc_ros.evaluation.reporting.pages import render_page
from liploc_ros.evaluation.reporting.plots import (
    all_searches,
    draw_acceptance,
    draw_errors,
    draw_recall_over_gap,
    draw_recall_over_threshold,
    draw_trajectory,
)
from liploc_ros.evaluation.reporting.worst_queries import draw_worst_queries
from liploc_ros.evaluation.result import EvaluationResult, ProtocolMetrics
from liploc_ros.files import check_replaceable, replace_folder

METRICS, PAGE = "metrics.json", "index.html"
THRESHOLDS, GAPS, ACCEPTANCE, TRAJECTORY, WORST = (
    "recall_over_threshold.png",
    "recall_over_gap.png",
    "acceptance.png",
    "trajectory.png",
    "worst_queries.jpg",
)
ERRORS, SCANS = "errors.png", "mapped_scans.jpg"
CAPTIONS = {
    THRESHOLDS: "Recall over threshold",
    GAPS: "Recall over gap: places are drawn only from scans at least this far away",
    ACCEPTANCE: "Acceptance: share of correct results over share accepted, by a threshold on the score",
    ERRORS: "Errors of the localizer",
    TRAJECTORY: "Trajectory",
    WORST: "The worst images: camera, LiDAR at the correct place, LiDAR at the retrieved place",
    SCANS: "Scans of the pass that the map is drawn from, each below the recorded scan nearest to it",
}


def write_evaluation(folder: Path, result: EvaluationResult, bundle: ModelBundle) -> Path:
    """Write metrics.json, the figures and index.html; an earlier report is replaced. Returns the page.

    Args:
        folder: of the report.
        result: what to draw; its metrics have the command, and the curve over gaps if there is one.
        bundle: the model.

    Raises:
        FileError: the folder contains something else, or cannot be written.
    """
    check_replaceable(folder, METRICS)
    with replace_folder(folder) as new:
        fill_report(new, result, bundle)
    return folder / PAGE


def fill_report(folder: Path, result: EvaluationResult, bundle: ModelBundle) -> None:
    """Write the files of a report into an existing folder."""
    metrics = result.metrics
    (folder / METRICS).write_text(metrics.model_dump_json(indent=2) + "\n")
    draw_recall_over_threshold(folder / THRESHOLDS, metrics)
    if metrics.recall_at_1_over_gap:
        draw_recall_over_gap(folder / GAPS, metrics)
    draw_acceptance(folder / ACCEPTANCE, metrics)
    if result.localized:
        draw_errors(folder / ERRORS, result)
    draw_trajectory(folder / TRAJECTORY, result)
    draw_worst_queries(folder / WORST, result, bundle, result.camera_heading)
    if result.scene.mapped.scans is not result.scene.recorded.scans:
        draw_mapped_scans(folder / SCANS, result.scene, bundle.spec.grid)
    page = render_page(
        "evaluation.html.j2",
        title=f"{metrics.protocol} on {metrics.drive}",
        note=note_on(metrics),
        searches=all_searches(metrics),
        command=metrics.command,
        figures={name: caption for name, caption in CAPTIONS.items() if (folder / name).exists()},
    )
    (folder / PAGE).write_text(page)


def note_on(metrics: ProtocolMetrics) -> str:
    """Return in a few sentences what the metrics were measured on."""
    seen = (
        "The model SAW this drive in training."
        if metrics.in_training
        else "No recording of this name was in the training."
    )
    heading = "headings are given" if metrics.headings == "known" else "all headings are searched"
    scans = "" if metrics.gap_m is None else f", each place drawn from scans at least {metrics.gap_m:g} m away"
    return (
        f"{seen} Protocol {metrics.protocol}: {metrics.queries} images, {metrics.places} places, "
        f"{metrics.scans} scans{scans}; {heading}. Model {metrics.model} ({metrics.model_id[:12]})."
    )
