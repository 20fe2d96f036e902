# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Figures laid out in units: 1000 across, counted from the upper left corner."""

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from numpy.typing import NDArray

from benchmarks.figures.style import INK, PAPER

QUALITY = 90  # of WebP
WIDTH = 1000  # units; a README is about 900 pixels wide


class Page:
    """A figure of 1000 units across. A font of size 11 is 15 units high."""

    def __init__(self, height: float, dpi: int) -> None:
        """Start an empty page."""
        self.height = height
        self.figure = Figure(figsize=(WIDTH / 100, height / 100), dpi=dpi)

    def axes(self, x: float, y: float, width: float, height: float) -> Axes:
        """Return axes without ticks."""
        axes = self.figure.add_axes((x / WIDTH, 1 - (y + height) / self.height, width / WIDTH, height / self.height))
        axes.set_xticks([])
        axes.set_yticks([])
        return axes

    def text(self, x: float, y: float, text: str, **style: object) -> None:
        """Write a text."""
        self.figure.text(x / WIDTH, 1 - y / self.height, text, **style)  # type: ignore[arg-type]

    def box(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        """Draw a filled box with round corners behind everything else."""
        style = "round,pad=0,rounding_size=8"
        box = FancyBboxPatch((x, self.height - y - height), width, height, style, fc=colour, ec="none", zorder=-2)
        self._background.add_patch(box)

    def arrow(self, start: tuple[float, float], end: tuple[float, float], bend: float = 0.0) -> None:
        """Draw an arrow."""
        (x0, y0), (x1, y1) = start, end
        ends = (x0, self.height - y0), (x1, self.height - y1)
        style = "simple,head_width=7,head_length=6,tail_width=1.8"
        bent = f"arc3,rad={bend}"
        self._background.add_patch(
            FancyArrowPatch(*ends, arrowstyle=style, connectionstyle=bent, fc=INK, ec="none", shrinkA=0, shrinkB=0)
        )

    def pixels(self) -> NDArray[np.uint8]:
        """Return the page as an image (h, w, 3) RGB."""
        canvas = FigureCanvasAgg(self.figure)
        canvas.draw()  # type: ignore[no-untyped-call]
        return np.array(canvas.buffer_rgba(), np.uint8)[..., :3]  # type: ignore[no-untyped-call]

    def webp(self) -> bytes:
        """Return the page as a WebP file."""
        _, encoded = cv2.imencode(".webp", self.pixels()[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
        return encoded.tobytes()

    @property
    def _background(self) -> Axes:
        for axes in self.figure.axes:
            if axes.get_label() == "background":
                return axes
        axes = self.figure.add_axes((0, 0, 1, 1), label="background", zorder=-1)
        axes.set_xlim(0, WIDTH)
        axes.set_ylim(0, self.height)
        axes.axis("off")
        return axes


def write_label(axes: Axes, text: str, colour: str = INK, size: float = 11) -> None:
    """Write a text into the upper left corner of a picture."""
    style = {"boxstyle": "round,pad=0.25", "fc": PAPER, "ec": "none", "alpha": 0.85}
    axes.annotate(text, (0, 1), (8, -8), xycoords="axes fraction", textcoords="offset points", va="top", fontsize=size,
                  color=colour, zorder=10, bbox=style)  # fmt: skip


def draw_scale(axes: Axes, metres: float) -> None:
    """Draw a scale into the lower right corner of a map."""
    (left, right), (bottom, _) = axes.get_xlim(), axes.get_ylim()
    unit = (right - left) / (axes.get_position().width * WIDTH)
    x, y = right - 14 * unit, bottom + 14 * unit
    axes.plot([x - metres, x], [y, y], "-", color=INK, lw=2.5, solid_capstyle="butt", zorder=9)
    axes.annotate(f"{metres:g} m", (x - metres / 2, y), (0, 4), textcoords="offset points", ha="center", va="bottom",
                  zorder=9, fontsize=10)  # fmt: skip
