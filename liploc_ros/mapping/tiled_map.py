# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""A map of any length: its tiles stay on disk, and are opened where the map is compared with an image."""

import hashlib
import logging
from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from liploc_ros.encoders import ModelBundle
from liploc_ros.encoders.coding import MapCoding
from liploc_ros.files import FileError, cache_folder, expand_path
from liploc_ros.mapping.lidar_map import TILES, LidarMap, read_map_tile
from liploc_ros.mapping.manifest import Manifest, read_manifest
from liploc_ros.mapping.search.coarse_config import CoarsePlaces
from liploc_ros.mapping.search.coarse_index import CoarseIndex
from liploc_ros.mapping.search.map_features import check_model, coding_of
from liploc_ros.mapping.search.open_tile import OpenTile, joined_tile
from liploc_ros.mapping.search.rescoring import NearPlaces
from liploc_ros.mapping.tile_manifest import MapError

LOG = logging.getLogger(__name__)
COARSE = "coarse"  # folder of the coarse index
COARSE_STATIONS = 4  # every fourth place on the path is in the coarse index
NEAR_STATIONS = 2
SAMPLED_PLACES = 400
TILES_IN_MEMORY = 16_384  # of 15 kB, or 100 kB with places beside the path; opening one takes half a millisecond


class TiledMap:
    """The tiles of a map with coded features. Opening it reads the manifest only.

    A tile is opened by reading where its places are. Features and descriptors are read when they are compared.
    :meth:`verify` compares its files with their checksums, which reads them whole, and is for another thread than that
    of the images. A tile that differs cannot be used from then on.

    Attributes:
        manifest: description of the whole map.
        path: its folder.
        bundle: the model that built it.
        coding: by which its features are coded.
    """

    def __init__(self, manifest: Manifest, path: Path, bundle: ModelBundle) -> None:
        """Take the manifest of the map at ``path``; see :meth:`open`."""
        self.manifest, self.path, self.bundle = manifest, path, bundle
        self.coding: MapCoding = coding_of(manifest, bundle, path)
        self._lower = np.array([tile.lower[:2] for tile in manifest.tiles])
        self._upper = np.array([tile.upper[:2] for tile in manifest.tiles])
        self._rows = np.cumsum([0, *(tile.places for tile in manifest.tiles)])
        self._opened = lru_cache(TILES_IN_MEMORY)(self._open_tile)
        self._checked: dict[int, str] = {}  # tiles that were verified, and what was wrong with them

    @classmethod
    def open(cls, path: Path, bundle: ModelBundle) -> "TiledMap":
        """Open a map.

        Raises:
            MapError: no map, a damaged one, one of another format or model, or one whose features are not coded.
        """
        path = expand_path(path)
        manifest = read_manifest(path)
        check_model(manifest, bundle, str(path))
        if manifest.coding is None or not manifest.tiles:
            raise MapError(
                f"{path}: its features are not coded, so it cannot be searched tile by tile: "
                "run `liploc map upgrade` with a model that has a coding"
            )
        return cls(manifest, path, bundle)

    @cached_property
    def id(self) -> str:
        """Hash that identifies this map."""
        return hashlib.sha256(self.manifest.model_dump_json().encode()).hexdigest()

    def __len__(self) -> int:
        """Return the number of tiles."""
        return len(self.manifest.tiles)

    @property
    def opened(self) -> int:
        """Number of tiles that are open."""
        return self._opened.cache_info().currsize

    def tile(self, number: int) -> OpenTile:
        """Return a tile.

        Raises:
            MapError: it is missing or damaged.
        """
        problem = self._checked.get(number)
        if problem:
            raise MapError(problem)
        return self._opened(number)

    def verify(self, number: int) -> None:
        """Compare the files of a tile with their checksums, once."""
        if number in self._checked:
            return
        try:
            read_map_tile(self.path, self.manifest, self.manifest.tiles[number])
            self._checked[number] = ""
        except MapError as error:
            self._checked[number] = str(error)

    def tiles_near(self, positions: NDArray[np.float64], radius: float) -> NDArray[np.intp]:
        """Return the tiles whose places may be within ``radius`` [m] of positions (N, 2), in driving order."""
        outside = np.maximum(self._lower - positions[:, None, :2], positions[:, None, :2] - self._upper)
        distance = np.linalg.norm(np.maximum(outside, 0), axis=2)  # to the box around each tile
        return np.flatnonzero((distance <= radius).any(axis=0))

    def around(self, positions: NDArray[np.float64], radius: float) -> LidarMap | None:
        """Return the part of the map within ``radius`` [m] of positions (N, 2); None if there are no places.

        Raises:
            MapError: a tile is missing or damaged.
        """
        rows = {}
        for number in self.tiles_near(positions, radius).tolist():
            opened = self.tile(number)
            near = cKDTree(positions[:, :2]).query(opened.xy)[0] <= radius
            if near.any():
                rows[number] = opened.beside(np.flatnonzero(near), 0)
        return self._part(rows) if rows else None

    def beside(self, tiles: NDArray[np.intp], places: NDArray[np.intp], stations: int) -> LidarMap | None:
        """Return the part of the map within some stations of places, at every lateral offset; None without places.

        Args:
            tiles: (N,) tile of each place.
            places: (N,) rows of the places in their tiles.
            stations: reach along the path.

        Raises:
            MapError: a tile is missing or damaged.
        """
        rows = {}
        for number in np.unique(tiles).tolist():
            rows[number] = self.tile(number).beside(places[tiles == number], stations)
        return self._part(rows) if rows else None

    def joined(self, parts: Sequence[LidarMap]) -> LidarMap:
        """Return the union of parts of this map."""
        number, row = self._located(np.unique(np.concatenate([part.place_ids for part in parts])))
        return self._part({n: row[number == n] for n in np.unique(number).tolist()})

    def sample(self, tiles: int) -> LidarMap:
        """Return a part of the map that stands for all of it: places spread over at most so many tiles."""
        chosen = np.unique(np.linspace(0, len(self) - 1, min(tiles, len(self))).round().astype(np.intp))
        step = max(1, SAMPLED_PLACES // len(chosen))
        rows = {}
        for number in chosen.tolist():
            count = self.manifest.tiles[number].places
            rows[number] = np.unique(np.linspace(0, count - 1, min(step, count)).round().astype(np.intp))
        return self._part(rows)

    def coarse_index(self) -> CoarseIndex:
        """Return the coarse index over all tiles; it is built first if it is missing or of other tiles.

        If the folder of the map cannot be written, the index is kept in the user's cache.

        Raises:
            FileError: it cannot be written there either.
        """
        key = coarse_key(self.manifest)
        try:
            return CoarseIndex.open_or_build(self.path / COARSE, self, key)
        except FileError as error:
            folder = cache_folder() / COARSE / key[:16]
            LOG.warning("%s: the coarse index is kept in %s", error, folder)
            return CoarseIndex.open_or_build(folder, self, key)

    def coarse_places(self, tile: int) -> CoarsePlaces:
        """Return every fourth place on the path of a tile; see :class:`CoarsePlaces`. The tile is not kept."""
        opened = self._open_tile(tile)
        rows = opened.on_path(COARSE_STATIONS)
        codes = opened.descriptors(rows)
        projected = self.coding.descriptors.quantizer.decode(codes.reshape(-1, codes.shape[2]))
        return CoarsePlaces(rows, opened.xy[rows], projected.reshape(*codes.shape[:2], -1))

    def near_places(self, tile: int, places: NDArray[np.intp]) -> NearPlaces:
        """Return the searched places within two stations of places (C,); see :class:`NearPlaces`."""
        return self.tile(tile).near(places, NEAR_STATIONS)

    def no_places(self) -> NearPlaces:
        """Return what :meth:`near_places` returns without places."""
        none, codes = np.zeros(0, np.intp), (0, self.manifest.headings, self.coding.descriptors.bytes)
        return NearPlaces(none, none, np.zeros((0, 2)), np.zeros(codes, np.uint8))

    def _part(self, rows: dict[int, NDArray[np.intp]]) -> LidarMap:
        """Return the map of some places: rows of each tile, in increasing order."""
        selected = joined_tile([self.tile(number).select(rows[number]) for number in sorted(rows)])
        ids = np.concatenate([self._rows[number] + rows[number] for number in sorted(rows)])
        part = LidarMap.of_tiles(self.manifest, [selected], self.bundle, self.path, ids)
        part.__dict__["id"] = self.id  # a cached property: the hash of a long manifest takes some time
        return part

    def _located(self, place_ids: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the tile, and the row in it, of places (N,)."""
        number = np.searchsorted(self._rows, place_ids, side="right") - 1
        return np.asarray(number, np.intp), np.asarray(place_ids - self._rows[number], np.intp)

    def _open_tile(self, number: int) -> OpenTile:
        entry = self.manifest.tiles[number]
        return OpenTile(self.path / TILES / entry.name, entry, self.manifest)


def coarse_key(manifest: Manifest) -> str:
    """Return what identifies the tiles of a map in its coarse index."""
    return hashlib.sha256("".join(tile.sha256 for tile in manifest.tiles).encode()).hexdigest()
