# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""A part of a map: the places in a rectangle, or at some stations."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from liploc_ros.encoders import ModelBundle
from liploc_ros.mapping.clouds import Clouds
from liploc_ros.mapping.editing.map_folder import read_tiles, write_map_folder
from liploc_ros.mapping.feature_table import CodedPanoramas
from liploc_ros.mapping.lattice import PlaceLattice
from liploc_ros.mapping.manifest import Manifest, read_manifest
from liploc_ros.mapping.search.map_features import check_model, indexed_places
from liploc_ros.mapping.tiles.tile import Tile

Chooser = Callable[[Tile], NDArray[np.bool_]]
"""Returns which places (P,) of a tile are kept."""


def crop_map(path: Path, out: Path, is_kept: Chooser, bundle: ModelBundle | None = None) -> Manifest:
    """Write the places of a map that are kept, and the keyframes near them. Returns the manifest of the new map.

    Stations keep their numbers: what a crop separates does not become neighbours.

    Args:
        path: the map.
        out: folder of the new map.
        is_kept: such as :func:`in_box` or :func:`at_stations`.
        bundle: the model that built the map; the default one if left out.

    Raises:
        MapError: a tile is damaged, or no place is kept.
        FileError: the folder cannot be written.
    """
    manifest = read_manifest(path)
    if bundle is not None:
        check_model(manifest, bundle, str(path))
    length = _PathLength()
    tiles = length.along(_cropped(path, manifest, is_kept))
    return write_map_folder(out, manifest, tiles, bundle, lambda: length.metres)


def in_box(x0: float, y0: float, x1: float, y1: float) -> Chooser:
    """Return the choice of the places in a rectangle of the map frame [m]; its corners may be in any order."""
    lower, upper = np.minimum([x0, y0], [x1, y1]), np.maximum([x0, y0], [x1, y1])

    def choose(tile: Tile) -> NDArray[np.bool_]:
        xy = tile.T_map_base[:, :2, 3]
        return np.asarray(((xy >= lower) & (xy <= upper)).all(axis=1))

    return choose


def at_stations(first: int, last: int) -> Chooser:
    """Return the choice of the places at stations ``first`` to ``last``, both included."""
    return lambda tile: np.asarray((tile.station >= first) & (tile.station <= last))


def select_places(tile: Tile, kept: NDArray[np.bool_], manifest: Manifest) -> Tile:
    """Return the places (P,) of a tile that are kept, and the keyframes nearest to them, from which they are drawn."""
    rows = np.flatnonzero(kept)
    indexed = indexed_places(PlaceLattice(tile.station, tile.lateral), manifest)
    keyframes = np.zeros(0, np.intp)
    if len(tile.keyframes) and len(rows):
        count = min(manifest.config.scans_per_place, len(tile.keyframes))
        tree = cKDTree(tile.keyframes["T_map_lidar"][:, :3, 3])
        keyframes = np.unique(tree.query(tile.T_map_base[rows, :3, 3], k=count)[1])
    panoramas = tile.panoramas
    if isinstance(panoramas, CodedPanoramas):
        panoramas = CodedPanoramas(panoramas.codes[rows], panoramas.returned[rows])
    else:
        panoramas = panoramas[rows]
    clouds = [tile.clouds.encoded(int(k)) for k in keyframes] if len(tile.clouds) else []
    return Tile(
        tile.T_map_base[rows],
        tile.station[rows],
        tile.lateral[rows],
        panoramas,
        None if tile.descriptors is None else tile.descriptors[kept[indexed]],
        tile.keyframes[keyframes],
        Clouds.of(clouds) if clouds else Clouds(),
    )


def _cropped(path: Path, manifest: Manifest, is_kept: Chooser) -> Iterator[Tile]:
    for tile in read_tiles(path, manifest):
        kept = is_kept(tile)
        if kept.any():
            yield select_places(tile, kept, manifest)


class _PathLength:
    """Adds up the distances between places on the path whose stations follow one another."""

    def __init__(self) -> None:
        self.metres = 0.0
        self._last: tuple[int, NDArray[np.float64]] | None = None

    def along(self, tiles: Iterable[Tile]) -> Iterator[Tile]:
        """Yield the tiles, and add their lengths."""
        for tile in tiles:
            on_path = np.flatnonzero(tile.lateral == 0)
            for row in on_path[np.argsort(tile.station[on_path], kind="stable")].tolist():
                station, position = int(tile.station[row]), tile.T_map_base[row, :3, 3]
                if self._last is not None and station == self._last[0] + 1:
                    self.metres += float(np.linalg.norm(position - self._last[1]))
                self._last = station, position
            yield tile
