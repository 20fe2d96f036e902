# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Remove dynamic objects from the scans of a drive by visibility: another scan saw through their points."""

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from liploc_ros.views.scan import Scan, seen_through

# Distances [m] of the compared scans, before and after. In nearer scans, a vehicle ahead has not moved out of the way.
OBSERVER_DISTANCES = (5.0, 10.0, 16.0, 24.0)
MANY_OBSERVERS = 4  # compared scans from which on more than one must see through a point
MAX_CACHED_PAIRS = 4096  # 15 kB each


class Removal(NamedTuple):
    """When a point is removed.

    Attributes:
        votes: scans that must have seen through it.
        margin: distance that they must have seen behind it at least [m],
        relative_margin: plus this share of its distance.
    """

    votes: int
    margin: float
    relative_margin: float


# Cautious: where poses are wrong by some decimetres or tenths of a degree, less would remove what stands still.
CAUTIOUS = Removal(2, 3.0, 0.08)
# Thorough: where many scans are joined, holes are filled, but what moves would be at many places.
THOROUGH = Removal(1, 1.0, 0.04)


class StaticScans:
    """The scans of one drive, in the order of recording, without dynamic points.

    A car that drives ahead is in every scan, each time at another position. In a merged view it would block the road.
    A point is removed if scans taken 5, 10, 16 or 24 m before or after saw something well behind it, in its direction
    and in all neighbouring directions; one is enough if there are fewer than four such scans. This is visibility-based
    map cleaning (Kim, Kim: "Remove, then Revert", IROS 2020).
    """

    def __init__(self, scans: Sequence[Scan], positions: NDArray[np.floating], removal: Removal = CAUTIOUS) -> None:
        """Take the scans, which may be loaded on access, and their positions (N, 3) [m] in the map frame."""
        self._removal = removal
        self._scans = scans
        self._positions = positions
        # Not a method: it would refer to this object, and the scans would stay in memory until garbage is collected.
        self._seen_through = lru_cache(MAX_CACHED_PAIRS)(partial(_packed_seen_through, scans, removal))

    def static_scan(self, index: int, observers: NDArray[np.bool_] | None = None) -> Scan:
        """Return a scan without dynamic points.

        Args:
            index: which scan.
            observers: (N,) mask of the scans to compare with; all scans if None.
        """
        scan = self._scans[index]
        others = self._observers_of(index, observers)
        votes = np.zeros(len(scan.points), np.uint8)
        for other in others:
            votes += np.unpackbits(self._seen_through(index, other), count=len(votes))
        return scan.without(votes >= (self._removal.votes if len(others) >= MANY_OBSERVERS else 1))

    def _observers_of(self, index: int, allowed: NDArray[np.bool_] | None) -> list[int]:
        distance = np.linalg.norm(self._positions - self._positions[index], axis=1)
        order = np.arange(len(distance))
        chosen: set[int] = set()
        for min_distance in OBSERVER_DISTANCES:
            far = distance >= min_distance
            if allowed is not None:
                far &= allowed
            chosen.update(order[far & (order < index)][-1:].tolist(), order[far & (order > index)][:1].tolist())
        return sorted(chosen)


def _packed_seen_through(scans: Sequence[Scan], removal: Removal, index: int, other: int) -> NDArray[np.uint8]:
    return np.packbits(seen_through(scans[index], scans[other], *removal[1:]))
