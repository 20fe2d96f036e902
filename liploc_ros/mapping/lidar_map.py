# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""A map in memory: all tiles of a map folder, or some of them."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from liploc_ros.encoders import ModelBundle
from liploc_ros.encoders.coding import MapCoding
from liploc_ros.files import check_replaceable, expand_path, readable_folder, replace_folder, sha256_of
from liploc_ros.geometry.se2 import PoseSE2, compose, se2_of
from liploc_ros.mapping.clouds import Clouds
from liploc_ros.mapping.feature_table import CodedFeatures, CodedPanoramas, FeatureTable
from liploc_ros.mapping.features import StoredFeatures, unit_features
from liploc_ros.mapping.lattice import PlaceLattice, tile_numbers
from liploc_ros.mapping.manifest import CHECKSUMMED, FORMAT_VERSION, MANIFEST, Manifest, read_manifest, write_manifest
from liploc_ros.mapping.search.heading_compressor import HeadingCoder
from liploc_ros.mapping.search.map_features import INDEX, check_model, features_and_index, indexed_places
from liploc_ros.mapping.search.place_index import PlaceIndex
from liploc_ros.mapping.tile_manifest import MapError, StoredFile, TileEntry
from liploc_ros.mapping.tiles.legacy import read_legacy_map
from liploc_ros.mapping.tiles.tile import Tile, read_tile, verify_files, write_tile

TILES = "tiles"  # folder of the tiles


@dataclass(frozen=True)
class LidarMap:
    """Places with the features of their panoramas, the thinned scans they were drawn from, and the search index.

    Attributes:
        manifest: description and checksums of the whole map.
        T_map_base: (P, 4, 4) poses of the places.
        lattice: station and lateral offset of each place, and its neighbours.
        features: (P, h, columns, D) of the panoramas. Memory-mapped if loaded from a folder.
        keyframes: (K,) of :data:`~liploc_ros.mapping.tiles.tile.KEYFRAME`.
        clouds: points of the keyframes; empty if the map was built without them.
        index: search over places x headings.
        path: the folder, or None for a map that was not saved.
        numbers: (P,) of the places in the whole map; None if this is the whole map.

    Examples:
        >>> lidar_map = LidarMap.load(Path("my_map"), ModelBundle.load())
        >>> lidar_map.T_map_base.shape, lidar_map.place_spacing
        ((170, 4, 4), (1.0, 0.0))
        >>> lidar_map.nearest_places(lidar_map.T_map_base[20:22, :3, 3]).tolist()
        [20, 21]
        >>> copy = lidar_map.save(Path("my_copy"))
        >>> copy.id == LidarMap.load(Path("my_copy")).id
        True
    """

    manifest: Manifest
    T_map_base: NDArray[np.float64]
    lattice: PlaceLattice
    features: FeatureTable
    keyframes: NDArray[np.void]
    clouds: Clouds
    index: PlaceIndex
    path: Path | None = field(default=None)
    numbers: NDArray[np.intp] | None = field(default=None)

    @property
    def place_ids(self) -> NDArray[np.intp]:
        """(P,) numbers of the places in the whole map."""
        return np.arange(len(self.T_map_base)) if self.numbers is None else self.numbers

    @cached_property
    def id(self) -> str:
        """Hash that identifies this map."""
        return hashlib.sha256(self.manifest.model_dump_json().encode()).hexdigest()

    @cached_property
    def view_poses(self) -> PoseSE2:
        """(P, 3) x, y [m] and yaw [rad] from which the panoramas were drawn."""
        return compose(se2_of(self.T_map_base), np.array([*self.manifest.view_origin[:2], 0.0]))

    @cached_property
    def _place_trees(self) -> dict[int, cKDTree]:
        positions = self.T_map_base[:, :3, 3]
        return {axes: cKDTree(positions[:, :axes]) for axes in (2, 3)}

    def nearest_places(self, positions: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return the rows (K,) of the places nearest to positions (K, 3) or, whatever the height, (K, 2) [m]."""
        _, places = self._place_trees[positions.shape[1]].query(positions)
        return np.asarray(places, np.intp)

    @property
    def place_spacing(self) -> tuple[float, float]:
        """Distance between places along the path and across it [m]; across it 0 if there are none beside the path."""
        return self.manifest.config.place_spacing, self.lattice.spacing

    @property
    def drawn_length(self) -> float:
        """Length of all lines of places of the whole map, those on the path and those beside it [m]."""
        return self.manifest.places * self.manifest.config.place_spacing

    @property
    def bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Smallest and largest x, y, z (3,) of the places of the whole map [m]."""
        if self.numbers is None:
            positions = self.T_map_base[:, :3, 3]
            return positions.min(axis=0), positions.max(axis=0)
        tiles = self.manifest.tiles
        return np.min([tile.lower for tile in tiles], axis=0), np.max([tile.upper for tile in tiles], axis=0)

    @property
    def size_bytes(self) -> int:
        """Bytes on disk, without the manifest."""
        return self.manifest.size_bytes

    def keyframe_points(self, keyframe: int) -> NDArray[np.float32]:
        """Return a keyframe's thinned points (N, 4) in the LiDAR's frame: x, y, z [m], reflectance 0 to 1.

        There are none if the map was built without them.

        Raises:
            MapError: they are damaged, which is found when a map is loaded with ``verify``.
        """
        try:
            return self.clouds[keyframe] if len(self.clouds) else np.zeros((0, 4), np.float32)
        except ValueError as error:
            raise MapError(f"{self.path or 'map'}: scan {keyframe}: {error}: copy or build the map again") from error

    def coded(self, coding: MapCoding) -> "LidarMap":
        """Return the map with coded features and descriptors."""
        layout, places = self.manifest.layout, indexed_places(self.lattice, self.manifest)
        coder = HeadingCoder(coding.descriptors, layout)
        codes = np.stack([coder.encode(self._panorama(place)) for place in places.tolist()])
        panoramas = (unit_features(self._panorama(place)) for place in range(len(self.features)))
        features = CodedFeatures([CodedPanoramas.of(panoramas, coding.features)], coding.features)
        index = PlaceIndex.of_codes(codes, coding.descriptors, layout, places)
        manifest = self.manifest.model_copy(update={"coding": coding.id})
        return replace(self, manifest=manifest, features=features, index=index)

    def _panorama(self, place: int) -> StoredFeatures:
        return np.asarray(self.features.panoramas(np.array([place], np.intp))[0])

    def tiles(self) -> Iterator[Tile]:
        """Yield the map as tiles of ``tile_length`` along the path, in driving order."""
        number = tile_numbers(self.T_map_base[:, :3, 3], self.lattice.station, self.manifest.config.tile_length)
        of_keyframe = number[self.nearest_places(self.keyframes["T_map_lidar"][:, :3, 3])]
        codes = self.index.codes
        for tile in np.unique(number):
            rows, keyframes = np.flatnonzero(number == tile), np.flatnonzero(of_keyframe == tile)
            panoramas: StoredFeatures | CodedPanoramas
            if isinstance(self.features, CodedFeatures):
                panoramas = self.features.select(rows)
            else:
                panoramas = self.features.panoramas(rows)
            clouds = [self.clouds.encoded(int(k)) for k in keyframes] if len(self.clouds) else []
            yield Tile(
                self.T_map_base[rows],
                self.lattice.station[rows],
                self.lattice.lateral[rows],
                panoramas,
                None if codes is None else codes[np.isin(self.index.places, rows)],
                self.keyframes[keyframes],
                Clouds.of(clouds) if clouds else Clouds(),
            )

    def save(self, path: Path) -> "LidarMap":
        """Write the map; a previous map at ``path`` stays until the new one is complete. Returns the map as saved.

        Raises:
            FileError: the folder contains something other than a map, or cannot be written.
        """
        path = expand_path(path)
        check_replaceable(path, MANIFEST)
        coding, files, entries = self.manifest.coding, {}, []
        with replace_folder(path) as folder:
            for number, tile in enumerate(self.tiles()):
                entries.append(write_tile(folder / TILES / f"{number:06d}", tile, FORMAT_VERSION, coding))
            if coding is None:
                self.index.save(folder / INDEX)
                files[INDEX] = _stored_file(folder / INDEX)
            update = {"format_version": FORMAT_VERSION, "tiles": tuple(entries), "files": files}
            manifest = self.manifest.model_copy(update=update)
            write_manifest(folder, manifest)
        return replace(self, manifest=manifest, path=path)

    @classmethod
    def load(cls, path: Path, bundle: ModelBundle | None = None, verify: bool = True) -> "LidarMap":
        """Open all tiles of a map; features and points stay on disk until used.

        Args:
            path: the map's folder.
            bundle: the model that will search the map; it must be the one that built it.
            verify: compare every file's checksum, which takes about a second per gigabyte.

        Raises:
            MapError: no map, a damaged one, one of a newer format, or one built by another model.
        """
        path = readable_folder(expand_path(path))
        manifest = read_manifest(path)
        if bundle is not None:
            check_model(manifest, bundle, str(path))
        if manifest.format_version < CHECKSUMMED:
            tiles = [read_legacy_map(path, manifest, verify)]
        else:
            tiles = [read_map_tile(path, manifest, entry, verify) for entry in manifest.tiles]
        if verify and manifest.format_version >= CHECKSUMMED and (path / INDEX).exists():
            verify_files(path, manifest.files)
        return cls.of_tiles(manifest, tiles, bundle, path)

    @classmethod
    def of_tiles(
        cls,
        manifest: Manifest,
        tiles: Sequence[Tile],
        bundle: ModelBundle | None = None,
        path: Path | None = None,
        numbers: NDArray[np.intp] | None = None,
    ) -> "LidarMap":
        """Return the map that some or all tiles of a map make.

        Args:
            manifest: of the whole map.
            tiles: at least one, in driving order.
            bundle: the model that built the map; the default one if left out.
            path: the map's folder.
            numbers: see :class:`LidarMap`.

        Raises:
            MapError: the map was coded by another coding than that of the model.
        """
        if not tiles:
            raise MapError(f"{path or 'map'}: has no tiles: build the map again")
        lattice = PlaceLattice(
            np.concatenate([tile.station for tile in tiles]), np.concatenate([tile.lateral for tile in tiles])
        )
        features, index = features_and_index(manifest, tiles, lattice, bundle, path)
        return cls(
            manifest,
            np.concatenate([tile.T_map_base for tile in tiles]),
            lattice,
            features,
            np.concatenate([tile.keyframes for tile in tiles]),
            Clouds.joined([tile.clouds for tile in tiles]) if len(tiles) > 1 else tiles[0].clouds,
            index,
            path,
            numbers,
        )


def read_map_tile(path: Path, manifest: Manifest, entry: TileEntry, verify: bool = True) -> Tile:
    """Open a tile of the map at ``path``; see :func:`~liploc_ros.mapping.tiles.tile.read_tile`."""
    return read_tile(path / TILES / entry.name, entry, manifest.layout, verify)


def _stored_file(path: Path) -> StoredFile:
    return StoredFile(sha256=sha256_of(path), bytes=path.stat().st_size)
