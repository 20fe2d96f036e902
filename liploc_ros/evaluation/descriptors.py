# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Descriptors of places and views, at full precision and as a map's index stores them."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import faiss
import numpy as np
from numpy.typing import NDArray

from liploc_ros.encoders import ModelSpec
from liploc_ros.mapping import PlaceIndex
from liploc_ros.mapping.features import StoredFeatures, describe, describe_headings

Vectors = NDArray[np.float32]


class Descriptors(Protocol):
    """Descriptors of views and places, which are compared by inner product."""

    bytes: int
    """Size of one descriptor of a place."""

    def of_views(self, features: Sequence[NDArray[np.float32]]) -> Vectors:
        """Return (Q, d) for the masked features (h, w, D) of camera views."""

    def of_places(self, start: int, stop: int) -> Vectors:
        """Return (places, headings, d)."""


class FullDescriptors:
    """Uncompressed descriptors of 32-bit numbers."""

    def __init__(self, features: StoredFeatures, spec: ModelSpec) -> None:
        self._features, self._spec = features, spec
        self._headings = features.shape[2] // spec.pool
        self.bytes = 4 * self.of_places(0, 1).shape[2]

    def of_views(self, features: Sequence[NDArray[np.float32]]) -> Vectors:
        """See :class:`Descriptors`."""
        return np.stack([describe(view, self._spec.pool) for view in features])

    def of_places(self, start: int, stop: int) -> Vectors:
        """See :class:`Descriptors`."""
        spec, features = self._spec, self._features[start:stop]
        vectors = describe_headings(features, spec)
        return vectors.reshape(len(features), self._headings, -1)


class StoredDescriptors:
    """Descriptors as a saved map has them: compressed, if there are enough to learn a compression from."""

    def __init__(self, index: PlaceIndex, pool: int) -> None:
        self._headings, self._pool = index.headings, pool
        with tempfile.TemporaryDirectory() as folder:
            index.save(Path(folder) / "index.faiss")
            stored: Any = faiss.read_index(str(Path(folder) / "index.faiss"))
        self._index = stored  # owns its parts
        self._is_compressed = isinstance(stored, faiss.IndexPreTransform)
        self._vectors: Any = faiss.downcast_index(stored.index) if self._is_compressed else stored
        self.bytes = int(self._vectors.sa_code_size())

    def of_views(self, features: Sequence[NDArray[np.float32]]) -> Vectors:
        """See :class:`Descriptors`."""
        views = np.stack([describe(view, self._pool) for view in features])
        if not self._is_compressed:
            return views
        return np.asarray(faiss.downcast_VectorTransform(self._index.chain.at(0)).apply(views))

    def of_places(self, start: int, stop: int) -> Vectors:
        """See :class:`Descriptors`."""
        rows = self._vectors.reconstruct_n(start * self._headings, (stop - start) * self._headings)
        return np.asarray(rows, dtype=np.float32).reshape(stop - start, self._headings, -1)
