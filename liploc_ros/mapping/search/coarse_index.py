# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Coarse search over all tiles of a map: FAISS IVF-PQ, whose lists stay on disk."""

import logging
from pathlib import Path
from typing import Any, NamedTuple

import faiss
import numpy as np
from numpy.typing import NDArray

from liploc_ros.files import replace_folder
from liploc_ros.mapping.search.coarse_config import CoarseConfig, CoarseSource, training_sample
from liploc_ros.mapping.search.coarse_files import (
    METRIC,
    PLACE,
    PLACES,
    REBUILT,
    CoarseHeader,
    CoarseIndexError,
    ShardWriter,
    open_index,
    open_places,
    read_header,
    write_header,
)
from liploc_ros.mapping.search.query_metric import QueryMetric

PROBED_LISTS, PROBED_SHARE = 128, 16  # in which a query is searched: so many of up to 1024, or one in so many of more
ENTRIES = 256  # of a codebook
ITERATIONS = 10  # of k-means
log = logging.getLogger(__name__)


class CoarseCandidates(NamedTuple):
    """Places and headings that resemble a view, best first.

    Attributes:
        tile: (K,) tiles.
        place: (K,) rows of the tiles' places.
        heading: (K,) indexed headings, 0 to headings - 1.
        xy: (K, 2) positions in the map frame [m].
        score: (K,) weighted inner products.
    """

    tile: NDArray[np.intp]
    place: NDArray[np.intp]
    heading: NDArray[np.intp]
    xy: NDArray[np.float32]
    score: NDArray[np.float32]

    def select(self, rows: NDArray[np.intp] | NDArray[np.bool_] | slice) -> "CoarseCandidates":
        """Return some of the candidates."""
        return CoarseCandidates(self.tile[rows], self.place[rows], self.heading[rows], self.xy[rows], self.score[rows])


class CoarseIndex:
    """Finds the places of a map of any length whose descriptors are most similar to that of a view.

    Attributes:
        folder: its files.
        header: what it was built from.
        metric: weights of the directions of descriptors.
        places: (N,) of ``PLACE``: tile, row in the tile, x, y.
    """

    def __init__(self, folder: Path, header: CoarseHeader) -> None:
        """Open the files of a header that was checked.

        Raises:
            CoarseIndexError: one is damaged.
        """
        self.header, self.folder = header, folder
        self.metric = QueryMetric(np.load(folder / METRIC, allow_pickle=False))
        self.places = open_places(folder)
        self._index = open_index(folder)
        if self._index.ntotal != len(self.places) * header.headings or self._index.d != header.dimension:
            raise CoarseIndexError(f"{folder}: {self._index.ntotal} descriptors do not fit {len(self.places)} places")

    @classmethod
    def build(cls, folder: Path, source: CoarseSource, key: str, config: CoarseConfig | None = None) -> "CoarseIndex":
        """Build the index of all tiles, and return it. A previous one stays until the new one is complete.

        Args:
            folder: where it is written.
            source: the tiles; each is read twice at most.
            key: identifies the tiles; an index with another key is not used.
            config: settings.

        Raises:
            FileError: the folder cannot be written.
        """
        config = config or CoarseConfig()
        first = source.coarse_places(0)
        headings = first.descriptors.shape[1]
        lists = config.lists(len(first.places) * headings * len(source))
        sample = training_sample(source, config, lists)
        with replace_folder(folder) as new:
            metric = QueryMetric.fit(sample)
            writer = ShardWriter(new, _trained(metric.whiten(sample), config, lists), config.shard)
            del sample
            rows = []
            for tile in range(len(source)):
                part = source.coarse_places(tile)
                writer.add(metric.whiten(part.descriptors.reshape(-1, part.descriptors.shape[2])))
                row = np.zeros(len(part.places), PLACE)
                row["tile"], row["place"], row["x"], row["y"] = tile, part.places, part.xy[:, 0], part.xy[:, 1]
                rows.append(row)
            writer.finish()
            table = np.concatenate(rows)
            np.save(new / PLACES, table, allow_pickle=False)
            np.save(new / METRIC, metric.whitening, allow_pickle=False)
            write_header(new, key, config, len(table), headings, metric.whitening.shape[0])
        return cls.open(folder, key)

    @classmethod
    def open(cls, folder: Path, key: str, *, verify: bool = False) -> "CoarseIndex":
        """Open the index of a folder; see :func:`read_header` for the arguments.

        Raises:
            CoarseIndexError: it is missing, damaged, or of other tiles.
        """
        return cls(folder, read_header(folder, key, verify=verify))

    @classmethod
    def open_or_build(
        cls, folder: Path, source: CoarseSource, key: str, config: CoarseConfig | None = None
    ) -> "CoarseIndex":
        """Open the index of a folder, or build it again if it does not fit the tiles.

        Raises:
            FileError: the folder cannot be written.
        """
        try:
            return cls.open(folder, key)
        except CoarseIndexError as error:
            log.warning("%s", error)
            return cls.build(folder, source, key, config)

    @property
    def headings(self) -> int:
        """Indexed headings per place."""
        return self.header.headings

    def search(
        self,
        query: NDArray[np.float32],
        k: int,
        allowed: NDArray[np.bool_] | None = None,
        probes: int | None = None,
    ) -> CoarseCandidates:
        """Return the ``k`` best candidates for a projected descriptor (d,), best first.

        Args:
            query: descriptor of the view, projected as those of the tiles.
            k: number of candidates.
            allowed: (N,) rows of ``places`` that are searched; all if left out.
            probes: inverted lists that are searched; by default 128, and more of more than 2048.

        Raises:
            CoarseIndexError: the index names a place that does not exist: it is damaged.
        """
        api: Any = faiss
        selector = None if allowed is None else _selector(allowed, self.headings)
        lists = self._index.nlist
        probes = max(PROBED_LISTS, lists // PROBED_SHARE) if probes is None else probes
        parameters = api.SearchParametersIVF(nprobe=min(probes, lists), sel=selector)
        count = min(k, self._index.ntotal)
        scores, rows = self._index.search(self.metric.whiten(query)[None], count, params=parameters)
        found = rows[0] >= 0  # FAISS pads with -1
        row, score = rows[0][found], scores[0][found]
        place, heading = np.divmod(row, self.headings)
        if len(place) and place.max() >= len(self.places):
            raise CoarseIndexError(f"{self.folder}: names place {place.max()} of {len(self.places)}: {REBUILT}")
        table = self.places[place]
        xy = np.stack([table["x"], table["y"]], axis=1)
        return CoarseCandidates(table["tile"].astype(np.intp), table["place"].astype(np.intp), heading, xy, score)


def _trained(sample: NDArray[np.float32], config: CoarseConfig, lists: int) -> Any:
    """Return an empty index whose lists and codebooks are learned from whitened descriptors (N, d)."""
    dimension = sample.shape[1]
    index: Any = faiss.IndexIVFPQ(
        faiss.IndexFlatIP(dimension), dimension, lists, config.bytes, 8, faiss.METRIC_INNER_PRODUCT
    )
    for clustering, points in ((index.cp, 64), (index.pq.cp, 512)):
        clustering.niter, clustering.min_points_per_centroid, clustering.max_points_per_centroid = ITERATIONS, 1, points
    # A map of a few tiles has fewer descriptors than a codebook has entries.
    index.train(np.resize(sample, (max(len(sample), ENTRIES), dimension)))
    return index


def _selector(allowed: NDArray[np.bool_], headings: int) -> Any:
    api: Any = faiss
    return api.IDSelectorBitmap(np.packbits(np.repeat(allowed, headings), bitorder="little"))
