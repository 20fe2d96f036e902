# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The part of a long map that images are compared with."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from liploc_ros.localization.encoded_view import EncodedView
from liploc_ros.localization.prior import GATE, PosePrior
from liploc_ros.mapping import LidarMap, MapError
from liploc_ros.mapping.features import describe
from liploc_ros.mapping.search.coarse_index import CoarseCandidates, CoarseIndex
from liploc_ros.mapping.search.rescoring import NearPlaces, rescore
from liploc_ros.mapping.tiled_map import TILES_IN_MEMORY, TiledMap

RADIUS = 120.0  # metres around the belief that are compared
MARGIN = 60.0  # metres that the belief may move before another part is taken
AHEAD = 1000.0  # metres around the belief in which tiles are verified in the background
COARSE_CANDIDATES, FINE_CANDIDATES = 300, 48
REACH = 3  # stations around a candidate


class _Similar(NamedTuple):
    """Places that resemble a view, and why a tile could not be used, or an empty text."""

    places: CoarseCandidates
    problem: str


class _BegunSearch(NamedTuple):
    """A search of the whole map in the background, for an image with this stamp."""

    stamp_ns: int
    result: Future[_Similar]


class _ReadableTiles:
    """The tiles of a map without those that cannot be read.

    Attributes:
        problem: why the first such tile cannot be read, or empty.
    """

    def __init__(self, tiled: TiledMap) -> None:
        self._tiled, self.problem = tiled, ""

    def near_places(self, tile: int, places: NDArray[np.intp]) -> NearPlaces:
        """Return the searched places of a tile near places; none if it cannot be read."""
        try:
            return self._tiled.near_places(tile, places)
        except MapError as error:
            self.problem = self.problem or str(error)
            return self._tiled.no_places()


class MapFocus:
    """Chooses the part of a map around a belief, around a prior, or around places that resemble an image.

    Attributes:
        problem: why a tile could not be used by the last search of the whole map, or empty.
    """

    def __init__(self, tiled: TiledMap, coarse: CoarseIndex) -> None:
        """Take the map, and the index over all its tiles."""
        self._tiled, self._coarse = tiled, coarse
        self._near: LidarMap | None = None
        self._centres = np.zeros((0, 2))
        self.problem = ""
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="tiles")
        self._searcher = ThreadPoolExecutor(1, thread_name_prefix="whole map")
        self._begun: _BegunSearch | None = None
        threading.Thread(target=self._open_ahead, name="open tiles", daemon=True).start()

    def around_belief(self, positions: NDArray[np.float64]) -> LidarMap | None:
        """Return the part around hypotheses at positions (N, 2) [m]; None if the map has no places there.

        It stays the same until one of them has moved by ``MARGIN``. Tiles farther along are verified in the background,
        and so read.

        Raises:
            MapError: a tile is missing or damaged.
        """
        moved = np.linalg.norm(positions[:, None] - self._centres[None], axis=2).min(axis=1, initial=np.inf)
        if self._near is None or moved.max(initial=0.0) > MARGIN:
            self._near, self._centres = self._tiled.around(positions, RADIUS), positions.copy()
            self._verify(self._tiled.tiles_near(positions, AHEAD))
        return self._near

    def around_prior(self, prior: PosePrior) -> LidarMap | None:
        """Return the part within 3 standard deviations of a prior; None if the map has no places there.

        Raises:
            MapError: a tile is missing or damaged.
        """
        sigma = float(np.sqrt(np.linalg.eigvalsh(prior.covariance[:2, :2]).max()))
        return self._tiled.around(np.asarray(prior.mean[:2], np.float64)[None], GATE * sigma + RADIUS)

    def around_similar(self, view: EncodedView) -> LidarMap | None:
        """Return the places of the whole map that resemble a view most, those around them, and those near the belief.

        Tiles that are missing or damaged are left out, and named in ``problem``.
        """
        self._begun = None  # its result would be older
        return self._around(self._similar(view), REACH)

    @property
    def begun_ns(self) -> int | None:
        """Stamp of the image for which the whole map is searched in the background; None without such a search."""
        return None if self._begun is None else self._begun.stamp_ns

    def begin_search(self, view: EncodedView, stamp_ns: int) -> None:
        """Search the places of the whole map that resemble a view in the background."""
        self._begun = _BegunSearch(stamp_ns, self._searcher.submit(self._similar, view))

    def around_begun(self, distance: float) -> LidarMap | None:
        """End the search that was begun, and return what :meth:`around_similar` would have returned for its view.

        Args:
            distance: that the vehicle has driven since then [m].
        """
        begun, self._begun = self._begun, None
        if begun is None:
            raise RuntimeError("no search was begun")
        reach = REACH + round(distance / self._tiled.manifest.config.place_spacing)
        return self._around(begun.result.result(), reach)

    def forget_belief(self) -> None:
        """Drop the part around the belief, which is lost."""
        self._near, self._centres, self._begun = None, np.zeros((0, 2)), None

    def _similar(self, view: EncodedView) -> _Similar:
        """Return the best candidates of the coarse index, compared again by their fine descriptors."""
        coding, pool = self._tiled.coding.descriptors, self._tiled.manifest.pool
        query = describe(view.features, pool) @ coding.components
        found = self._coarse.search(query, COARSE_CANDIDATES)
        weighed = self._coarse.metric.weigh(query)
        readable = _ReadableTiles(self._tiled)
        best = rescore(found, coding.quantizer.inner_products(weighed), readable, FINE_CANDIDATES)
        return _Similar(best, readable.problem)

    def _around(self, similar: _Similar, reach: int) -> LidarMap | None:
        """Return the part of the map within so many stations of places, and near the belief."""
        self.problem = similar.problem
        self._verify(similar.places.tile[:1])  # to read all of them would slow down the next images
        part = self._tiled.beside(similar.places.tile, similar.places.place, reach)
        if part is None or self._near is None:
            return part or self._near
        return self._tiled.joined([part, self._near])

    def _open_ahead(self) -> None:
        """Open the tiles, so that the first images need not wait for it; those that cannot be opened are left."""
        for number in range(min(len(self._tiled), TILES_IN_MEMORY)):
            with suppress(MapError):
                self._tiled.tile(number)

    def _verify(self, tiles: NDArray[np.intp]) -> None:
        """Verify tiles in the background; the next image that needs a damaged one reports it."""
        for number in tiles.tolist():
            self._loader.submit(self._tiled.verify, number)
