# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Read the tiles of a map of any format, and write tiles as a new map."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from liploc_ros.encoders import ModelBundle
from liploc_ros.files import check_replaceable, expand_path, readable_folder, replace_folder, sha256_of
from liploc_ros.mapping.lidar_map import TILES, LidarMap, read_map_tile
from liploc_ros.mapping.manifest import CHECKSUMMED, FORMAT_VERSION, MANIFEST, Manifest, write_manifest
from liploc_ros.mapping.search.map_features import INDEX
from liploc_ros.mapping.tile_manifest import MapError, StoredFile, TileEntry
from liploc_ros.mapping.tiles.legacy import read_legacy_map
from liploc_ros.mapping.tiles.tile import Tile, write_tile


def read_tiles(path: Path, manifest: Manifest) -> Iterator[Tile]:
    """Yield the tiles of a map in driving order; each is compared with its checksums. Older formats are one tile.

    Raises:
        MapError: a tile is missing or damaged.
    """
    path = readable_folder(expand_path(path))
    if manifest.format_version < CHECKSUMMED:
        yield read_legacy_map(path, manifest)
    for entry in manifest.tiles:
        yield read_map_tile(path, manifest, entry)


def write_map_folder(
    path: Path,
    manifest: Manifest,
    tiles: Iterable[Tile],
    bundle: ModelBundle | None,
    path_length: Callable[[], float] | None = None,
) -> Manifest:
    """Write tiles as a map; one tile is in memory at a time. Returns the manifest, with the numbers of its tiles.

    Args:
        path: the folder; a map that is there stays until the new one is complete.
        manifest: of the new map. Its tiles, files, places, keyframes and format are set here.
        tiles: in driving order; those without places are left out.
        bundle: the model that built the map.
        path_length: returns the length of the path [m] after all tiles were taken; that of ``manifest`` if left out.

    Raises:
        MapError: there are no places.
        FileError: the folder contains something other than a map, or cannot be written.
    """
    path = expand_path(path)
    check_replaceable(path, MANIFEST)
    entries: list[TileEntry] = []
    with replace_folder(path) as folder:
        for tile in tiles:
            if len(tile.station):
                target = folder / TILES / f"{len(entries):06d}"
                entries.append(write_tile(target, tile, FORMAT_VERSION, manifest.coding))
        if not entries:
            raise MapError(f"{path}: not written, there are no places in it: choose another part of the map")
        manifest = manifest.model_copy(
            update={
                "format_version": FORMAT_VERSION,
                "tiles": tuple(entries),
                "files": {},
                "places": sum(entry.places for entry in entries),
                "keyframes": sum(entry.keyframes for entry in entries),
                "path_length": manifest.path_length if path_length is None else path_length(),
            }
        )
        write_manifest(folder, manifest)
        if manifest.coding is None:
            index = LidarMap.load(folder, bundle, verify=False).index
            index.save(folder / INDEX)
            stored = StoredFile(sha256=sha256_of(folder / INDEX), bytes=(folder / INDEX).stat().st_size)
            manifest = manifest.model_copy(update={"files": {INDEX: stored}, "headings": index.headings})
            write_manifest(folder, manifest)
    return manifest
