# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""A tile that is open: stations and positions of its places are in memory, the rest is read when it is compared."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from liploc_ros.mapping.clouds import Clouds
from liploc_ros.mapping.feature_table import CodedPanoramas
from liploc_ros.mapping.lattice import is_searched
from liploc_ros.mapping.manifest import Manifest
from liploc_ros.mapping.search.rescoring import NearPlaces
from liploc_ros.mapping.tile_manifest import MapError, TileEntry
from liploc_ros.mapping.tiles.array_file import StoredRows, ranges_of
from liploc_ros.mapping.tiles.tile import (
    DESCRIPTORS,
    FEATURES,
    KEYFRAME,
    PLACE,
    PLACES,
    RETURNED,
    Tile,
    check_array,
    check_places,
    lattice_of,
    poses_of,
    read_tile_manifest,
)


class SelectedPlaces(NamedTuple):
    """Some places of a tile as they are stored.

    Attributes:
        origin: of the tile in the map frame [m].
        places: (N,) of ``PLACE``.
        panoramas: their features.
        descriptors: codes of the descriptors of those that are searched.
    """

    origin: tuple[float, float, float]
    places: NDArray[np.void]
    panoramas: CodedPanoramas
    descriptors: NDArray[np.uint8]


def joined_tile(selected: Sequence[SelectedPlaces]) -> Tile:
    """Return places of several tiles, at least one, as a tile without keyframes."""
    places = np.concatenate([part.places for part in selected])
    origin = np.repeat([part.origin for part in selected], [len(part.places) for part in selected], axis=0)
    return Tile(
        poses_of(places, origin),
        *lattice_of(places),
        CodedPanoramas.joined([part.panoramas for part in selected]),
        np.concatenate([part.descriptors for part in selected]),
        np.zeros(0, KEYFRAME),
        Clouds(),
    )


class OpenTile:
    """A tile with coded features. Rows of its files are read by each call, which may raise a MapError.

    Of thousands of tiles, all can be open: 13 bytes per place are in memory.

    Attributes:
        station: (P,) of each place, counted over the whole map, rising.
    """

    def __init__(self, folder: Path, entry: TileEntry, map_manifest: Manifest) -> None:
        """Open a tile.

        Args:
            folder: of the tile.
            entry: of the tile in the manifest of the map.
            map_manifest: of the map.

        Raises:
            MapError: a file is missing, damaged, or not of this map, or the tile lacks descriptors of its places.
        """
        self._folder, self._layout = folder, map_manifest.layout
        self._manifest = read_tile_manifest(folder, entry)
        self._places = self._rows_of(PLACES, PLACE, ())
        places = self._places[np.arange(len(self._places))]
        check_places(folder / PLACES, places)
        self.station: NDArray[np.uint32] = np.ascontiguousarray(places["station"])
        if (np.diff(self.station.astype(np.int64)) < 0).any():
            raise MapError(f"{folder / PLACES}: places are not in driving order: build the map again")
        self._xy = np.ascontiguousarray(places["xyz"][:, :2])
        self._is_searched = is_searched(lattice_of(places)[1], map_manifest.config)
        self._descriptors = self._rows_of(DESCRIPTORS, np.dtype(np.uint8), (-1, -1), int(self._is_searched.sum()))

    @property
    def xy(self) -> NDArray[np.float64]:
        """(P, 2) positions of the places in the map frame [m]."""
        return np.asarray(self._xy + np.array(self._manifest.origin[:2]))

    @property
    def searched(self) -> NDArray[np.intp]:
        """(N,) rows of the places that have descriptors."""
        return np.flatnonzero(self._is_searched)

    def descriptors(self, rows: NDArray[np.intp]) -> NDArray[np.uint8]:
        """Return the codes (N, headings, bytes) of the descriptors of searched places: rows (N,)."""
        return self._descriptors[np.searchsorted(self.searched, rows)]

    def select(self, rows: NDArray[np.intp]) -> SelectedPlaces:
        """Return some of the places: rows in increasing order."""
        first, end = ranges_of(rows)
        codes, returned = self._features
        return SelectedPlaces(
            self._manifest.origin,
            self._places.in_ranges(first, end),
            CodedPanoramas(codes.in_ranges(first, end), returned.in_ranges(first, end)),
            self._descriptors.in_ranges(self._searched_before(first), self._searched_before(end)),
        )

    def on_path(self, every: int) -> NDArray[np.intp]:
        """Return the rows of every n-th searched place on the path, by their stations."""
        rows = self.searched
        is_on_path = lattice_of(self._places[rows])[1] == 0
        return np.asarray(rows[is_on_path & (self.station[rows] % every == 0)])

    def beside(self, places: NDArray[np.intp], stations: int) -> NDArray[np.intp]:
        """Return the rows of the places within some stations of places (C,), at every lateral offset, each once."""
        return np.unique(_joined_ranges(*self._around(places, stations))[1])

    def near(self, places: NDArray[np.intp], stations: int) -> NearPlaces:
        """Return the places with descriptors that are within some stations of places (C,)."""
        first, end = self._around(places, stations)
        codes = self._descriptors.in_ranges(self._searched_before(first), self._searched_before(end))
        candidate, rows = _joined_ranges(first, end)
        is_searched = self._is_searched[rows]
        candidate, rows = candidate[is_searched], rows[is_searched]
        return NearPlaces(candidate, rows, self._xy[rows] + np.array(self._manifest.origin[:2]), codes)

    def _around(self, places: NDArray[np.intp], stations: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return first and end (C,) of the rows of the places within some stations of each of places (C,)."""
        centre = self.station[places].astype(np.int64)
        first = np.searchsorted(self.station, np.maximum(centre - stations, 0).astype(np.uint32))
        return first, np.searchsorted(self.station, (centre + stations).astype(np.uint32), side="right")

    def _searched_before(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return how many places before each of rows (R,) have descriptors."""
        if len(self._descriptors) == len(self._places):
            return rows
        return np.concatenate([[0], np.cumsum(self._is_searched)])[rows]

    @cached_property
    def _features(self) -> tuple[StoredRows, StoredRows]:
        """The codes of the panoramas, and which of their cells have a return."""
        byte, columns = np.dtype(np.uint8), self._layout.panorama_columns
        count, mask_bytes = self._manifest.places, -(-self._layout.rows // 8)
        return (
            self._rows_of(FEATURES, byte, (-1, -1), count),
            self._rows_of(RETURNED, byte, (columns, mask_bytes), count),
        )

    def _rows_of(self, name: str, dtype: np.dtype[Any], shape: tuple[int, ...], count: int | None = None) -> StoredRows:
        """Return the rows of a file; by default one for each place."""
        path = self._folder / name
        if name not in self._manifest.files:
            raise MapError(f"{path}: missing from the tile: build the map again")
        rows = StoredRows(path)
        check_array(path, rows, dtype, (self._manifest.places if count is None else count, *shape))
        return rows


def _joined_ranges(first: NDArray[np.intp], end: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows of ranges (R,), one after the other, and before it which range each is of."""
    count = end - first
    number = np.repeat(np.arange(len(first)), count)
    return number, np.arange(len(number)) + (end - np.cumsum(count))[number]
