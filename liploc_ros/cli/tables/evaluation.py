# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The metrics of ``liploc evaluate`` as a table."""

from collections.abc import Sequence

from rich.box import SIMPLE
from rich.table import Table

from liploc_ros.evaluation.localizer_metrics import ErrorStatistics, LocalizerMetrics
from liploc_ros.evaluation.metrics import RateByThreshold, RetrievalMetrics
from liploc_ros.evaluation.reporting.plots import all_searches, comparison_threshold
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


def describe_acceptance(localized: LocalizerMetrics) -> str:
    """Return in words how many images are accepted, and the errors of the poses that are found."""
    accepted, wrong = localized.accepted, localized.accepted_wrong
    text = (
        f"accepted {accepted.count} of {accepted.images} ({100 * accepted.share:.1f} %), "
        f"{localized.accepted_correct.count} within 2 m and 5 degrees, {wrong.count} wrong by more than 5 m "
        f"(95 %: {100 * wrong.low:.1f} to {100 * wrong.high:.1f} % of images)"
    )
    if localized.along_m is None:
        return text
    return (
        f"{text}\nerrors of {localized.found} poses within 2 m and 5 degrees, mean and standard deviation: along "
        f"{_error(localized.along_m)} m, to the left {_error(localized.lateral_m)} m, heading "
        f"{_error(localized.heading_deg)} degrees"
    )


def comparison_tables(compared: Sequence[ProtocolMetrics]) -> tuple[Table, Table]:
    """Return a line for each protocol: recall of the localizer, or else of retrieval, and acceptance; and errors.

    Wrong means accepted and wrong by more than 5 m.
    """
    threshold = comparison_threshold(compared[0])
    recall = Table(title=f"{len(compared)} protocols on {compared[0].drive}", box=SIMPLE, padding=(0, 1, 0, 0))
    errors = Table(title="mean and standard deviation of poses within 2 m and 5 degrees", box=SIMPLE)
    for table in (recall, errors):
        table.add_column("protocol", no_wrap=True)
    for name in ("images", f"in {threshold} m [%]", "95 %", "chance", "accepted", "correct", "wrong"):
        recall.add_column(name, justify="right", no_wrap=True)
    for name in ("poses", "along [m]", "to the left [m]", "heading [deg]"):
        errors.add_column(name, justify="right", no_wrap=True)
    for metrics in compared:
        found = metrics.localized
        rate = (found or metrics).recall_at_1.get(threshold)
        cells = ["", "", ""]
        if rate is not None:
            cells = [
                f"{100 * rate.recall:.1f}",
                f"{100 * rate.low:.0f}-{100 * rate.high:.0f}",
                f"{100 * rate.chance:.1f}",
            ]
        if found is not None:
            cells += [str(share.count) for share in (found.accepted, found.accepted_correct, found.accepted_wrong)]
            means = [_error(error) for error in (found.along_m, found.lateral_m, found.heading_deg)]
            errors.add_row(metrics.protocol, str(found.found), *means)
        recall.add_row(metrics.protocol, str(metrics.queries), *cells)
    return recall, errors


def _error(error: ErrorStatistics | None) -> str:
    return "" if error is None else f"{error.mean:+.2f} ± {error.std:.2f}"


def _add_row(table: Table, name: str, rates: RateByThreshold | None, metrics: RetrievalMetrics | None = None) -> None:
    if rates is None:
        return
    error = ""
    if metrics is not None and metrics.median_position_error_m is not None:
        heading = metrics.median_heading_error_deg
        error = f"{metrics.median_position_error_m:.2f} m" + ("" if heading is None else f", {heading:.1f} deg")
    thresholds = [str(column.header).removesuffix(" m") for column in table.columns[1:-1]]
    table.add_row(name, *(f"{100 * rates[t].recall:.1f}" if t in rates else "" for t in thresholds), error)
