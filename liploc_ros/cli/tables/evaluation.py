# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The metrics of ``liploc evaluate`` as a table."""

from rich.box import SIMPLE
from rich.table import Table

from liploc_ros.evaluation.metrics import RateByThreshold, RetrievalMetrics
from liploc_ros.evaluation.reporting.plots import all_searches
from liploc_ros.evaluation.result import ProtocolMetrics


def evaluation_table(metrics: ProtocolMetrics) -> Table:
    """Return recall by distance threshold."""
    table = Table(title=f"{metrics.protocol} on {metrics.drive}", box=SIMPLE, padding=(0, 1, 0, 0))
    table.add_column("recall [%] within", no_wrap=True)
    for threshold in metrics.recall_at_1:
        table.add_column(f"{threshold} m", justify="right")
    table.add_column("median error", justify="right", no_wrap=True)
    _add_row(table, f"@1 {metrics.search}, {metrics.descriptor_bytes} B", metrics.recall_at_1, metrics)
    intervals = [f"{100 * rate.low:.0f}-{100 * rate.high:.0f}" for rate in metrics.recall_at_1.values()]
    table.add_row("   95 % interval", *intervals)
    _add_row(table, "@5", metrics.recall_at_5)
    _add_row(table, f"@1 % (of {metrics.one_percent})", metrics.recall_at_1_percent)
    for search in all_searches(metrics)[1:]:
        _add_row(table, f"@1 {search.search}", search.recall_at_1, search)
    _add_row(table, "@1, LIP-Loc's released metric", metrics.released_recall_at_1)
    table.add_row("@1 chance", *(f"{100 * rate.chance:.1f}" for rate in metrics.recall_at_1.values()))
    return table


def _add_row(table: Table, name: str, rates: RateByThreshold | None, metrics: RetrievalMetrics | None = None) -> None:
    if rates is None:
        return
    error = ""
    if metrics is not None and metrics.median_position_error_m is not None:
        heading = metrics.median_heading_error_deg
        error = f"{metrics.median_position_error_m:.2f} m" + ("" if heading is None else f", {heading:.1f} deg")
    thresholds = [str(column.header).removesuffix(" m") for column in table.columns[1:-1]]
    table.add_row(name, *(f"{100 * rates[t].recall:.1f}" if t in rates else "" for t in thresholds), error)
