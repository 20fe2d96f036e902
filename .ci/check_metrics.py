# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Compare the metrics of the demo with their limits: check_metrics.py out/demo/metrics.json."""

import json
import sys
from pathlib import Path

MINIMUM = {"recall_at_1_within_2m": 0.90}
MAXIMUM = {"median_heading_error_deg": 2.0}
REPORTED = {
    "recall_at_1_within_1m",
    "recall_at_1_within_2m",
    "recall_at_1_within_5m",
    "median_position_error_m",
    "median_heading_error_deg",
    "latency_p50_ms",
    "latency_p99_ms",
    "map_bytes",
    "in_training",
}


def faults_of(metrics: dict[str, float | bool]) -> list[str]:
    """List metrics that are missing or beyond their limit."""
    faults = [f"{key} is missing" for key in sorted(REPORTED - metrics.keys())]
    faults += [
        f"{key} is {metrics[key]}, the minimum is {limit}"
        for key, limit in MINIMUM.items()
        if key in metrics and not metrics[key] >= limit
    ]
    faults += [
        f"{key} is {metrics[key]}, the maximum is {limit}"
        for key, limit in MAXIMUM.items()
        if key in metrics and not metrics[key] <= limit
    ]
    return faults


def main() -> int:
    """Print the faults and return their number."""
    path = Path(sys.argv[1])
    faults = faults_of(json.loads(path.read_text()))
    for fault in faults:
        print(f"{path}: {fault}", file=sys.stderr)
    if not faults:
        print(f"{path}: all metrics are present and within their limits")
    return len(faults)


if __name__ == "__main__":
    sys.exit(main())
