# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""``liploc demo``: map building and localization by the ROS 2 nodes, on a recorded drive."""

import time
from pathlib import Path
from typing import Annotated

import typer

from liploc_ros.cli.terminal import progress_bar, start_work

BAG = "kitti_0013_excerpt.mcap"
DRIVE = "2011_09_26_drive_0013"  # the drive that the excerpt is from


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the map and the report.")] = Path("out/demo"),
) -> None:
    """Map a KITTI street and localize its images with the nodes.

    The nodes map_builder and localizer run in their own processes and receive a recorded drive over DDS.
    """
    start = time.monotonic()
    start_work()
    from rich.console import Console

    from liploc_ros.cli.tables.demo import demo_table, tracking_summary
    from liploc_ros.datasets import open_drive
    from liploc_ros.demo.metrics import DemoResult, compute_metrics
    from liploc_ros.demo.report import write_report
    from liploc_ros.demo.session import DemoSession
    from liploc_ros.encoders import ModelBundle
    from liploc_ros.mapping import LidarMap
    from liploc_ros.package_share import share_folder

    bag = share_folder() / "demo" / BAG
    bundle = ModelBundle.load()
    drive = open_drive(bag)
    in_training = DRIVE in bundle.spec.training.drives
    with DemoSession(bag) as session:
        with progress_bar("scans and odometry to map_builder", "msg") as progress:
            session.build_map(out / "map", progress)
        with progress_bar("images to localizer", "image") as progress:
            localized = list(session.localize(out / "map", progress))
        with progress_bar("images and odometry to localizer", "image") as progress:
            tracked = list(session.track(out / "map", progress))
    lidar_map = LidarMap.load(out / "map", bundle)
    frames = {frame.stamp_ns: frame for frame in drive.images()}
    queries = [
        DemoResult(r.stamp_ns, truth, r.T_map_base, r.score, r.status, r.latency_ms)
        for r in localized
        if (truth := frames[r.stamp_ns].T_map_base) is not None
    ]
    metrics = compute_metrics(queries, lidar_map.T_map_base, lidar_map.size_bytes, in_training)
    camera = next(iter(drive.cameras.values()))
    images = {stamp: frame.images[camera.frame_id]() for stamp, frame in frames.items()}
    training = "The model was trained on this drive" if in_training else "The model was not trained on this drive"
    note = (
        f"{training}. Scans are at least 10 m apart, and no image was taken where a scan was. All data is from one "
        f"pass along the street. Data: KITTI (Geiger et al., IJRR 2013), CC BY-NC-SA 3.0."
    )
    page = write_report(out, f"liploc_ros on {DRIVE}", note, metrics, queries, images, camera, lidar_map)
    console = Console()
    console.print(demo_table(metrics, tracking_summary(tracked, frames)))
    console.print(f"{training}{': recall is lower on other drives, see docs/benchmarks.md' if in_training else ''}.")
    console.print(f"Report: {page}   ({time.monotonic() - start:.0f} s)", soft_wrap=True)
