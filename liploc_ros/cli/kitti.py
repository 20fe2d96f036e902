"""``liploc kitti``: KITTI raw drives as bags."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from tqdm import tqdm

from liploc_ros.cli.progress import advance
from liploc_ros.datasets import read_kitti_raw
from liploc_ros.datasets.kitti.excerpt import ExcerptOptions, write_excerpt
from liploc_ros.datasets.kitti.to_bag import KittiBagOptions, KittiSelection, write_kitti_bag

app = typer.Typer(help="KITTI raw drives as rosbag2 recordings.", no_args_is_help=True, rich_markup_mode=None)

DriveArgument = Annotated[Path, typer.Argument(help="Folder of a drive, DATE/DRIVE_sync, with DATE/calib_*.txt.")]
OutArgument = Annotated[Path, typer.Argument(help="The .mcap file to write.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")]


@app.callback()
def main() -> None:
    """KITTI raw drives as rosbag2 recordings."""


@app.command("to-bag")
def to_bag(
    drive: DriveArgument,
    out: OutArgument,
    compressed: Annotated[bool, typer.Option("--compressed", help="JPEG images instead of raw ones.")] = False,
    quality: Annotated[int, typer.Option(min=1, max=100, help="Quality of the JPEG images.")] = 95,
    start: Annotated[int, typer.Option(min=0, help="First frame, counting from 0.")] = 0,
    end: Annotated[int | None, typer.Option(min=1, help="Frame to stop before; the end when left out.")] = None,
    every: Annotated[int, typer.Option(min=1, help="Take one frame in so many.")] = 1,
    force: ForceOption = False,
) -> None:
    """Write a drive as one rosbag2 file, for 'ros2 bag play OUT.mcap' and for every liploc command.

    Topics: /points, /odom and /tf (ground truth of the GPS/IMU), /camera_color_left/image_raw and camera_info,
    /tf_static; frames after REP-105. Odometry stays at its full rate. KITTI's times have no zone and are taken for UTC.
    """
    source = read_kitti_raw(drive).complete()
    frames = range(len(source.frames))[start:end:every]
    options = KittiBagOptions(compressed=compressed, quality=quality)
    selection = KittiSelection(frames, frames)
    with tqdm(desc=out.name, unit="msg", disable=None) as bar:
        write_kitti_bag(source, out, options, selection=selection, force=force, progress=advance(bar))
    typer.echo(f"{out}: {len(frames)} frames of {source.name}, {out.stat().st_size / 1e6:.1f} MB")


@app.command("excerpt")
def excerpt(
    drive: DriveArgument,
    out: OutArgument,
    scan_spacing: Annotated[float, typer.Option(min=0.1, help="Way between scans [m].")] = 10.0,
    images: Annotated[int, typer.Option(min=1, help="How many images, spread evenly over the way.")] = 40,
    quality: Annotated[int, typer.Option(min=1, max=100, help="Quality of the JPEG images.")] = 85,
    force: ForceOption = False,
) -> None:
    """Write a small excerpt of a drive: few scans, images between them, points rounded so that they compress well."""
    options = ExcerptOptions(scan_spacing=scan_spacing, images=images, quality=quality)
    with tqdm(desc=out.name, unit="msg", disable=None) as bar:
        result = write_excerpt(read_kitti_raw(drive), out, options, force=force, progress=advance(bar))
    quartiles = np.percentile(result.nearest_scan_distances, [0, 25, 50, 75, 100])
    typer.echo(
        f"{out}: {result.scans} scans, {len(result.nearest_scan_distances)} images, {out.stat().st_size / 1e6:.2f} MB; "
        "way from an image to the nearest scan [m]: "
        f"{', '.join(f'{q:.1f}' for q in quartiles)} (minimum, quartiles, maximum)"
    )
