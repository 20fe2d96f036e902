# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""``liploc kitti``: convert KITTI drives to bags."""

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from liploc_ros.cli.terminal import progress_bar, start_work

app = typer.Typer(help="Convert KITTI drives to rosbag2 files.", no_args_is_help=True, rich_markup_mode=None)

DriveArgument = Annotated[
    Path,
    typer.Argument(
        help="Folder of a drive: KITTI raw (DATE/DRIVE_sync), odometry (sequences/NN) or KITTI-360 "
        "(data_2d_raw/DRIVE_sync)."
    ),
]
RawDriveArgument = Annotated[Path, typer.Argument(help="Folder of a drive, DATE/DRIVE_sync, with DATE/calib_*.txt.")]
OutArgument = Annotated[Path, typer.Argument(help="The .mcap file to write.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")]


@app.callback()
def main() -> None:
    """Convert KITTI drives to rosbag2 files."""


@app.command("to-bag")
def to_bag(
    drive: DriveArgument,
    out: OutArgument,
    compressed: Annotated[bool, typer.Option("--compressed", help="Write JPEG images instead of raw ones.")] = False,
    quality: Annotated[int, typer.Option(min=1, max=100, help="Quality of the JPEG images.")] = 95,
    start: Annotated[int, typer.Option(min=0, help="First frame, counted from 0.")] = 0,
    end: Annotated[int | None, typer.Option(min=1, help="First frame that is not written. Default: none.")] = None,
    every: Annotated[int, typer.Option(min=1, help="Write one of this many frames.")] = 1,
    force: ForceOption = False,
) -> None:
    """Write a drive as one rosbag2 file, for 'ros2 bag play OUT.mcap' and for every liploc command.

    Topics: /points, /odom and /tf (the published poses), image_raw and camera_info of each camera, /tf_static. Frames
    follow REP-105. KITTI's times have no zone and are read as UTC. Frames with an image, a scan and a pose are written;
    if there are none, all are. Poses of KITTI raw keep their full rate. Fisheye images are left out.
    """
    start_work()
    from liploc_ros.datasets import DatasetError, open_drive
    from liploc_ros.datasets.file_kind import is_bag
    from liploc_ros.datasets.kitti.to_bag import KittiBagOptions, KittiSelection, write_kitti_bag

    if is_bag(drive):
        raise DatasetError(f"{drive}: is a bag already: give the folder of a KITTI drive")
    source = open_drive(drive)
    with suppress(DatasetError):
        source = source.complete()
    frames = range(len(source.frames))[start:end:every]
    options = KittiBagOptions(compressed=compressed, quality=quality)
    selection = KittiSelection(frames, frames)
    with progress_bar(out.name, "msg", only_on_terminal=True) as progress:
        write_kitti_bag(source, out, options, selection=selection, force=force, progress=progress)
    typer.echo(f"{out}: {len(frames)} frames of {source.name}, {out.stat().st_size / 1e6:.1f} MB")
    if not any(frame.T_map_base is not None for frame in source.frames):
        typer.echo(f"liploc: warning: {source.name} has no poses, so the bag has no odometry", err=True)


@app.command("excerpt")
def excerpt(
    drive: RawDriveArgument,
    out: OutArgument,
    scan_spacing: Annotated[float, typer.Option(min=0.1, help="Distance between scans along the path [m].")] = 10.0,
    images: Annotated[int, typer.Option(min=1, help="Number of images, spread evenly along the path.")] = 40,
    quality: Annotated[int, typer.Option(min=1, max=100, help="Quality of the JPEG images.")] = 85,
    force: ForceOption = False,
) -> None:
    """Write a small excerpt of a drive: few scans, images between them, points rounded so that they compress well."""
    start_work()
    import numpy as np

    from liploc_ros.datasets import read_kitti_raw
    from liploc_ros.datasets.kitti.excerpt import ExcerptOptions, write_excerpt

    options = ExcerptOptions(scan_spacing=scan_spacing, images=images, quality=quality)
    with progress_bar(out.name, "msg", only_on_terminal=True) as progress:
        result = write_excerpt(read_kitti_raw(drive), out, options, force=force, progress=progress)
    quartiles = np.percentile(result.nearest_scan_distances, [0, 25, 50, 75, 100])
    typer.echo(
        f"{out}: {result.scans} scans, {len(result.nearest_scan_distances)} images, {out.stat().st_size / 1e6:.2f} MB; "
        f"distance from an image to the nearest scan along the path [m]: {', '.join(f'{q:.1f}' for q in quartiles)} "
        "(minimum, quartiles, maximum)"
    )
