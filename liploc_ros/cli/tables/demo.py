# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The metrics that ``liploc demo`` prints."""

from collections.abc import Mapping, Sequence

import numpy as np
from rich.table import Table

from liploc_ros.datasets import Frame
from liploc_ros.demo.metrics import DemoMetrics
from liploc_ros.demo.session import TrackedImage
from liploc_ros.localization import TrackingState


def tracking_summary(tracked: Sequence[TrackedImage], frames: Mapping[int, Frame]) -> str:
    """Return after how many images tracking was LOCALIZED, and its maximum error then.

    Args:
        tracked: result for each image.
        frames: by stamp [ns], with the true poses.
    """
    errors = [
        float(np.linalg.norm((t.T_map_base - truth)[:2, 3]))
        for t in tracked
        if t.state is TrackingState.LOCALIZED and t.T_map_base is not None
        if (truth := frames[t.stamp_ns].T_map_base) is not None
    ]
    localized = f"LOCALIZED after {len(errors)} of {len(tracked)} images"
    return f"{localized}, max error {max(errors):.2f} m" if errors else localized


def demo_table(metrics: DemoMetrics, tracking: str) -> Table:
    """Return the metrics as a table; ``tracking`` is its row of tracking with odometry."""
    table = Table(title=f"{metrics.queries} images of a KITTI street on a map of its LiDAR scans", show_header=False)
    rows = {
        "recall@1 within 1 m": f"{metrics.recall_at_1_within_1m:.1%}",
        "recall@1 within 2 m": f"{metrics.recall_at_1_within_2m:.1%}   (chance {metrics.chance_within_2m:.1%})",
        "recall@1 within 5 m": f"{metrics.recall_at_1_within_5m:.1%}",
        "median position error": f"{metrics.median_position_error_m:.2f} m",
        "median heading error": f"{metrics.median_heading_error_deg:.2f} deg",
        "accepted": f"{metrics.accepted} of {metrics.queries}, {metrics.accepted_wrong} of them wrong by more than 5 m",
        "tracked with odometry": tracking,
        "latency over DDS, p50": f"{metrics.latency_p50_ms:.1f} ms",
        "latency over DDS, p99": f"{metrics.latency_p99_ms:.1f} ms",
        "map": f"{metrics.map_bytes / 1e6:.1f} MB",
    }
    for name, value in rows.items():
        table.add_row(name, value)
    return table
