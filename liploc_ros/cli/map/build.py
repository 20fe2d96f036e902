# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""``liploc map build``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from liploc_ros.cli.map.arguments import report_written
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
    from liploc_ros.mapping.build.write_map import Written

KEYFRAME_SPACING, KEYFRAME_TURNING = 10.0, 45.0
TILE_LENGTH = 1000.0


@with_recording_options
def build(
    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="SOURCE...",
            help="KITTI drives (folders) or bags (folder, .mcap, .db3) with poses in one frame. Each is a session.",
        ),
    ],
    out: Annotated[Path, typer.Argument(help="Folder of the map to write. An existing map is replaced.")],
    model: ModelOption = None,
    keyframe_spacing: Annotated[
        float, typer.Option(help="Minimum distance between the scans that are kept [m].")
    ] = KEYFRAME_SPACING,
    keyframe_turning: Annotated[
        float, typer.Option(help="A scan is also kept after this turn and a quarter of the distance [degrees].")
    ] = KEYFRAME_TURNING,
    place_spacing: PlaceSpacingOption = PLACE_SPACING,
    lateral_reach: LateralReachOption = LATERAL_REACH,
    lateral_spacing: LateralSpacingOption = LATERAL_SPACING,
    view_origin: Annotated[
        tuple[float, float, float] | None,
        typer.Option(help="Origin of the views in the base frame, x y z [m]. Default: the position of the LiDAR."),
    ] = None,
    points: Annotated[
        bool, typer.Option("--points/--no-points", help="Keep the points of the scans, for pictures and RViz.")
    ] = True,
    tile_length: Annotated[float, typer.Option(help="Length of a tile of the map along the path [m].")] = TILE_LENGTH,
    workers: Annotated[
        int, typer.Option(min=0, help="Threads that draw and encode; 0: one per core. The map does not depend on them.")
    ] = 0,
    backend: Annotated[
        Backend, typer.Option(help="Runtime of the LiDAR encoder. auto: the fastest that works.")
    ] = "onnx",
    ray: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="Build on the Ray cluster at this address (HOST:PORT, or auto). Its machines need the recordings and "
            "the model at the same paths. Needs the extra 'ray'.",
        ),
    ] = "",
    recording: RecordingOptions = RecordingOptions(),  # noqa: B008  frozen
) -> None:
    """Build a map from recordings with LiDAR scans and poses.

    Its places lie along the path and beside it, in all lanes that the scans show free. If it is stopped or killed, the
    same command continues; finished parts are kept in .NAME.partial next to the map.
    """
    start_work()
    from liploc_ros.errors import LiplocError
    from liploc_ros.mapping import MapError
    from liploc_ros.mapping.build import BuildStoppedError

    settings = {
        "keyframe_spacing": keyframe_spacing,
        "keyframe_turning": keyframe_turning,
        "place_spacing": place_spacing,
        "lateral_reach": lateral_reach,
        "lateral_spacing": lateral_spacing,
        "view_origin": view_origin,
        "store_points": points,
        "tile_length": tile_length,
    }
    try:
        written = _build(sources, out, model, settings, workers, ray, backend, recording)
    except BuildStoppedError as error:
        typer.echo(f"liploc: {error}", err=True)
        raise typer.Exit(130) from error
    except LiplocError as error:
        raise MapError(f"no map written: {error}") from error
    _report(out, written, sources, keyframe_spacing)


def _report(out: Path, written: "Written", sources: list[Path], spacing: float) -> None:
    report_written(out, written.manifest)
    for source, counts in zip(sources, written.counts, strict=True):
        typer.echo(f"{source}: {counts.describe(spacing)}")
        if counts.is_poor:
            typer.echo("liploc: warning: more than half of the scans could not be used, so the map has gaps", err=True)


def _build(
    sources: list[Path],
    out: Path,
    model: Path | None,
    settings: dict[str, Any],
    workers: int,
    ray: str,
    backend: Backend,
    recording: RecordingOptions,
) -> "Written":
    import os

    from pydantic import ValidationError

    from liploc_ros.datasets import open_drive
    from liploc_ros.encoders import ModelBundle
    from liploc_ros.files import check_replaceable
    from liploc_ros.mapping import MapConfig, MapError
    from liploc_ros.mapping.build import write_map
    from liploc_ros.mapping.build.ray_tiles import ray_tiles
    from liploc_ros.mapping.manifest import MANIFEST
    from liploc_ros.schema import first_fault

    try:
        config = MapConfig(**settings)
    except ValidationError as error:
        raise MapError(first_fault(error, show_input=True)) from error
    if ray and backend != "onnx":
        raise MapError(f"--backend {backend} with --ray: workers of a cluster use onnx: leave out --backend")
    check_replaceable(out, MANIFEST)
    bundle = ModelBundle.load(model)
    topics, options = recording.topics(), recording.options()
    drives = [open_drive(source, topics, needs=("points", "odometry"), options=options) for source in sources]
    # The threads of the build keep all cores busy: a thread of the runtime would only wait for a core.
    encoders = bundle.encoders(threads=1, backend=backend)
    with progress_bar("scans", "frame") as on_frame, progress_bar("places", "place") as on_place:
        build_tiles = ray_tiles(ray, bundle, config) if ray else None
        threads = workers or os.cpu_count() or 1
        written = write_map(drives, bundle, out, config, on_place, on_frame, encoders, threads, build_tiles)
    encoders.close()
    return written
