# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Search over places x headings: FAISS inner product of compressed descriptors."""

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

TRAINING_DESCRIPTORS = 3_000  # from which the compression is learned
MAX_COLUMN_STEP = 4  # feature columns; matching covers 3 to both sides of a candidate
PLACES_PER_BLOCK = 16  # whose descriptors are in memory at a time

StoredFeatures = NDArray[np.signedinteger[Any]]
"""Features as a map stores them: unit vectors times the largest number of the type. int8 per cell; int16 for embeddings
of whole images, where one vector says everything and rounding errors do not average out."""


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

    def __init__(self, index: faiss.Index, layout: FeatureLayout, heading_step: int = 1) -> None:
        """Wrap a FAISS index with a row per place and ``heading_step``-th heading, heading varying fastest."""
        self._index = index
        self._layout = layout
        self._step = heading_step

    @classmethod
    def build(
        cls, features: StoredFeatures, layout: FeatureLayout, size: int, heading_step: int | None = None
    ) -> "PlaceIndex":
        """Index the headings of the panoramas.

        Args:
            features: (P, h, columns, D) of the panoramas.
            layout: how they are arranged.
            size: numbers per compressed descriptor, one byte each. Descriptors are stored uncompressed if they are
                shorter, or if there are too few of them to learn a compression.
            heading_step: every heading with a multiple of this number is indexed; that of :func:`heading_step_of` if
                left out.
        """
        step = heading_step or heading_step_of(layout)
        dimension = describe_headings(features[:1], layout).shape[1]
        if len(features) * layout.headings // step < 4 * size or size >= dimension:
            index: faiss.Index = faiss.IndexFlatIP(dimension)
            for block in _blocks(features):
                index.add(_every(step, describe_headings(block, layout), layout))
            return cls(index, layout, step)
        training = _training_descriptors(features, layout)
        components = _principal_components(training, size)
        index = _compressed_index(components, training @ components)
        compressor = _HeadingCompressor(components, layout)
        codes = faiss.downcast_index(index.index)
        for block in _blocks(features):
            codes.add(_every(step, compressor.compress(block), layout))
        index.ntotal = codes.ntotal
        return cls(index, layout, step)

    @classmethod
    def load(cls, path: Path, layout: FeatureLayout, places: int) -> "PlaceIndex":
        """Read a saved index of a map with so many places. Indices written before 2026-11-26 have all headings.

        Raises:
            RuntimeError: FAISS cannot read it, or it is not of this map.
        """
        index = faiss.read_index(str(path))
        step, remainder = divmod(layout.headings * places, max(1, index.ntotal))
        if remainder or layout.headings % max(1, step):
            raise RuntimeError(f"{path}: {index.ntotal} descriptors are not those of {places} places")
        return cls(index, layout, step)

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
    def places(self) -> int:
        """Number of places."""
        return int(self._index.ntotal) // self.headings

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
        places, headings = np.divmod(rows[0], self.headings)
        headings *= self._step
        found = rows[0] >= 0  # FAISS pads with -1
        return [
            Candidate(int(p), int(h), float(s))
            for p, h, s in zip(places[found], headings[found], scores[0][found], strict=True)
        ]

    def _restriction(self, allowed: NDArray[np.bool_] | None) -> Any:
        """Return faiss.SearchParameters that restrict a search to the allowed rows."""
        if allowed is None:
            return None
        # Each indexed heading stands for those from half a step before it to half a step after it.
        groups = np.roll(allowed, self._step // 2, axis=1).reshape(len(allowed), self.headings, self._step)
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


def describe(features: NDArray[np.float32], pool: int) -> NDArray[np.float32]:
    """Return the unit descriptor of a view's masked features (h, w, D): pooled, concatenated, normalized.

    The embedding of a whole image (1, 1, D) is returned as it is, with its length.
    """
    if features.shape[:2] == (1, 1):
        return np.ascontiguousarray(features.ravel(), dtype=np.float32)
    height, width, channels = features.shape
    pooled = features.reshape(height // pool, pool, width // pool, pool, channels).sum(axis=(1, 3))
    flat = pooled.transpose(1, 0, 2).ravel()
    return np.asarray(flat / max(float(np.linalg.norm(flat)), 1e-9), dtype=np.float32)


def describe_headings(features: StoredFeatures, layout: FeatureLayout) -> NDArray[np.float32]:
    """Return (P * headings, dimension) unit descriptors of panoramas (P, h, columns, D), heading varying fastest.

    The descriptor of a heading is a window over the pooled columns, so one pass of the encoder serves all headings.
    Embeddings of whole images have one column per heading and are not normalized.
    """
    if layout.embeds_whole_image:
        return np.asarray(features.reshape(-1, layout.channels) / feature_scale(features), dtype=np.float32)
    pooled = _pooled_columns(features, layout)
    columns = np.arange(layout.headings)[:, None] + np.arange(layout.view_columns // layout.pool)
    windows = pooled[:, columns % layout.headings].reshape(len(features) * layout.headings, -1)
    windows /= np.maximum(np.linalg.norm(windows, axis=1, keepdims=True), 1e-9)
    return np.ascontiguousarray(windows)


def quantize_features(features: NDArray[np.float32]) -> StoredFeatures:
    """Return the features (h, columns, D) of a panorama as a map stores them."""
    kind = feature_dtype(len(features))
    limit = np.iinfo(kind).max
    return np.asarray(np.clip(np.rint(features * np.float32(limit)), -limit, limit), dtype=kind)


def feature_dtype(rows: int) -> np.dtype[np.signedinteger[Any]]:
    """Return the type in which a map stores features with so many rows."""
    return np.dtype(np.int16 if rows == 1 else np.int8)


def feature_scale(features: StoredFeatures) -> float:
    """Return the factor by which stored features were multiplied."""
    return float(np.iinfo(features.dtype).max)


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
        columns = _pooled_columns(features, self._layout).reshape(len(features), headings, -1)
        spectrum = scipy.fft.rfft(columns, axis=1).transpose(1, 0, 2)
        products = scipy.fft.irfft(np.matmul(spectrum, self._kernel), n=headings, axis=0).transpose(1, 0, 2)
        energy = np.square(columns).sum(axis=2)
        energy = np.concatenate([energy, energy[:, : self._width - 1]], axis=1)
        norms = np.sqrt(np.lib.stride_tricks.sliding_window_view(energy, self._width, axis=1).sum(axis=2))
        compressed = products / np.maximum(norms, 1e-9)[..., None]
        return np.ascontiguousarray(compressed.reshape(len(features) * headings, -1), dtype=np.float32)


def _blocks(features: StoredFeatures) -> list[StoredFeatures]:
    return [features[start : start + PLACES_PER_BLOCK] for start in range(0, len(features), PLACES_PER_BLOCK)]


def _every(step: int, descriptors: NDArray[np.float32], layout: FeatureLayout) -> NDArray[np.float32]:
    """Return the descriptors of every ``step``-th heading, of those (P * headings, size) of all headings."""
    by_place = descriptors.reshape(-1, layout.headings, descriptors.shape[1])
    return np.ascontiguousarray(by_place[:, ::step].reshape(-1, descriptors.shape[1]))


def _pooled_columns(features: StoredFeatures, layout: FeatureLayout) -> NDArray[np.float32]:
    """Return (P, headings, h / pool, D) sums of the stored features over pool x pool cells."""
    places, height, columns, channels = features.shape
    pool = layout.pool
    blocks = features.reshape(places, height // pool, pool, columns // pool, pool, channels)
    return np.asarray(blocks.sum(axis=(2, 4), dtype=np.int32).astype(np.float32).transpose(0, 2, 1, 3))


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


def _training_descriptors(features: StoredFeatures, layout: FeatureLayout) -> NDArray[np.float32]:
    """Return descriptors spread over the map, about ``TRAINING_DESCRIPTORS``."""
    step = max(1, -(-len(features) * layout.headings // TRAINING_DESCRIPTORS))
    return describe_headings(features[np.arange(0, len(features), step)], layout)
