# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The report of several protocols: a page that compares them, and a folder for each."""

import json
from collections.abc import Iterable
from pathlib import Path

from liploc_ros.encoders import ModelBundle
from liploc_ros.evaluation.reporting.pages import render_page
from liploc_ros.evaluation.reporting.plots import comparison_threshold, draw_comparison
from liploc_ros.evaluation.reporting.report import METRICS, PAGE, fill_report
from liploc_ros.evaluation.result import EvaluationResult, ProtocolMetrics
from liploc_ros.files import check_replaceable, replace_folder

FIGURE = "comparison.png"


def write_comparison(
    folder: Path, results: Iterable[EvaluationResult], bundle: ModelBundle
) -> tuple[Path, list[ProtocolMetrics]]:
    """Write a folder for each protocol, and metrics.json, a figure and index.html that compare them.

    Results are taken one after another. Returns the page, and the metrics.

    Raises:
        FileError: the folder contains something else, or cannot be written.
    """
    check_replaceable(folder, METRICS)
    compared: list[ProtocolMetrics] = []
    with replace_folder(folder) as new:
        for result in results:
            part = new / folder_of(result.metrics)
            part.mkdir(exist_ok=True)
            fill_report(part, result, bundle)
            compared.append(result.metrics)
        (new / METRICS).write_text(json.dumps([m.model_dump(mode="json") for m in compared], indent=2) + "\n")
        draw_comparison(new / FIGURE, compared)
        page = render_page(
            "comparison.html.j2",
            title=f"{len(compared)} protocols on {compared[0].drive}",
            note=f"Model {compared[0].model} ({compared[0].model_id[:12]}).",
            threshold=comparison_threshold(compared[0]),
            pages={f"{folder_of(metrics)}/{PAGE}": metrics for metrics in compared},
            command=compared[0].command,
            figure=FIGURE,
        )
        (new / PAGE).write_text(page)
    return folder / PAGE, compared


def folder_of(metrics: ProtocolMetrics) -> str:
    """Return the name of the folder of a protocol; frames of cameras may have slashes."""
    return metrics.protocol.replace("/", "_")
