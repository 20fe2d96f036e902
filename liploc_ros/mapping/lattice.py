# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The lattice of places: stations along the path, and lateral offsets from it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

NO_PLACE = -1
INDEXED_OFFSETS = 2  # every second lateral offset is searched; matching compares those in between


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
        # A border of one station and one offset without places: neighbours beyond the ends need no special case.
        self._rows = np.full((self.station.max(initial=-1) + 3, len(self.offsets) + 2), NO_PLACE, np.intp)
        self._rows[self.station + 1, self._lane + 1] = np.arange(len(self.station))

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
        """Number of stations."""
        return len(self._rows) - 2

    def sparse_rows(self, step: int = INDEXED_OFFSETS) -> NDArray[np.intp]:
        """Return the rows of the places on the path and of every ``step``-th offset to both sides of it."""
        from_path = self._lane - int(np.abs(self.offsets).argmin()) if len(self.offsets) else self._lane
        return np.flatnonzero(from_path % step == 0)

    @property
    def spacing(self) -> float:
        """Smallest distance between two lateral offsets [m]; 0 if there is only one."""
        return float(np.diff(self.offsets).min(initial=np.inf)) if len(self.offsets) > 1 else 0.0

    def with_neighbours(self, places: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return (N, 5) rows: each place, those before, behind, to the right and to the left; -1 where none is."""
        station, lane = self.station[places] + 1, self._lane[places] + 1
        steps = np.array([(0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)])
        return np.asarray(self._rows[station[:, None] + steps[:, 0], lane[:, None] + steps[:, 1]])
