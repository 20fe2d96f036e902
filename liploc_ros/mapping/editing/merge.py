# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Merge the maps of several sessions whose poses are in one frame."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from liploc_ros import __version__
from liploc_ros.encoders import ModelBundle
from liploc_ros.mapping.editing.map_folder import read_tiles, write_map_folder
from liploc_ros.mapping.manifest import Manifest, read_manifest
from liploc_ros.mapping.search.map_features import check_model
from liploc_ros.mapping.tile_manifest import MapError
from liploc_ros.mapping.tiles.tile import Tile

EQUAL = ("model_id", "coding", "grid", "stride", "method", "pool", "channels", "map_frame", "base_frame")
EQUAL_SETTINGS = ("place_spacing", "lateral_spacing", "searched_offsets", "index_size")
DATUM = ("datum", "geodetic_datum")
ORIGIN_TOLERANCE = 1e-3  # metres


def merge_maps(
    paths: Sequence[Path], out: Path, bundle: ModelBundle | None = None, *, same_frame: bool = False
) -> Manifest:
    """Write the map of several sessions; their stations do not become neighbours. Returns its manifest.

    Tiles are copied one after another, so that memory does not grow with the length of the maps.

    Args:
        paths: the maps, at least two.
        out: folder of the new map.
        bundle: the model that built them; the default one if left out.
        same_frame: the poses are in one frame although the maps describe their datums differently.

    Raises:
        MapError: the maps differ in what a map has once: each conflict is reported by name.
        FileError: the folder cannot be written.
    """
    if len(paths) < 2:
        raise MapError("one map cannot be merged: give at least two maps")
    manifests = [read_manifest(path) for path in paths]
    conflicts = [
        conflict
        for path, manifest in zip(paths[1:], manifests[1:], strict=True)
        for conflict in _conflicts(paths[0], manifests[0], path, manifest, () if same_frame else DATUM)
    ]
    if conflicts:
        hint = ", or --same-frame if only the descriptions differ" if any("datum" in c for c in conflicts) else ""
        raise MapError(f"cannot be merged: {'; '.join(conflicts)}: give maps built alike{hint}")
    if bundle is not None:
        check_model(manifests[0], bundle, str(paths[0]))
    first = manifests[0]
    confidence = {manifest.confidence_model for manifest in manifests}
    merged = first.model_copy(
        update={
            "liploc_version": __version__,
            "created_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "sources": tuple(source for manifest in manifests for source in manifest.sources),
            "path_length": sum(manifest.path_length for manifest in manifests),
            # Fitted to one of the maps, it says nothing about the others: then that of the model is used.
            "confidence_model": first.confidence_model if len(confidence) == 1 else None,
        }
    )
    return write_map_folder(out, merged, _renumbered(paths, manifests), bundle)


def _renumbered(paths: Sequence[Path], manifests: Sequence[Manifest]) -> Iterator[Tile]:
    """Yield the tiles of all maps, with a station without places between two maps."""
    start = 0
    for path, manifest in zip(paths, manifests, strict=True):
        end = start
        for tile in read_tiles(path, manifest):
            end = max(end, start + int(tile.station.max(initial=0)))
            yield replace(tile, station=tile.station + start)
        start = end + 2


def _conflicts(path: Path, manifest: Manifest, other_path: Path, other: Manifest, datum: Sequence[str]) -> list[str]:
    """Return in words what two maps differ in."""
    conflicts = [
        _difference(path, other_path, name, getattr(manifest, name), getattr(other, name)) for name in (*EQUAL, *datum)
    ]
    for name in EQUAL_SETTINGS:
        mine, others = getattr(manifest.config, name), getattr(other.config, name)
        conflicts.append(_difference(path, other_path, name, mine, others))
    if not np.allclose(manifest.view_origin, other.view_origin, atol=ORIGIN_TOLERANCE):
        conflicts.append(_difference(path, other_path, "view_origin", manifest.view_origin, other.view_origin))
    return [conflict for conflict in conflicts if conflict]


def _difference(path: Path, other_path: Path, name: str, mine: Any, others: Any) -> str:
    return "" if mine == others else f"{name} is {_short(mine)} in {path}, {_short(others)} in {other_path}"


def _short(value: Any) -> str:
    """Return a value as text; only the beginning of a hash."""
    is_hash = isinstance(value, str) and len(value) == 64
    return str(value)[:12] if is_hash else repr(value)
