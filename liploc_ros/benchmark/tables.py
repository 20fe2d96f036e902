"""A benchmark's results as tables to read: Markdown, CSV and JSON."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from liploc_ros.benchmark.run import CellResult
from liploc_ros.benchmark.spec import Benchmark, Cell
from liploc_ros.evaluation.metrics import RateByThreshold
from liploc_ros.evaluation.options import EvaluationError

NAME = "benchmark"
HEAD = (
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
NOTE = """Recall@1 in percent, with 95 % intervals within 20 m, by compressed descriptors. "released" counts as
LIP-Loc's published code does, which drops a horizontal axis. SEEN: the model was trained on the drive.
"""


def write_tables(out: Path, name: str, benchmark: Benchmark, last: Callable[[Cell], CellResult | None]) -> Path:
    """Write benchmark.md, benchmark.csv and benchmark.json from the cells as they are; returns the first.

    Args:
        out: folder.
        name: of the benchmark.
        benchmark: what is in it.
        last: what is known of a cell, or None.

    Raises:
        EvaluationError: they cannot be written.
    """
    texts, rows = [f"# Benchmark {name}\n\n{NOTE}"], []
    for table in benchmark.tables:
        results = [(cell, last(cell)) for cell in benchmark.cells(table)]
        rows += [_row(table.title, cell, result) for cell, result in results]
        lines = [_line(cell, result) for cell, result in results]
        texts.append("\n".join([f"## {table.title}\n", _cells(HEAD), _cells(["---"] * len(HEAD)), *lines, ""]))
    missing = {why for row in rows if row["status"] == "missing data" for why in row["why"].split("; ")}
    if missing:
        texts.append("## Missing data\n\n" + "".join(f"- {what}\n" for what in sorted(missing)))
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    content = {".md": "\n".join(texts), ".csv": text.getvalue(), ".json": json.dumps(rows, indent=2) + "\n"}
    try:
        out.mkdir(parents=True, exist_ok=True)
        for suffix, written in content.items():
            (out / f"{NAME}{suffix}").write_text(written)
    except OSError as error:
        raise EvaluationError(f"{out}: cannot be written ({error.strerror}): choose another folder") from error
    return out / f"{NAME}.md"


def _row(title: str, cell: Cell, result: CellResult | None) -> dict[str, Any]:
    """Return the row of a cell, with the same keys for all."""
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
        columns |= {f"{name}_recall_at_1": figures.recall_at_1 for name, figures in further.items() if figures}
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
    head = [cell.model, cell.test, cell.protocol]
    if result is None or result.metrics is None:
        why = "not done yet" if result is None else f"{result.status}: {result.why}"
        return _cells([*head, why.replace("|", "/"), *[""] * (len(HEAD) - len(head) - 1)])
    metrics = result.metrics
    recalls = [f"{100 * r.recall:.1f}" if (r := metrics.recall_at_1.get(t)) else "" for t in THRESHOLDS]
    if widest := metrics.recall_at_1.get(THRESHOLDS[0]):
        recalls[0] += f" ({100 * widest.low:.1f} to {100 * widest.high:.1f})"
    released = (metrics.released_recall_at_1 or {}).get(THRESHOLDS[0])
    median = metrics.median_position_error_m
    return _cells(
        [
            *head[:1],
            head[1] + (" SEEN" if metrics.in_training else ""),
            head[2],
            *recalls,
            f"{100 * widest.chance:.1f}" if widest else "",
            f"{100 * released.recall:.1f}" if released else "",
            "" if median is None else f"{median:.2f} m",
        ]
    )


def _cells(values: list[str] | tuple[str, ...]) -> str:
    return "| " + " | ".join(values) + " |"
