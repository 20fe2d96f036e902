"""A drive's scans without what moved: a point where another scan saw nothing was not there any more."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from liploc_ros.views.scan import Scan, seen_through

OBSERVERS = (5.0, 10.0, 16.0, 24.0)  # metres before and after a scan; what drives along is still there in a nearer one
PAIRS_IN_MEMORY = 4096  # of 15 kB each


class StaticScans:
    """Scans of one drive, in the order driven, without the points that scans some way off saw through.

    A car that drives ahead is in every scan, each time somewhere else; drawn together they wall up the road. A point is
    dropped if a scan that was taken 5, 10, 16 or 24 m before or after its own saw something well behind it, in its
    direction and in all directions around. The idea is that of visibility-based map cleaning (Kim, Kim: "Remove, then
    Revert", IROS 2020).
    """

    def __init__(self, scans: Sequence[Scan], places: NDArray[np.floating]) -> None:
        """Take the scans, which may be read when they are asked for, and where they were taken (N, 3) [m]."""
        self._scans = scans
        self._places = places
        self._seen_through = lru_cache(PAIRS_IN_MEMORY)(self._pair)

    def static_scan(self, at: int, observers: NDArray[np.bool_] | None = None) -> Scan:
        """Return a scan without what moved; only ``observers`` (N,) are looked at, all scans when left out."""
        scan = self._scans[at]
        gone = np.zeros(len(scan.points), bool)
        for other in self._observers_of(at, observers):
            gone |= np.unpackbits(self._seen_through(at, other), count=len(gone)).astype(bool)
        return scan.without(gone)

    def _observers_of(self, at: int, allowed: NDArray[np.bool_] | None) -> list[int]:
        distance = np.linalg.norm(self._places - self._places[at], axis=1)
        order = np.arange(len(distance))
        chosen: set[int] = set()
        for least in OBSERVERS:
            far = distance >= least if allowed is None else allowed & (distance >= least)
            chosen.update(order[far & (order < at)][-1:].tolist(), order[far & (order > at)][:1].tolist())
        return sorted(chosen)

    def _pair(self, at: int, other: int) -> NDArray[np.uint8]:
        return np.packbits(seen_through(self._scans[at], self._scans[other]))
