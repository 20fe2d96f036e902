"""``liploc map``: build maps, and look into them."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from liploc_ros.cli.progress import advance
from liploc_ros.datasets import BagTopics, open_drive
from liploc_ros.encoders import Backend, ModelBundle
from liploc_ros.encoders.spec import ConfidenceModel
from liploc_ros.mapping import LidarMap, MapConfig, MapError, build_map
from liploc_ros.mapping.manifest import read_manifest

app = typer.Typer(help="Build maps, and look into them.", no_args_is_help=True, rich_markup_mode=None)

MapArgument = Annotated[Path, typer.Argument(help="Folder of the map.")]
ModelOption = Annotated[Path | None, typer.Option("--model", help="Model bundle; the package's own when left out.")]
DEFAULTS = MapConfig()


@app.command()
def build(
    source: Annotated[Path, typer.Argument(help="KITTI raw drive (folder) or bag (folder, .mcap, .db3).")],
    out: Annotated[Path, typer.Argument(help="Folder to write the map to; a map that is there is replaced.")],
    model: ModelOption = None,
    keyframe_spacing: Annotated[
        float, typer.Option(help="Least distance between kept scans [m].")
    ] = DEFAULTS.keyframe_spacing,
    place_spacing: Annotated[
        float, typer.Option(help="Distance between places along the path [m].")
    ] = DEFAULTS.place_spacing,
    view_origin: Annotated[
        tuple[float, float, float] | None,
        typer.Option(help="Where in the base frame views are drawn, x y z [m]; the LiDAR's place when left out."),
    ] = None,
    points_topic: Annotated[str, typer.Option(help="Of a bag: the PointCloud2; found by type when left out.")] = "",
    odometry_topic: Annotated[str, typer.Option(help="Of a bag: the Odometry; found by type when left out.")] = "",
    backend: Annotated[
        Backend, typer.Option(help="What runs the LiDAR encoder; auto: the fastest that works.")
    ] = "onnx",
) -> None:
    """Build a map from a recording with LiDAR scans and poses: virtual places along the path, all headings."""
    try:
        config = MapConfig(keyframe_spacing=keyframe_spacing, place_spacing=place_spacing, view_origin=view_origin)
    except ValidationError as error:
        first = error.errors()[0]
        raise MapError(f"{first['loc'][0]}: {first['msg']}, not {first['input']}") from error
    bundle = ModelBundle.load(model)
    topics = BagTopics(points=points_topic or None, odometry=odometry_topic or None)
    drive = open_drive(source, topics, needs=("points", "odometry"))
    with tqdm(desc="scans", unit="frame") as scans, tqdm(desc="places", unit="place") as places:
        encoders = bundle.encoders(backend=backend)
        built = build_map(drive, bundle, config, advance(places), advance(scans), encoders)
        encoders.close()
        lidar_map = built.save(out)
    manifest = lidar_map.manifest
    typer.echo(
        f"{out}: {manifest.places} places along {manifest.path_length:.0f} m from {manifest.keyframes} scans, "
        f"{lidar_map.size_bytes / 1e6:.1f} MB"
    )


@app.command()
def info(path: MapArgument) -> None:
    """Show what a map is."""
    manifest = read_manifest(path)
    table = Table(show_header=False, box=None)
    size = sum(file.bytes for file in manifest.files.values())
    rows = {
        "path": str(path),
        "created": f"{manifest.created_at} by liploc_ros {manifest.liploc_version}, format {manifest.format_version}",
        "sources": ", ".join(source.name for source in manifest.sources) or "unknown",
        "frames": f"{manifest.base_frame} in {manifest.map_frame}",
        "datum": manifest.datum,
        "places": f"{manifest.places} x {manifest.headings} headings, every {manifest.config.place_spacing:g} m",
        "path length": f"{manifest.path_length:.1f} m",
        "keyframe scans": str(manifest.keyframes),
        "view origin": "{:.2f}, {:.2f}, {:.2f} m in the base frame".format(*manifest.view_origin),
        "model": f"{manifest.model_name}, {manifest.model_id[:12]}",
        "trained on": ", ".join(manifest.trained_on[:4]) + (" ..." if len(manifest.trained_on) > 4 else ""),
        "acceptance": _confidence_model(manifest.confidence_model),
        "size": f"{size / 1e6:.1f} MB, {size / 1e3 / max(manifest.path_length, 1):.0f} MB a km",
    }
    for key, value in rows.items():
        table.add_row(key, value)
    for name, file in manifest.files.items():
        table.add_row(f"  {name}", f"{file.bytes / 1e6:.2f} MB, sha256 {file.sha256[:12]}")
    Console().print(table, soft_wrap=True)


@app.command()
def verify(path: MapArgument, model: ModelOption = None) -> None:
    """Check every file's checksum, and that the map fits the model."""
    lidar_map = LidarMap.load(path, ModelBundle.load(model))
    typer.echo(f"{path}: whole, {lidar_map.manifest.places} places, id {lidar_map.id[:12]}")


def _confidence_model(calibration: ConfidenceModel | None) -> str:
    if calibration is None:
        return "the model's"
    return f"confidence {calibration.min_confidence:g}; {calibration.source}"
