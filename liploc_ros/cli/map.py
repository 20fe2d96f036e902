# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""``liploc map``: build and inspect maps."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from liploc_ros.cli.options import (
    LATERAL_REACH,
    LATERAL_SPACING,
    PLACE_SPACING,
    Backend,
    LateralReachOption,
    LateralSpacingOption,
    ModelOption,
    PlaceSpacingOption,
)
from liploc_ros.cli.recording import RecordingOptions, with_recording_options
from liploc_ros.cli.terminal import progress_bar, start_work

if TYPE_CHECKING:
    from liploc_ros.mapping import LidarMap
    from liploc_ros.mapping.keyframes import ScanCounts

app = typer.Typer(help="Build and inspect maps.", no_args_is_help=True, rich_markup_mode=None)

MapArgument = Annotated[Path, typer.Argument(help="Folder of the map.")]
KEYFRAME_SPACING = 10.0


@app.command()
@with_recording_options
def build(
    source: Annotated[Path, typer.Argument(help="KITTI raw drive (folder) or bag (folder, .mcap, .db3).")],
    out: Annotated[Path, typer.Argument(help="Folder of the map to write. An existing map is replaced.")],
    model: ModelOption = None,
    keyframe_spacing: Annotated[
        float, typer.Option(help="Minimum distance between the scans that are kept [m].")
    ] = KEYFRAME_SPACING,
    place_spacing: PlaceSpacingOption = PLACE_SPACING,
    lateral_reach: LateralReachOption = LATERAL_REACH,
    lateral_spacing: LateralSpacingOption = LATERAL_SPACING,
    view_origin: Annotated[
        tuple[float, float, float] | None,
        typer.Option(help="Origin of the views in the base frame, x y z [m]. Default: the position of the LiDAR."),
    ] = None,
    backend: Annotated[
        Backend, typer.Option(help="Runtime of the LiDAR encoder. auto: the fastest that works.")
    ] = "onnx",
    recording: RecordingOptions = RecordingOptions(),  # noqa: B008  frozen
) -> None:
    """Build a map from a recording with LiDAR scans and poses.

    Its places lie along the path and beside it, in all lanes that the scans show free.
    """
    start_work()
    from liploc_ros.errors import LiplocError
    from liploc_ros.mapping import MapError

    try:
        settings = {
            "keyframe_spacing": keyframe_spacing,
            "place_spacing": place_spacing,
            "lateral_reach": lateral_reach,
            "lateral_spacing": lateral_spacing,
            "view_origin": view_origin,
        }
        lidar_map, counts = _build(source, out, model, settings, backend, recording)
    except LiplocError as error:
        raise MapError(f"no map written: {error}") from error
    manifest = lidar_map.manifest
    typer.echo(
        f"{out}: {manifest.places} places along {manifest.path_length:.0f} m, {lidar_map.size_bytes / 1e6:.1f} MB, "
        f"from {counts.describe(keyframe_spacing)}"
    )
    if counts.is_poor:
        typer.echo("liploc: warning: more than half of the scans could not be used, so the map has gaps", err=True)


def _build(
    source: Path,
    out: Path,
    model: Path | None,
    settings: dict[str, Any],
    backend: Backend,
    recording: RecordingOptions,
) -> "tuple[LidarMap, ScanCounts]":
    from pydantic import ValidationError

    from liploc_ros.datasets import open_drive
    from liploc_ros.encoders import ModelBundle
    from liploc_ros.files import check_replaceable
    from liploc_ros.mapping import MapConfig, MapError, build_map
    from liploc_ros.mapping.manifest import MANIFEST
    from liploc_ros.schema import first_fault

    try:
        config = MapConfig(**settings)
    except ValidationError as error:
        raise MapError(first_fault(error, show_input=True)) from error
    check_replaceable(out, MANIFEST)
    bundle = ModelBundle.load(model)
    drive = open_drive(source, recording.topics(), needs=("points", "odometry"), options=recording.options())
    counts: list[ScanCounts] = []
    with progress_bar("scans", "frame") as on_frame, progress_bar("places", "place") as on_place:
        encoders = bundle.encoders(backend=backend)
        built = build_map(drive, bundle, config, on_place, on_frame, encoders, counts.append)
        encoders.close()
        return built.save(out), counts[0]


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
