# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The folder of an evaluation: metrics, figures, and a page that shows both without a server."""

from pathlib import Path

from liploc_ros.encoders import ModelBundle
from liploc_ros.evaluation.reporting.pages import render_page
from liploc_ros.evaluation.reporting.plots import (
    all_searches,
    draw_acceptance,
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
CAPTIONS = {
    THRESHOLDS: "Recall over threshold",
    GAPS: "Recall over gap: places are drawn only from scans at least this far away",
    ACCEPTANCE: "Acceptance: share of correct results over share accepted, by a threshold on the score",
    TRAJECTORY: "Trajectory",
    WORST: "The worst images: camera, LiDAR at the correct place, LiDAR at the retrieved place",
}


def write_evaluation(
    folder: Path, result: EvaluationResult, metrics: ProtocolMetrics, bundle: ModelBundle, heading: float
) -> Path:
    """Write metrics.json, the figures and index.html; an earlier report is replaced. Returns the page.

    Args:
        folder: of the report.
        result: what to draw.
        metrics: its metrics, with the command, and the curve over gaps if there is one.
        bundle: the model.
        heading: yaw [rad] in the base frame of the middle of the camera views.

    Raises:
        FileError: the folder contains something else, or cannot be written.
    """
    check_replaceable(folder, METRICS)
    with replace_folder(folder) as new:
        (new / METRICS).write_text(metrics.model_dump_json(indent=2) + "\n")
        draw_recall_over_threshold(new / THRESHOLDS, metrics)
        if metrics.recall_at_1_over_gap:
            draw_recall_over_gap(new / GAPS, metrics)
        draw_acceptance(new / ACCEPTANCE, metrics)
        draw_trajectory(new / TRAJECTORY, result)
        draw_worst_queries(new / WORST, result, bundle, heading)
        page = render_page(
            "evaluation.html.j2",
            title=f"{metrics.protocol} on {metrics.drive}",
            note=note_on(metrics),
            searches=all_searches(metrics),
            command=metrics.command,
            figures={name: caption for name, caption in CAPTIONS.items() if (new / name).exists()},
        )
        (new / PAGE).write_text(page)
    return folder / PAGE


def note_on(metrics: ProtocolMetrics) -> str:
    """Return in two sentences what the metrics were measured on."""
    seen = "The model SAW this drive in training." if metrics.in_training else "The model never saw this drive."
    heading = "headings are given" if metrics.headings == "known" else "all headings are searched"
    return (
        f"{seen} Protocol {metrics.protocol}: {metrics.queries} images, {metrics.places} places, "
        f"{metrics.scans} scans; {heading}. Model {metrics.model} ({metrics.model_id[:12]})."
    )
