# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Curves of an evaluation, and its trajectory.

Figures are created without pyplot: drawing neither needs nor changes matplotlib's backend.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from liploc_ros.evaluation.localizer_metrics import CORRECT, MAX_HEADING_ERROR
from liploc_ros.evaluation.metrics import ACCEPTANCE_THRESHOLD, RateByThreshold, RetrievalMetrics
from liploc_ros.evaluation.result import EvaluationResult, ProtocolMetrics
from liploc_ros.localization import Status

SIZE = (7.5, 4.6)
DPI = 100
MAX_SHOWN_ERROR = 10.0  # metres, at the end of the colour scale


def all_searches(metrics: ProtocolMetrics) -> list[RetrievalMetrics]:
    """Return the metrics of all ways of searching, compressed descriptors first."""
    others = (metrics.full, metrics.localized, metrics.same_heading, metrics.opposite_heading)
    return [metrics, *(search for search in others if search is not None)]


def draw_recall_over_threshold(path: Path, metrics: ProtocolMetrics) -> None:
    """Draw recall@1 over the threshold for every way of searching, with the interval of the first, and chance."""
    figure, axes = _axes()
    x, _, low, high, chance = _columns(metrics.recall_at_1)
    axes.fill_between(x, low, high, alpha=0.2, lw=0, label="95 % interval of the first")
    for search in all_searches(metrics):
        thresholds, recall, *_ = _columns(search.recall_at_1)
        axes.plot(thresholds, recall, "o-", ms=4, label=search.search)
    if metrics.released_recall_at_1:
        thresholds, recall, *_ = _columns(metrics.released_recall_at_1)
        axes.plot(thresholds, recall, "s:", ms=4, color="0.4", label="the first, by LIP-Loc's published metric")
    axes.plot(x, chance, "k--", lw=1, label="chance")
    axes.set_xscale("log")
    axes.set_xticks(x, [f"{t:g}" for t in x])
    axes.minorticks_off()
    _save(figure, axes, "threshold [m]", "recall@1 [%]", path)


def draw_recall_over_gap(path: Path, metrics: ProtocolMetrics) -> None:
    """Draw recall@1 over the gap between a place and the scans it is drawn from."""
    figure, axes = _axes()
    curve = metrics.recall_at_1_over_gap
    gaps = [float(gap) for gap in curve]
    thresholds = [f"{t:g}" for t in metrics.thresholds_m if t <= ACCEPTANCE_THRESHOLD]
    for threshold in thresholds or [f"{min(metrics.thresholds_m):g}"]:
        rates = [rates[threshold] for rates in curve.values()]
        recall = 100 * np.array([rate.recall for rate in rates])
        interval = [recall - [100 * r.low for r in rates], [100 * r.high for r in rates] - recall]
        line = axes.errorbar(gaps, recall, np.maximum(interval, 0), fmt="o-", ms=4, capsize=3, label=f"{threshold} m")
        colour = line.lines[0].get_color()
        axes.plot(gaps, [100 * rate.chance for rate in rates], "--", lw=1, color=colour, label=f"{threshold} m, chance")
    _save(figure, axes, "minimum distance of the scans [m]", "recall@1 [%]", path)


def draw_acceptance(path: Path, metrics: ProtocolMetrics) -> None:
    """Draw the share of correct results over the share accepted, for all thresholds on the score."""
    figure, axes = _axes()
    for search in all_searches(metrics):
        accepted = [100 * point.accepted for point in search.acceptance]
        axes.plot(accepted, [100 * point.precision for point in search.acceptance], ".-", label=search.search)
    _save(figure, axes, "accepted [% of images]", f"of these within {ACCEPTANCE_THRESHOLD:g} m [%]", path)


def draw_errors(path: Path, result: EvaluationResult) -> None:
    """Draw the errors of the localizer's first hypotheses along and across the true heading, by acceptance."""
    figure = Figure(figsize=(7.5, 6.5))
    axes: Axes = figure.subplots()
    accepted = np.array([r is not None and r.status is Status.SUCCESS for r in result.localized])
    along, lateral, heading = result.localized_error.T
    shown = (np.hypot(along, lateral) < MAX_SHOWN_ERROR) & (np.abs(heading) < MAX_HEADING_ERROR)
    for chosen, colour, name in ((~accepted, "0.6", "not accepted"), (accepted, "C0", "accepted")):
        axes.plot(-lateral[shown & chosen], along[shown & chosen], ".", color=colour, label=name)
    for radius in (CORRECT, ACCEPTANCE_THRESHOLD):
        axes.add_patch(Circle((0, 0), radius, fill=False, ls=":", color="0.5"))
    axes.set_aspect("equal")
    axes.set_xlim(-MAX_SHOWN_ERROR, MAX_SHOWN_ERROR)
    axes.set_ylim(-MAX_SHOWN_ERROR, MAX_SHOWN_ERROR)
    axes.set_xlabel("to the right of the true pose [m]")
    axes.set_ylabel("ahead of it [m]")
    degrees = np.rad2deg(MAX_HEADING_ERROR)
    axes.set_title(
        f"{int(shown.sum())} of {len(shown)} images; the others are farther away or turned by {degrees:g} deg"
    )
    axes.grid(color="0.9")
    axes.legend(fontsize=8, loc="best")
    figure.savefig(path, dpi=DPI, bbox_inches="tight")


def draw_comparison(path: Path, compared: Sequence[ProtocolMetrics]) -> None:
    """Draw for every protocol recall@1 with its interval and chance, and the shares accepted and accepted wrongly."""
    figure = Figure(figsize=(8.5, 1.2 + 0.34 * len(compared)))
    axes: Axes = figure.subplots()
    rows = range(len(compared))
    searches = [metrics.localized or metrics for metrics in compared]
    threshold = comparison_threshold(compared[0])
    rates = [search.recall_at_1.get(threshold) for search in searches]
    for row, rate in zip(rows, rates, strict=True):
        if rate is not None:
            axes.plot([100 * rate.low, 100 * rate.high], [row, row], "-", color="C0", lw=5, alpha=0.3)
            axes.plot(100 * rate.recall, row, "o", color="C0")
            axes.plot(100 * rate.chance, row, "|", color="k", ms=9)
        localized = compared[row].localized
        if localized is not None:
            axes.plot(100 * localized.accepted.share, row, "d", color="C2", ms=5)
            axes.plot(100 * localized.accepted_wrong.share, row, "x", color="r")
    for style, name in (
        ("oC0", f"within {threshold} m, with its 95 % interval"),
        ("|k", "chance"),
        ("dC2", "accepted"),
    ):
        axes.plot([], [], style, label=name)
    axes.plot([], [], "xr", label=f"accepted and wrong by more than {ACCEPTANCE_THRESHOLD:g} m")
    axes.set_yticks(rows, [metrics.protocol for metrics in compared])
    axes.invert_yaxis()
    axes.set_xlim(-2, 102)
    axes.set_xlabel("images [%]")
    axes.grid(color="0.9")
    axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.65 / (1.2 + 0.34 * len(compared))), ncols=4)
    figure.savefig(path, dpi=DPI, bbox_inches="tight")


def comparison_threshold(metrics: ProtocolMetrics) -> str:
    """Return the threshold by which protocols are compared: that of accepted poses, or else the smallest."""
    return f"{CORRECT:g}" if CORRECT in metrics.thresholds_m else f"{min(metrics.thresholds_m):g}"


def draw_trajectory(path: Path, result: EvaluationResult) -> None:
    """Draw the positions of the images, coloured by error, with a line from each wrong one to the retrieved place."""
    figure = Figure(figsize=(9, 7))
    axes: Axes = figure.subplots()
    places = result.database.T_map_base[:, :2, 3]
    true = result.scene.path[result.scene.query_rows][:, :2, 3]
    axes.plot(*places.T, ".", color="0.75", ms=3, label="places", zorder=1)
    for query in np.flatnonzero((result.position_error >= ACCEPTANCE_THRESHOLD) & (result.found >= 0)):
        axes.plot(*zip(true[query], places[result.found[query]], strict=True), "-", color="r", lw=0.6, alpha=0.6)
    error = np.minimum(result.position_error, MAX_SHOWN_ERROR)
    x, y = true.T
    dots = axes.scatter(x, y, c=error, cmap="turbo", s=22, zorder=3, label="true position of an image")
    dots.set_clim(0, MAX_SHOWN_ERROR)
    figure.colorbar(dots, label="position error [m]", extend="max")
    label = f"to the retrieved place, if {ACCEPTANCE_THRESHOLD:g} m away or more"
    axes.plot([], [], "-", color="r", lw=0.8, label=label)
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_xlabel("x [m]")
    axes.set_ylabel("y [m]")
    axes.legend(loc="best", fontsize=8)
    figure.savefig(path, dpi=DPI, bbox_inches="tight")


def _columns(rates: RateByThreshold) -> tuple[list[float], ...]:
    """Return thresholds, and recall, lower and upper end of its interval, and chance in percent."""
    values = rates.values()
    return (
        [float(threshold) for threshold in rates],
        *([100 * float(getattr(rate, name)) for rate in values] for name in ("recall", "low", "high", "chance")),
    )


def _axes() -> tuple[Figure, Axes]:
    figure = Figure(figsize=SIZE)
    return figure, figure.subplots()


def _save(figure: Figure, axes: Axes, x: str, y: str, path: Path) -> None:
    axes.set_ylim(-2, 102)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(color="0.9")
    axes.legend(fontsize=8, loc="best")
    figure.savefig(path, dpi=DPI, bbox_inches="tight")
