# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Search over places x headings: FAISS inner product of compressed descriptors."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from liploc_ros.encoders.coding import DescriptorCoding
from liploc_ros.encoders.coding.descriptor_coding import add_codes, linear_transform, stored_codes
from liploc_ros.encoders.coding.principal_components import principal_components
from liploc_ros.encoders.spec import FeatureLayout
from liploc_ros.files import unwritable
from liploc_ros.mapping.features import StoredFeatures, describe, describe_headings
from liploc_ros.mapping.search.heading_compressor import HeadingCompressor, every_heading, heading_step_of

TRAINING_DESCRIPTORS = 3_000  # from which the compression is learned
PLACES_PER_BLOCK = 16  # whose descriptors are in memory at a time


@dataclass(frozen=True)
class Candidate:
    """A place and heading that resembles the image.

    Attributes:
        place: row of the map's places.
        heading: number of the heading; :meth:`FeatureLayout.heading_yaw` gives its angle.
        score: inner product of the descriptors.
    """

    place: int
    heading: int
    score: float


class PlaceIndex:
    """Finds the places and headings whose descriptors are most similar to that of a camera view."""

    def __init__(
        self, index: faiss.Index, layout: FeatureLayout, places: NDArray[np.intp], heading_step: int = 1
    ) -> None:
        """Wrap a FAISS index with a row per place and ``heading_step``-th heading, heading varying fastest.

        Args:
            index: of the descriptors.
            layout: how features are arranged.
            places: (N,) rows of the map's places that are indexed.
            heading_step: distance between indexed headings.
        """
        self._index = index
        self._layout = layout
        self._places = places
        self._step = heading_step
        self.is_coded = False  # few bytes per descriptor: candidates should be scored again by features

    @classmethod
    def build(
        cls,
        features: StoredFeatures,
        layout: FeatureLayout,
        size: int,
        heading_step: int | None = None,
        places: NDArray[np.intp] | None = None,
    ) -> "PlaceIndex":
        """Index the headings of the panoramas.

        Args:
            features: (P, h, columns, D) of the panoramas.
            layout: how they are arranged.
            size: numbers per compressed descriptor, one byte each. Descriptors are stored uncompressed if they are
                shorter, or if there are too few of them to learn a compression.
            heading_step: every heading with a multiple of this number is indexed; that of :func:`heading_step_of` if
                left out.
            places: rows of the places that are indexed, in increasing order; all if left out.
        """
        step = heading_step or heading_step_of(layout)
        places = np.arange(len(features)) if places is None else places
        dimension = describe_headings(features[:1], layout).shape[1]
        if len(places) * layout.headings // step < 4 * size or size >= dimension:
            index: faiss.Index = faiss.IndexFlatIP(dimension)
            for block in _blocks(features, places):
                index.add(every_heading(step, describe_headings(block, layout), layout))
            return cls(index, layout, places, step)
        training = _training_descriptors(features, places, layout)
        components = principal_components(training, size)
        index = _compressed_index(components, training @ components)
        compressor = HeadingCompressor(components, layout)
        codes = faiss.downcast_index(index.index)
        for block in _blocks(features, places):
            codes.add(every_heading(step, compressor.compress(block), layout))
        index.ntotal = codes.ntotal
        return cls(index, layout, places, step)

    @classmethod
    def of_codes(
        cls,
        codes: Sequence[NDArray[np.uint8]] | NDArray[np.uint8],
        coding: DescriptorCoding,
        layout: FeatureLayout,
        places: NDArray[np.intp],
    ) -> "PlaceIndex":
        """Return the index of coded descriptors.

        Args:
            codes: (N, headings, bytes) of the indexed headings of places, of HeadingCoder; or several such arrays.
            coding: by which they were coded.
            layout: how features are arranged.
            places: (N,) rows of the map's places.
        """
        index = cls(coding.index(), layout, places, heading_step_of(layout))
        for part in [codes] if isinstance(codes, np.ndarray) else codes:
            index.add_codes(part)
        index.is_coded = True
        return index

    def add_codes(self, codes: NDArray[np.uint8]) -> None:
        """Add the codes (N, headings, bytes) of descriptors to an index that :meth:`of_codes` returned."""
        add_codes(self._index, codes.reshape(-1, codes.shape[2]))

    @classmethod
    def load(cls, path: Path, layout: FeatureLayout, places: NDArray[np.intp]) -> "PlaceIndex":
        """Read a saved index of places (N,). Indices written before 2026-11-26 have all headings.

        Raises:
            RuntimeError: FAISS cannot read it, or it is not of this map.
        """
        index = faiss.read_index(str(path))
        step, remainder = divmod(layout.headings * len(places), max(1, index.ntotal))
        if remainder or layout.headings % max(1, step):
            raise RuntimeError(f"{path}: {index.ntotal} descriptors are not those of {len(places)} places")
        return cls(index, layout, places, step)

    def save(self, path: Path) -> None:
        """Write the index.

        Raises:
            FileError: it cannot be written.
        """
        try:
            # FAISS would report a full disk by an error of its own, without the cause.
            path.write_bytes(faiss.serialize_index(self._index).data)
        except OSError as error:
            raise unwritable(path, error) from error

    @property
    def codes(self) -> NDArray[np.uint8] | None:
        """(N, headings, bytes) codes of an index that :meth:`of_codes` returned; None for others."""
        codes = stored_codes(self._index)
        return None if codes is None else codes.reshape(len(self._places), self.headings, -1)

    @property
    def places(self) -> NDArray[np.intp]:
        """(N,) rows of the map's places that are indexed."""
        return self._places

    @property
    def headings(self) -> int:
        """Number of indexed headings per place."""
        return self._layout.headings // self._step

    @property
    def heading_step(self) -> int:
        """Distance between indexed headings."""
        return self._step

    def search(
        self, features: NDArray[np.float32], k: int, allowed: NDArray[np.bool_] | None = None
    ) -> list[Candidate]:
        """Return the ``k`` best candidates for a camera view, best first.

        Args:
            features: (h, w, D) masked features of the view.
            k: number of candidates.
            allowed: (P, headings) places and headings that are searched; all if left out. An indexed heading stands for
                those around it.
        """
        query, k = describe(features, self._layout.pool)[None], min(k, self._index.ntotal)
        scores, rows = self._index.search(query, k, params=self._restriction(allowed))
        found = rows[0] >= 0  # FAISS pads with -1
        indexed, headings = np.divmod(rows[0], self.headings)
        places, headings = self._places[indexed], headings * self._step
        return [
            Candidate(int(p), int(h), float(s))
            for p, h, s in zip(places[found], headings[found], scores[0][found], strict=True)
        ]

    def _restriction(self, allowed: NDArray[np.bool_] | None) -> Any:
        """Return faiss.SearchParameters that restrict a search to the allowed rows."""
        if allowed is None:
            return None
        # Each indexed heading stands for those from half a step before it to half a step after it.
        indexed = np.roll(allowed[self._places], self._step // 2, axis=1)
        groups = indexed.reshape(len(indexed), self.headings, self._step)
        rows = np.any(groups, axis=2)
        api: Any = faiss  # its Python layer takes other arguments than the generated types say
        kind = api.SearchParametersIVF if self.is_coded else api.SearchParameters
        among = kind(sel=api.IDSelectorBitmap(np.packbits(rows.ravel(), bitorder="little")))
        if not isinstance(self._index, faiss.IndexPreTransform):
            return among
        return api.SearchParametersPreTransform(index_params=among)


def _blocks(features: StoredFeatures, places: NDArray[np.intp]) -> Iterator[StoredFeatures]:
    for start in range(0, len(places), PLACES_PER_BLOCK):
        yield features[places[start : start + PLACES_PER_BLOCK]]


def _compressed_index(components: NDArray[np.float32], compressed: NDArray[np.float32]) -> faiss.IndexPreTransform:
    """Return an empty index of principal components (dimension, size), 8 bits each.

    ``compressed`` (N, size) sets the ranges of the 8-bit numbers.
    """
    quantizer = faiss.IndexScalarQuantizer(
        components.shape[1], faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
    )
    quantizer.train(np.ascontiguousarray(compressed))
    index = faiss.IndexPreTransform(linear_transform(components), quantizer)
    index.is_trained = True
    return index


def _training_descriptors(
    features: StoredFeatures, places: NDArray[np.intp], layout: FeatureLayout
) -> NDArray[np.float32]:
    """Return descriptors spread over the map, about ``TRAINING_DESCRIPTORS``."""
    step = max(1, -(-len(places) * layout.headings // TRAINING_DESCRIPTORS))
    return describe_headings(features[places[::step]], layout)
