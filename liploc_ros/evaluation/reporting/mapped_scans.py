# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""A picture of the scans that a map is drawn from, next to the recorded ones."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from liploc_ros.evaluation.scene import Scene
from liploc_ros.geometry import ViewGrid
from liploc_ros.views import colour_ranges, draw_panorama

COUNT = 3
ASPECT = 2  # height of a pixel over its width


def draw_mapped_scans(path: Path, scene: Scene, grid: ViewGrid) -> None:
    """Draw panoramas of some recorded scans, each above the scan of the mapped pass nearest to it."""
    count = len(scene.recorded.scans)
    chosen = np.unique(np.linspace(0, count - 1, COUNT + 2).astype(int)[1:-1])
    figure = Figure(figsize=(11, 2.7 * len(chosen)))
    axes = figure.subplots(2 * len(chosen), 1, squeeze=False)[:, 0]
    for row, index in enumerate(chosen):
        for offset, mapped in enumerate((scene.recorded, scene.mapped)):
            scan = mapped.scans[int(index)]
            axis = axes[2 * row + offset]
            axis.imshow(colour_ranges(draw_panorama(scan.points, grid)), aspect=ASPECT)
            axis.set_axis_off()
            name = "of the map" if offset else "recorded"
            axis.set_title(f"scan {index}, {name}, {len(scan.points)} points", fontsize=9, loc="left", pad=2)
    figure.savefig(path, dpi=90, bbox_inches="tight", pil_kwargs={"quality": 85})
