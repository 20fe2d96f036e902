# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The curves of docs/benchmarks.md: recall over gap with each drive held out, drawn from the table on that page."""

import re
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from benchmarks.figures.layout import WIDTH, Page
from benchmarks.figures.style import BLUE, GREY, INK, ORANGE
from liploc_ros.errors import LiplocError

TABLE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
HEADER = re.compile(r"^\| held out \|[^\n]*own scan[^\n]*$", re.MULTILINE)
GAPS = (0.0, 3.0, 5.0, 8.0, 12.0)  # metres; the first column is the image's own scan
STYLES = {"aligned": ("-", "o", BLUE), "liploc": ("-", "s", ORANGE), "chance": ("--", "", GREY)}
NAMES = {"aligned": "aligned, the default", "liploc": "LIP-Loc's recipe with the same data"}
HEIGHT, DPI = 332, 150
LEFT = 66  # of the curves
Curves = dict[str, dict[str, list[float]]]


def read_table(page: Path = TABLE) -> Curves:
    """Return recall [%] over gap by drive and recipe.

    Raises:
        LiplocError: the page has no such table.
    """
    text = page.read_text()
    header = HEADER.search(text)
    if header is None:
        raise LiplocError(f"{page}: has no table that begins with '| held out |' and has a column 'own scan'")
    curves: Curves = {}
    for line in text[header.end() :].strip().splitlines()[1:]:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) != 2 + len(GAPS):
            break
        curves.setdefault(cells[0], {})[cells[1]] = [float(cell) for cell in cells[2:]]
    return curves


def draw_recall(curves: Curves) -> Page:
    """Return the curves of all drives next to each other."""
    page = Page(HEIGHT, DPI)
    page.text(14, 20, "recall@1 within 2 m", fontsize=11.5, fontweight="bold", va="center")
    legend = page.axes(300, 4, 690, 32)
    legend.axis("off")
    names = dict.fromkeys(name for by_recipe in curves.values() for name in by_recipe)
    handles = [Line2D([], [], **_style(name)) for name in names]
    legend.legend(handles, [NAMES.get(name, name) for name in names], loc="center right", ncols=len(names),
                  frameon=False, fontsize=11, borderpad=0)  # fmt: skip
    across = (WIDTH - LEFT) / len(curves)
    for number, (drive, by_recipe) in enumerate(curves.items()):
        axes = page.axes(LEFT + number * across, 74, across - 22, 200)
        _draw_drive(axes, by_recipe, first=number == 0)
        axes.set_title(f"drive {drive} held out", fontsize=11, loc="left")
    style = {"ha": "center", "va": "center", "fontsize": 11}
    page.text((LEFT + WIDTH) / 2, 316, "distance to the nearest scan of the map [m]", **style)
    return page


def _style(name: str) -> dict[str, Any]:
    style, marker, colour = STYLES.get(name, ("-", "", INK))
    return {"ls": style, "marker": marker, "color": colour, "lw": 2.2, "ms": 6}


def _draw_drive(axes: Axes, by_recipe: dict[str, list[float]], *, first: bool) -> None:
    for name, recall in by_recipe.items():
        axes.plot(GAPS[: len(recall)], recall, clip_on=False, **_style(name))
    axes.set_xticks(GAPS, ["own", *(f"{gap:g}" for gap in GAPS[1:])])
    axes.set_yticks(range(0, 101, 25), [f"{p} %" if first else "" for p in range(0, 101, 25)])
    axes.set_ylim(0, 100)
    axes.set_xlim(-0.4, 12.4)
    axes.grid(axis="y", color="0.9")
    axes.tick_params(length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
