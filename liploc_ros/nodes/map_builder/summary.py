# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""What became of the scans: one line for the log, and the reason if there is no map."""

from typing import Any

from liploc_ros.nodes.map_builder.monitor import BuilderFaults, InputMonitor
from liploc_ros.nodes.map_builder.scan_collector import ScanCollector


def why_empty(collector: ScanCollector, points: InputMonitor, odometry: InputMonitor, faults: BuilderFaults) -> str:
    """Return why no scan was kept."""
    reasons = [
        f"no {monitor.what} was received: {monitor.why_silent()}"
        for monitor in (points, odometry)
        if not monitor.is_received
    ]
    reasons = reasons or [faults.most_frequent() or "all scans still wait for odometry"]
    return f"0 of {collector.received} scans on {points.topic} kept; {'; '.join(reasons)}"


def report_scans(logger: Any, collector: ScanCollector, spacing: float, faults: BuilderFaults) -> None:
    """Log what became of the scans; a warning if most of them were dropped.

    Args:
        logger: of the node.
        collector: of the scans.
        spacing: minimum distance between keyframes [m].
        faults: of the scans.
    """
    counts = collector.counts()
    line = counts.describe(spacing)
    if counts.is_poor:
        logger.warning(f"{line}; {faults.most_frequent()}")
    else:
        logger.info(line)
