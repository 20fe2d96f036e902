# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Images over DDS: how many are answered, and how fast.

    python -m benchmarks.dds             single images and tracking with odometry, beside the library in this run
    python -m benchmarks.dds --profiles  raw images with and without the Fast DDS profile of this package
    python -m benchmarks.dds --cameras   three cameras at 30 Hz for two minutes

Run it on a machine without other work.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.dds import cameras, latency
from benchmarks.dds.camera_stream import BAG, Run
from liploc_ros import ModelBundle, build_map, open_drive
from liploc_ros.nodes.common.dds_profile import PROFILE_VARIABLES, choose_profile

NO_PROCESS, PUBLISHER, BOTH = "no process", "the publisher", "both"


def main() -> None:
    """Print a table, or measure one row in its own process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    table = parser.add_mutually_exclusive_group()
    table.add_argument("--profiles", action="store_true", help="compare places of the Fast DDS profile")
    table.add_argument("--cameras", action="store_true", help="three cameras at 30 Hz")
    parser.add_argument("--images", type=int, default=200, help="per row")
    parser.add_argument("--rate", type=float, default=10.0, help="images per second")
    parser.add_argument("--seconds", type=float, default=120.0, help="of three cameras")
    parser.add_argument("--row", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.row:
        run = Run.model_validate_json(args.row)
        print(json.dumps(cameras.measure(run) if run.cameras > 1 else latency.measure(run)))
        return
    with tempfile.TemporaryDirectory() as folder:
        lidar_map = Path(folder) / "map"
        build_map(open_drive(BAG), ModelBundle.load()).save(lidar_map)
        run = Run(lidar_map=lidar_map, images=args.images, rate=args.rate)
        if args.cameras:
            _print_cameras(run, args.seconds)
        elif args.profiles:
            _print_profiles(run)
        else:
            _print_latency(run)


def _print_latency(run: Run) -> None:
    library = latency.library_times(run)
    print(
        "| | image | answered | p50 | p99 | p50, p99 / library p50 | CPU |\n|---|---|---|---|---|---|---|", flush=True
    )
    for mode, times in library.items():
        print(f"| library, {mode} | raw | | {times[0]:.1f} ms | {times[1]:.1f} ms | 1.0, {times[1] / times[0]:.1f} | |")
    for tracked in (False, True):
        mode = latency.MODES[tracked]
        for jpeg, reliability in ((False, "best_effort"), (False, "reliable"), (True, "reliable")):
            row = _row(run.model_copy(update={"tracked": tracked, "jpeg": jpeg, "reliability": reliability}), BOTH)
            relative = [row[name] / library[mode][0] for name in ("p50", "p99") if row["answered"]]
            ratios = ", ".join(f"{ratio:.1f}" for ratio in relative)
            image = f"{'JPEG' if jpeg else 'raw'}, {reliability}"
            print(f"| node, {mode} | {image} | {_answered(row)} | {ratios} | {row['cpu']:.2f} of a core |", flush=True)


def _print_profiles(run: Run) -> None:
    print("| publisher | profile in | answered | p50 | p99 | CPU of the localizer |\n|---|---|---|---|---|---|")
    for place in (NO_PROCESS, PUBLISHER, BOTH):
        for reliability in ("best_effort", "reliable"):
            row = _row(run.model_copy(update={"reliability": reliability}), place)
            print(f"| {reliability} | {place} | {_answered(row)} | {row['cpu']:.2f} of a core |", flush=True)


def _print_cameras(run: Run, seconds: float) -> None:
    rate = 30.0
    run = run.model_copy(update={"cameras": 3, "rate": rate, "images": int(rate * seconds), "tracked": True})
    for reliability in ("best_effort", "reliable"):
        row = _row(run.model_copy(update={"reliability": reliability}), BOTH)
        print(f"{reliability}:\n" + "\n".join(f"- {name}: {value}" for name, value in row.items()), flush=True)


def _answered(row: dict[str, Any]) -> str:
    times = "| | " if row["p50"] is None else f"| {row['p50']:.1f} ms | {row['p99']:.1f} ms"
    return f"{row['answered']} of {row['images']} {times}"


def _row(run: Run, place: str) -> dict[str, Any]:
    """Measure in processes of which some have the profile; the measuring process publishes the images."""
    without = {name: value for name, value in os.environ.items() if name not in PROFILE_VARIABLES}
    variables = {} if place == NO_PROCESS else dict(choose_profile(without).variables)
    run = run.model_copy(update={"localizer_has_profile": place == BOTH})
    command: Sequence[str] = [sys.executable, "-m", "benchmarks.dds", "--row", run.model_dump_json()]
    output = subprocess.run(command, env=without | variables, check=True, stdout=subprocess.PIPE)
    result: dict[str, Any] = json.loads(output.stdout)
    return result


if __name__ == "__main__":
    main()
