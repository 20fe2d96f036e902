# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The results of a benchmark as tables: Markdown, CSV and JSON."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from liploc_ros.benchmark.run import CellResult
from liploc_ros.benchmark.spec import Benchmark, Cell
from liploc_ros.evaluation.metrics import RateByThreshold
from liploc_ros.files import write_file

NAME = "benchmark"
HEADER = (
    "model",
    "test",
    "protocol",
    "within 20 m",
    "10 m",
    "5 m",
    "2 m",
    "1 m",
    "chance 20 m",
    "released 20 m",
    "median",
)
THRESHOLDS = ("20", "10", "5", "2", "1")
RECALLS = (
    "recall_at_1",
    "recall_at_5",
    "recall_at_1_percent",
    "released_recall_at_1",
    "refined_recall_at_1",
    "same_heading_recall_at_1",
    "opposite_heading_recall_at_1",
)
NOTE = """Recall@1 in percent, with 95 % intervals within 20 m, by compressed descriptors. "released" is the metric of
LIP-Loc's published code, which ignores a horizontal axis. SEEN: the model was trained on the drive.
"""


def write_tables(
    out: Path, name: str, benchmark: Benchmark, stored_result: Callable[[Cell], CellResult | None]
) -> Path:
    """Write benchmark.md, benchmark.csv and benchmark.json with the present results; return the path of the first.

    Args:
        out: folder.
        name: of the benchmark.
        benchmark: its definition.
        stored_result: returns the result of a cell, or None.

    Raises:
        FileError: they cannot be written.
    """
    texts, rows = [f"# Benchmark {name}\n\n{NOTE}"], []
    for table in benchmark.tables:
        results = [(cell, stored_result(cell)) for cell in benchmark.cells(table)]
        rows += [_row(table.title, cell, result) for cell, result in results]
        lines = [_line(cell, result) for cell, result in results]
        texts.append(
            "\n".join([f"## {table.title}\n", _table_line(HEADER), _table_line(["---"] * len(HEADER)), *lines, ""])
        )
    missing = {why for row in rows if row["status"] == "missing data" for why in row["why"].split("; ")}
    if missing:
        texts.append("## Missing data\n\n" + "".join(f"- {what}\n" for what in sorted(missing)))
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    content = {".md": "\n".join(texts), ".csv": text.getvalue(), ".json": json.dumps(rows, indent=2) + "\n"}
    for suffix, written in content.items():
        write_file(out / f"{NAME}{suffix}", written)
    return out / f"{NAME}.md"


def _row(title: str, cell: Cell, result: CellResult | None) -> dict[str, Any]:
    """Return the CSV row of a cell; all rows have the same keys."""
    metrics = result.metrics if result else None
    row: dict[str, Any] = {"table": title, **cell.model_dump()}
    row |= {"status": result.status if result else "not done yet", "why": result.why if result else ""}
    columns: dict[str, RateByThreshold | None] = {}
    if metrics is not None:
        columns = {
            "recall_at_1": metrics.recall_at_1,
            "recall_at_5": metrics.recall_at_5,
            "recall_at_1_percent": metrics.recall_at_1_percent,
            "released_recall_at_1": metrics.released_recall_at_1,
        }
        further = {
            "refined": metrics.localized,
            "same_heading": metrics.same_heading,
            "opposite_heading": metrics.opposite_heading,
        }
        columns |= {f"{name}_recall_at_1": part.recall_at_1 for name, part in further.items() if part}
    for name in RECALLS:
        rates = columns.get(name)
        row |= {f"{name}_{t}m": rates[t].recall if rates and t in rates else None for t in THRESHOLDS}
    first = metrics.recall_at_1 if metrics else {}
    for end in ("low", "high", "chance", "queries"):
        row |= {f"{end}_{t}m": getattr(first[t], end) if t in first else None for t in THRESHOLDS}
    for name in ("median_position_error_m", "median_heading_error_deg", "queries", "places", "in_training", "model_id"):
        row[name] = getattr(metrics, name) if metrics else None
    return row


def _line(cell: Cell, result: CellResult | None) -> str:
    """Return the Markdown line of a cell."""
    head = [cell.model, cell.test, cell.protocol]
    if result is None or result.metrics is None:
        why = "not done yet" if result is None else result.short_reason
        return _table_line([*head, why.replace("|", "/"), *[""] * (len(HEADER) - len(head) - 1)])
    metrics = result.metrics
    recalls = [f"{100 * r.recall:.1f}" if (r := metrics.recall_at_1.get(t)) else "" for t in THRESHOLDS]
    if at_20_m := metrics.recall_at_1.get(THRESHOLDS[0]):
        recalls[0] += f" ({100 * at_20_m.low:.1f} to {100 * at_20_m.high:.1f})"
    released = (metrics.released_recall_at_1 or {}).get(THRESHOLDS[0])
    median = metrics.median_position_error_m
    return _table_line(
        [
            *head[:1],
            head[1] + (" SEEN" if metrics.in_training else ""),
            head[2],
            *recalls,
            f"{100 * at_20_m.chance:.1f}" if at_20_m else "",
            f"{100 * released.recall:.1f}" if released else "",
            "" if median is None else f"{median:.2f} m",
        ]
    )


def _table_line(values: list[str] | tuple[str, ...]) -> str:
    return "| " + " | ".join(values) + " |"
