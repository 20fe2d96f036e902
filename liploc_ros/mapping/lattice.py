# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The lattice of places: stations along the path, and lateral offsets from it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from liploc_ros.mapping.config import MapConfig

NO_PLACE = -1


class PlaceLattice:
    """Finds the neighbours of places along the path and across it.

    A *station* is a position along the path, counted in driving order. A *lateral offset* is the distance of a place to
    the left of the path at its station. Not every station has a place at every offset.

    Attributes:
        station: (P,) of each place.
        lateral: (P,) offset of each place [m], left positive.
    """

    def __init__(self, station: NDArray[np.integer], lateral: NDArray[np.floating]) -> None:
        """Take station and lateral offset of each place; no two places have both in common."""
        self.station, self.lateral = np.asarray(station, np.intp), np.asarray(lateral, np.float64)
        self.offsets, self._lane = np.unique(np.round(self.lateral, 3), return_inverse=True)
        # Stations may be those of a few tiles of a long map: the numbers between them take no memory.
        known, known_number = np.unique(self.station, return_inverse=True)
        self._number = (np.arange(len(known)) + np.cumsum(np.diff(known, prepend=known[:1]) > 1))[known_number]
        # A border of one station and one offset without places: neighbours beyond the ends need no special case.
        self._rows = np.full((self._number.max(initial=-1) + 3, len(self.offsets) + 2), NO_PLACE, np.intp)
        self._rows[self._number + 1, self._lane + 1] = np.arange(len(self.station))

    @classmethod
    def along_path(cls, count: int) -> "PlaceLattice":
        """Return the lattice of ``count`` places on the path."""
        return cls(np.arange(count), np.zeros(count))

    @classmethod
    def joined(cls, lattices: Sequence["PlaceLattice"]) -> "PlaceLattice":
        """Return the lattice of the places of several maps, one after another; none are neighbours."""
        first = np.cumsum([0, *(lattice.stations + 1 for lattice in lattices[:-1])])
        station = np.concatenate([lattice.station + start for lattice, start in zip(lattices, first, strict=True)])
        return cls(station, np.concatenate([lattice.lateral for lattice in lattices]))

    @property
    def stations(self) -> int:
        """The largest number of a station, plus one."""
        return int(self.station.max(initial=-1)) + 1

    @property
    def spacing(self) -> float:
        """Smallest distance between two lateral offsets [m]; 0 if there is only one."""
        return float(np.diff(self.offsets).min(initial=np.inf)) if len(self.offsets) > 1 else 0.0

    def with_neighbours(self, places: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return (N, 5) rows: each place, those before, behind, to the right and to the left; -1 where none is."""
        station, lane = self._number[places] + 1, self._lane[places] + 1
        steps = np.array([(0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)])
        return np.asarray(self._rows[station[:, None] + steps[:, 0], lane[:, None] + steps[:, 1]])


def is_searched(lateral: NDArray[np.float64], config: MapConfig) -> NDArray[np.bool_]:
    """Return which places (P,) are in the search index: those on the path and at every n-th offset beside it.

    Args:
        lateral: (P,) offsets of the places [m].
        config: of the map.
    """
    return np.asarray(np.rint(lateral / config.lateral_spacing).astype(np.intp) % config.searched_offsets == 0)


def tile_numbers(positions: NDArray[np.float64], station: NDArray[np.integer], tile_length: float) -> NDArray[np.intp]:
    """Return the number (P,) of the tile of each place.

    Tiles are cut every ``tile_length`` along the path, and where another session begins. All places of a station are in
    one tile.

    Args:
        positions: (P, 3) of the places [m].
        station: (P,) of the places; those of two sessions are not consecutive.
        tile_length: [m].
    """
    stations, first = np.unique(station, return_index=True)
    steps = np.linalg.norm(np.diff(positions[first], axis=0), axis=1)
    starts = np.concatenate([[True], np.diff(stations) > 1])
    distance = np.concatenate([[0.0], np.cumsum(steps)])
    session = np.cumsum(starts) - 1
    within = distance - distance[starts][session]
    cuts = starts | (np.diff(within // tile_length, prepend=0.0) != 0)
    number = np.cumsum(cuts) - 1
    return np.asarray(number[np.searchsorted(stations, station)], np.intp)
