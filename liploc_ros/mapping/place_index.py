# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Search over places x headings: FAISS inner product of compressed descriptors."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import scipy.fft
import scipy.linalg
from numpy.typing import NDArray

from liploc_ros.encoders.spec import FeatureLayout
from liploc_ros.files import FileError
from liploc_ros.mapping.features import StoredFeatures, describe, describe_headings, pooled_columns

TRAINING_DESCRIPTORS = 3_000  # from which the compression is learned
MAX_COLUMN_STEP = 4  # feature columns; matching covers 3 to both sides of a candidate
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
                index.add(_every(step, describe_headings(block, layout), layout))
            return cls(index, layout, places, step)
        training = _training_descriptors(features, places, layout)
        components = _principal_components(training, size)
        index = _compressed_index(components, training @ components)
        compressor = _HeadingCompressor(components, layout)
        codes = faiss.downcast_index(index.index)
        for block in _blocks(features, places):
            codes.add(_every(step, compressor.compress(block), layout))
        index.ntotal = codes.ntotal
        return cls(index, layout, places, step)

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
            faiss.write_index(self._index, str(path))
        except RuntimeError as error:  # FAISS has no other error for a full disk
            reason = str(error).splitlines()[-1]
            raise FileError(
                f"{path}: cannot be written (FAISS: {reason}): free space, or choose another folder"
            ) from error

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
        among = api.SearchParameters(sel=api.IDSelectorBitmap(np.packbits(rows.ravel(), bitorder="little")))
        if not isinstance(self._index, faiss.IndexPreTransform):
            return among
        return api.SearchParametersPreTransform(index_params=among)


def heading_step_of(layout: FeatureLayout) -> int:
    """Return the distance of indexed headings: as many as are ``MAX_COLUMN_STEP`` columns of features apart.

    Matching compares the headings in between. The embedding of a whole image has no features to compare.
    """
    if layout.embeds_whole_image:
        return 1
    steps = range(1, MAX_COLUMN_STEP // layout.pool + 1)
    return max((step for step in steps if layout.headings % step == 0), default=1)


class _HeadingCompressor:
    """Compresses the descriptors of all headings of a panorama at once.

    A window over the columns times a matrix is a circular correlation along the columns. In the frequency domain it is
    one small matrix product per frequency, about twenty times fewer operations than one product per window.
    """

    def __init__(self, components: NDArray[np.float32], layout: FeatureLayout) -> None:
        """Take principal components (dimension, size) of descriptors."""
        self._layout = layout
        self._width = layout.view_columns // layout.pool
        kernel = np.zeros((layout.headings, components.shape[0] // self._width, components.shape[1]), np.float32)
        kernel[: self._width] = components.reshape(self._width, -1, components.shape[1])
        self._kernel = np.conj(scipy.fft.rfft(kernel, axis=0))  # (frequencies, h D, size)

    def compress(self, features: StoredFeatures) -> NDArray[np.float32]:
        """Return (P * headings, size) compressed unit descriptors of panoramas (P, h, columns, D)."""
        headings = self._layout.headings
        columns = pooled_columns(features, self._layout).reshape(len(features), headings, -1)
        spectrum = scipy.fft.rfft(columns, axis=1).transpose(1, 0, 2)
        products = scipy.fft.irfft(np.matmul(spectrum, self._kernel), n=headings, axis=0).transpose(1, 0, 2)
        energy = np.square(columns).sum(axis=2)
        energy = np.concatenate([energy, energy[:, : self._width - 1]], axis=1)
        norms = np.sqrt(np.lib.stride_tricks.sliding_window_view(energy, self._width, axis=1).sum(axis=2))
        compressed = products / np.maximum(norms, 1e-9)[..., None]
        return np.ascontiguousarray(compressed.reshape(len(features) * headings, -1), dtype=np.float32)


def _blocks(features: StoredFeatures, places: NDArray[np.intp]) -> Iterator[StoredFeatures]:
    for start in range(0, len(places), PLACES_PER_BLOCK):
        yield features[places[start : start + PLACES_PER_BLOCK]]


def _every(step: int, descriptors: NDArray[np.float32], layout: FeatureLayout) -> NDArray[np.float32]:
    """Return the descriptors of every ``step``-th heading, of those (P * headings, size) of all headings."""
    by_place = descriptors.reshape(-1, layout.headings, descriptors.shape[1])
    return np.ascontiguousarray(by_place[:, ::step].reshape(-1, descriptors.shape[1]))


def _compressed_index(components: NDArray[np.float32], compressed: NDArray[np.float32]) -> faiss.IndexPreTransform:
    """Return an empty index of principal components (dimension, size), 8 bits each.

    The components are those of the products themselves, not of deviations from the mean: with the mean removed, a
    search would not rank by the inner product of the descriptors. ``compressed`` (N, size) sets the ranges of the 8-bit
    numbers.
    """
    dimension, size = components.shape
    compress = faiss.LinearTransform(dimension, size, False)
    faiss.copy_array_to_vector(np.ascontiguousarray(components.T).ravel(), compress.A)
    compress.is_trained = True
    quantizer = faiss.IndexScalarQuantizer(size, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)
    quantizer.train(np.ascontiguousarray(compressed))
    index = faiss.IndexPreTransform(compress, quantizer)
    index.is_trained = True
    return index


def _principal_components(descriptors: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Return the ``size`` leading principal components (dimension, size) of descriptors (N, dimension).

    They are computed from the (N, N) products of the descriptors, because N is smaller than the dimension. SciPy
    computes the leading ones only, which is much faster than faiss.PCAMatrix.
    """
    last = len(descriptors) - 1
    variances, vectors = scipy.linalg.eigh(descriptors @ descriptors.T, subset_by_index=(last - size + 1, last))
    return np.asarray(descriptors.T @ (vectors / np.sqrt(np.maximum(variances, 1e-12))), dtype=np.float32)


def _training_descriptors(
    features: StoredFeatures, places: NDArray[np.intp], layout: FeatureLayout
) -> NDArray[np.float32]:
    """Return descriptors spread over the map, about ``TRAINING_DESCRIPTORS``."""
    step = max(1, -(-len(places) * layout.headings // TRAINING_DESCRIPTORS))
    return describe_headings(features[places[::step]], layout)
