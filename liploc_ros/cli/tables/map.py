# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""What ``liploc map info`` prints."""

from pathlib import Path

from rich.table import Table

from liploc_ros.encoders.spec import ConfidenceModel
from liploc_ros.geometry.geodesy import GeodeticDatum
from liploc_ros.localization.long_map import map_mode
from liploc_ros.mapping import Manifest, MapConfig

MAX_DRIVES = 4


def map_table(path: Path, manifest: Manifest) -> Table:
    """Return a table with the contents, settings and files of a map."""
    table = Table(show_header=False, box=None)
    size, kilometres = manifest.size_bytes, max(manifest.path_length, 1) / 1e3
    more_drives = len(manifest.trained_on) > MAX_DRIVES
    rows = {
        "path": str(path),
        "created": f"{manifest.created_at} by liploc_ros {manifest.liploc_version}, format {manifest.format_version}",
        "sources": ", ".join(source.name for source in manifest.sources) or "unknown",
        "frames": f"{manifest.base_frame} in {manifest.map_frame}",
        "datum": manifest.datum,
        "on earth": _on_earth(manifest.geodetic_datum),
        "places": f"{manifest.places} x {manifest.headings} headings, {_spacing(manifest.config)}",
        "path length": f"{manifest.path_length:.1f} m",
        "keyframe scans": str(manifest.keyframes),
        "view origin": "{:.2f}, {:.2f}, {:.2f} m in the base frame".format(*manifest.view_origin),
        "model": f"{manifest.model_name}, {manifest.model_id[:12]}",
        "trained on": ", ".join(manifest.trained_on[:MAX_DRIVES]) + (" ..." if more_drives else ""),
        "confidence": _confidence(manifest.confidence_model),
        "features": "not coded" if manifest.coding is None else f"coded, {manifest.coding[:12]}",
        "size": f"{size / 1e6:.1f} MB, {size / 1e6 / kilometres:.1f} MB/km",
        "tiles": _tiles(manifest),
        "search": map_mode(manifest).reason,
    }
    for key, value in rows.items():
        table.add_row(key, value)
    for name, file in manifest.files.items():
        table.add_row(f"  {name}", f"{file.bytes / 1e6:.2f} MB, sha256 {file.sha256[:12]}")
    return table


def _spacing(config: MapConfig) -> str:
    along = f"every {config.place_spacing:g} m"
    if len(config.lateral_offsets) == 1:
        return f"{along} on the path"
    return f"{along}, and every {config.lateral_spacing:g} m up to {config.lateral_reach:g} m beside the path"


def _tiles(manifest: Manifest) -> str:
    if not manifest.tiles:
        return f"none, format {manifest.format_version} is not divided: `liploc map upgrade` writes the newest format"
    sizes = [tile.bytes / 1e6 for tile in manifest.tiles]
    count = f"{len(sizes)} of up to {manifest.config.tile_length:.0f} m"
    return f"{count}, {min(sizes):.1f} to {max(sizes):.1f} MB" if len(sizes) > 1 else f"{count}, {sizes[0]:.1f} MB"


def _on_earth(datum: GeodeticDatum | None) -> str:
    if datum is None:
        return "not known"
    return (
        f"latitude {datum.latitude:.8f}, longitude {datum.longitude:.8f}, heading of the x axis {datum.heading:.2f} "
        "degrees"
    )


def _confidence(confidence_model: ConfidenceModel | None) -> str:
    if confidence_model is None:
        return "confidence model of the bundle"
    return f"min_confidence {confidence_model.min_confidence:g}; {confidence_model.source}"
