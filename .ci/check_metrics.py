"""Compare the demo's metrics with the bar: check_metrics.py out/demo/metrics.json."""

import json
import sys
from pathlib import Path

AT_LEAST = {"recall_at_1_within_2m": 0.90}
AT_MOST = {"median_heading_error_deg": 2.0}
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
    """List in words what is missing or misses the bar."""
    faults = [f"{key} is missing" for key in sorted(REPORTED - metrics.keys())]
    faults += [
        f"{key} is {metrics[key]}, at least {bar} is asked for"
        for key, bar in AT_LEAST.items()
        if key in metrics and not metrics[key] >= bar
    ]
    faults += [
        f"{key} is {metrics[key]}, at most {bar} is asked for"
        for key, bar in AT_MOST.items()
        if key in metrics and not metrics[key] <= bar
    ]
    return faults


def main() -> int:
    """Print the faults and return how many there are."""
    path = Path(sys.argv[1])
    faults = faults_of(json.loads(path.read_text()))
    for fault in faults:
        print(f"{path}: {fault}", file=sys.stderr)
    if not faults:
        print(f"{path}: all metrics reported, and over the bar")
    return len(faults)


if __name__ == "__main__":
    sys.exit(main())
