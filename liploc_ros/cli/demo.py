"""``liploc demo``: the whole way on a real drive, from scans to hypotheses, over DDS."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from liploc_ros.cli.progress import advance
from liploc_ros.datasets import open_drive
from liploc_ros.demo.metrics import DemoMetrics, DemoResult, compute_metrics
from liploc_ros.demo.report import write_report
from liploc_ros.encoders import ModelBundle
from liploc_ros.localization import TrackingState
from liploc_ros.mapping import LidarMap
from liploc_ros.package_share import share_folder

if TYPE_CHECKING:
    from liploc_ros.datasets import Frame
    from liploc_ros.demo.session import TrackedImage

BAG = "kitti_0013_excerpt.mcap"
DRIVE = "2011_09_26_drive_0013"  # what the excerpt is from


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the map and the report.")] = Path("out/demo"),
) -> None:
    """Build a map of a KITTI street with the map_builder node, and find its images on it with the localizer node."""
    from liploc_ros.demo.session import DemoSession  # needs ROS 2, which the other verbs do not

    start = time.monotonic()
    bag = share_folder() / "demo" / BAG
    bundle = ModelBundle.load()
    drive = open_drive(bag)
    in_training = DRIVE in bundle.spec.training.drives
    with DemoSession(bag) as session:
        with tqdm(desc="scans and odometry to map_builder", unit="msg") as bar:
            session.build_map(out / "map", advance(bar))
        with tqdm(desc="images to localizer", unit="image") as bar:
            answers = list(session.localize(out / "map", advance(bar)))
        with tqdm(desc="images and odometry to localizer", unit="image") as bar:
            tracked = list(session.track(out / "map", advance(bar)))
    lidar_map = LidarMap.load(out / "map", bundle)
    frames = {frame.stamp_ns: frame for frame in drive.images()}
    queries = [
        DemoResult(a.stamp_ns, true, a.T_map_base, a.score, a.status, a.latency_ms)
        for a in answers
        if (true := frames[a.stamp_ns].T_map_base) is not None
    ]
    metrics = compute_metrics(queries, lidar_map.T_map_base, lidar_map.size_bytes, in_training)
    camera = next(iter(drive.cameras.values()))
    images = {stamp: frame.images[camera.frame_id]() for stamp, frame in frames.items()}
    seen = "The model saw this drive in training" if in_training else "The model never saw this drive in training"
    note = (
        f"{seen}. Scans are at least 10 m apart, and no image was taken where a scan was; all of it is one pass "
        f"along the street. Data: KITTI (Geiger et al., IJRR 2013), CC BY-NC-SA 3.0."
    )
    page = write_report(out, f"liploc_ros on {DRIVE}", note, metrics, queries, images, camera, lidar_map)
    console = Console()
    console.print(_table(metrics, _tracking(tracked, frames)))
    console.print(f"{seen}{': on other drives expect less, see docs/benchmarks.md' if in_training else ''}.")
    console.print(f"Report: {page}   ({time.monotonic() - start:.0f} s)", soft_wrap=True)


def _tracking(tracked: "Sequence[TrackedImage]", frames: "Mapping[int, Frame]") -> str:
    """Return in words for how many images tracking was sure, and how far it was off then at most."""
    errors = [
        float(np.linalg.norm((t.T_map_base - true)[:2, 3]))
        for t in tracked
        if t.state is TrackingState.LOCALIZED and t.T_map_base is not None
        if (true := frames[t.stamp_ns].T_map_base) is not None
    ]
    sure = f"sure after {len(errors)} of {len(tracked)} images"
    return f"{sure}, off by {max(errors):.2f} m at most" if errors else sure


def _table(metrics: DemoMetrics, tracking: str) -> Table:
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
