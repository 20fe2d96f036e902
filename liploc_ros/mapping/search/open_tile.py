# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""A tile that is open: what is asked of it for every image is computed once."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liploc_ros.mapping.config import MapConfig
from liploc_ros.mapping.lattice import is_searched
from liploc_ros.mapping.search.rescoring import NearPlaces
from liploc_ros.mapping.tile_manifest import MapError
from liploc_ros.mapping.tiles.tile import Tile


class OpenTile:
    """A tile with coded features. Its codes stay on disk until they are compared.

    Attributes:
        tile: the tile, without its keyframes.
        searched: (N,) rows of the places that have descriptors.
        descriptors: (N, headings, bytes) their codes.
    """

    def __init__(self, tile: Tile, config: MapConfig, path: Path) -> None:
        """Open a tile.

        Args:
            tile: the tile.
            config: of the map.
            path: of the map, for the message.

        Raises:
            MapError: it has no descriptors, or not those of its places.
        """
        mask = is_searched(tile.lateral, config)
        self.tile, self.searched = tile.without_keyframes(), np.flatnonzero(mask)
        if tile.descriptors is None or len(tile.descriptors) != len(self.searched):
            raise MapError(f"{path}: a tile without the descriptors of its places: build the map again")
        self.descriptors = tile.descriptors
        self._station, self._xy = tile.station[self.searched], tile.T_map_base[self.searched, :2, 3]
        self._mask, self._descriptor_of = mask, np.cumsum(mask) - 1

    def select(self, rows: NDArray[np.intp]) -> Tile:
        """Return some of the places: rows in increasing order."""
        return self.tile.select(rows, self._descriptor_of[rows[self._mask[rows]]])

    def beside(self, stations: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return the rows of the places of some stations, at every lateral offset."""
        return np.flatnonzero(np.isin(self.tile.station, stations))

    def near(self, places: NDArray[np.intp], stations: int) -> NearPlaces:
        """Return the places with descriptors that are within some stations of places (C,)."""
        apart = np.abs(self._station[None] - self.tile.station[places][:, None])
        candidate, descriptor = np.nonzero(apart <= stations)
        codes = self.descriptors[descriptor]
        return NearPlaces(candidate, self.searched[descriptor], self._xy[descriptor], codes)
