"""``liploc map``: build and inspect maps."""

from pathlib import Path
from typing import Annotated

import typer

from liploc_ros.cli.options import (
    PLACE_SPACING,
    Backend,
    ModelOption,
    OdometryTopicOption,
    PlaceSpacingOption,
    PointsTopicOption,
)
from liploc_ros.cli.terminal import progress_bar, start_work

app = typer.Typer(help="Build and inspect maps.", no_args_is_help=True, rich_markup_mode=None)

MapArgument = Annotated[Path, typer.Argument(help="Folder of the map.")]
KEYFRAME_SPACING = 10.0


@app.command()
def build(
    source: Annotated[Path, typer.Argument(help="KITTI raw drive (folder) or bag (folder, .mcap, .db3).")],
    out: Annotated[Path, typer.Argument(help="Folder of the map to write. An existing map is replaced.")],
    model: ModelOption = None,
    keyframe_spacing: Annotated[
        float, typer.Option(help="Minimum distance between the scans that are kept [m].")
    ] = KEYFRAME_SPACING,
    place_spacing: PlaceSpacingOption = PLACE_SPACING,
    view_origin: Annotated[
        tuple[float, float, float] | None,
        typer.Option(help="Origin of the views in the base frame, x y z [m]. Default: the position of the LiDAR."),
    ] = None,
    points_topic: PointsTopicOption = "",
    odometry_topic: OdometryTopicOption = "",
    backend: Annotated[
        Backend, typer.Option(help="Runtime of the LiDAR encoder. auto: the fastest that works.")
    ] = "onnx",
) -> None:
    """Build a map from a recording with LiDAR scans and poses: virtual places along the path, at all headings."""
    start_work()
    from pydantic import ValidationError

    from liploc_ros.datasets import BagTopics, open_drive
    from liploc_ros.encoders import ModelBundle
    from liploc_ros.mapping import MapConfig, MapError, build_map
    from liploc_ros.schema import first_fault

    try:
        config = MapConfig(keyframe_spacing=keyframe_spacing, place_spacing=place_spacing, view_origin=view_origin)
    except ValidationError as error:
        raise MapError(first_fault(error, show_input=True)) from error
    bundle = ModelBundle.load(model)
    topics = BagTopics(points=points_topic or None, odometry=odometry_topic or None)
    drive = open_drive(source, topics, needs=("points", "odometry"))
    with progress_bar("scans", "frame") as on_frame, progress_bar("places", "place") as on_place:
        encoders = bundle.encoders(backend=backend)
        built = build_map(drive, bundle, config, on_place, on_frame, encoders)
        encoders.close()
        lidar_map = built.save(out)
    manifest = lidar_map.manifest
    typer.echo(
        f"{out}: {manifest.places} places along {manifest.path_length:.0f} m from {manifest.keyframes} scans, "
        f"{lidar_map.size_bytes / 1e6:.1f} MB"
    )


@app.command()
def info(path: MapArgument) -> None:
    """Show what a map contains."""
    from rich.console import Console

    from liploc_ros.cli.tables.map import map_table
    from liploc_ros.mapping.manifest import read_manifest

    Console().print(map_table(path, read_manifest(path)), soft_wrap=True)


@app.command()
def verify(path: MapArgument, model: ModelOption = None) -> None:
    """Check the checksum of every file, and that the map fits the model."""
    from liploc_ros.encoders import ModelBundle
    from liploc_ros.mapping import LidarMap

    lidar_map = LidarMap.load(path, ModelBundle.load(model))
    typer.echo(f"{path}: intact, {lidar_map.manifest.places} places, id {lidar_map.id[:12]}")
