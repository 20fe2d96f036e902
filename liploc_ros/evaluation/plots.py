"""Curves of an evaluation, and its trajectory."""

from pathlib import Path

import matplotlib
import numpy as np

from liploc_ros.evaluation.metrics import RIGHT, RateByThreshold, RetrievalMetrics
from liploc_ros.evaluation.result import ProtocolMetrics, Result

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

SIZE = (7.5, 4.6)
DPI = 100
WORST = 10.0  # metres, at the end of the colour scale


def searches(metrics: ProtocolMetrics) -> list[RetrievalMetrics]:
    """Return the figures of all ways of searching, the headline first."""
    others = (metrics.full, metrics.refined, metrics.same_heading, metrics.opposite_heading)
    return [metrics, *(figures for figures in others if figures is not None)]


def draw_recall_over_threshold(path: Path, metrics: ProtocolMetrics) -> None:
    """Draw recall@1 over threshold, of every way of searching, with the headline's interval and chance."""
    axes = _axes()
    x, _, low, high, chance = _columns(metrics.recall_at_1)
    axes.fill_between(x, low, high, alpha=0.2, lw=0, label="95 % interval of the first")
    for figures in searches(metrics):
        x_of, y_of, *_ = _columns(figures.recall_at_1)
        axes.plot(x_of, y_of, "o-", ms=4, label=figures.search)
    if metrics.released_recall_at_1:
        x_of, y_of, *_ = _columns(metrics.released_recall_at_1)
        axes.plot(x_of, y_of, "s:", ms=4, color="0.4", label="the first, counted as LIP-Loc's code counts")
    axes.plot(x, chance, "k--", lw=1, label="chance")
    axes.set_xscale("log")
    axes.set_xticks(x, [f"{t:g}" for t in x])
    axes.minorticks_off()
    _finish(axes, "threshold [m]", "recall@1 [%]", path)


def draw_recall_over_gap(path: Path, metrics: ProtocolMetrics) -> None:
    """Draw recall@1 over the gap between a place and the scans that it is drawn from."""
    axes = _axes()
    curve = metrics.recall_at_1_over_gap
    gaps = [float(gap) for gap in curve]
    shown = [f"{t:g}" for t in metrics.thresholds_m if t <= RIGHT] or [f"{min(metrics.thresholds_m):g}"]
    for threshold in shown:
        rates = [rates[threshold] for rates in curve.values()]
        recall = 100 * np.array([rate.recall for rate in rates])
        spread = [recall - [100 * r.low for r in rates], [100 * r.high for r in rates] - recall]
        line = axes.errorbar(gaps, recall, np.maximum(spread, 0), fmt="o-", ms=4, capsize=3, label=f"{threshold} m")
        colour = line.lines[0].get_color()
        axes.plot(gaps, [100 * rate.chance for rate in rates], "--", lw=1, color=colour, label=f"{threshold} m, chance")
    _finish(axes, "least distance of the scans [m]", "recall@1 [%]", path)


def draw_acceptance(path: Path, metrics: ProtocolMetrics) -> None:
    """Draw how many answers are right over how many are accepted, by a threshold on their score."""
    axes = _axes()
    for figures in searches(metrics):
        accepted = [100 * point.accepted for point in figures.acceptance]
        axes.plot(accepted, [100 * point.precision for point in figures.acceptance], ".-", label=figures.search)
    _finish(axes, "accepted [% of images]", f"of these within {RIGHT:g} m [%]", path)


def draw_trajectory(path: Path, result: Result) -> None:
    """Draw where images were taken, coloured by error, each wrong one joined with where it was found."""
    figure, axes = plt.subplots(figsize=(9, 7))
    places = result.database.T_map_base[:, :2, 3]
    true = result.scene.path[result.scene.query_rows][:, :2, 3]
    axes.plot(*places.T, ".", color="0.75", ms=3, label="places", zorder=1)
    for query in np.flatnonzero((result.position_error >= RIGHT) & (result.found >= 0)):
        axes.plot(*zip(true[query], places[result.found[query]], strict=True), "-", color="r", lw=0.6, alpha=0.6)
    error = np.minimum(result.position_error, WORST)
    dots = axes.scatter(
        true[:, 0], true[:, 1], c=error, cmap="turbo", clim=(0, WORST), s=22, zorder=3, label="true pose of an image"
    )
    figure.colorbar(dots, label="position error [m]", extend="max")
    axes.plot([], [], "-", color="r", lw=0.8, label=f"to where it was found, if {RIGHT:g} m off or more")
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_xlabel("x [m]")
    axes.set_ylabel("y [m]")
    axes.legend(loc="best", fontsize=8)
    figure.savefig(path, dpi=DPI, bbox_inches="tight")
    plt.close(figure)


def _columns(rates: RateByThreshold) -> tuple[list[float], ...]:
    """Return thresholds, and in percent recall, ends of its interval, and chance."""
    values = rates.values()
    return (
        [float(threshold) for threshold in rates],
        *([100 * float(getattr(rate, name)) for rate in values] for name in ("recall", "low", "high", "chance")),
    )


def _axes() -> Axes:
    axes: Axes = plt.subplots(figsize=SIZE)[1]
    return axes


def _finish(axes: Axes, x: str, y: str, path: Path) -> None:
    axes.set_ylim(-2, 102)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(color="0.9")
    axes.legend(fontsize=8, loc="best")
    plt.savefig(path, dpi=DPI, bbox_inches="tight")
    plt.close()
