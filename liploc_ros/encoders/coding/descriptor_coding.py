# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The coding of descriptors: principal components and product quantization."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from liploc_ros.encoders.coding.principal_components import principal_components
from liploc_ros.encoders.coding.product_quantizer import ProductQuantizer


@dataclass(frozen=True, eq=False)
class DescriptorCoding:
    """Codes of descriptors for an index that compares by inner product.

    Attributes:
        components: (dimension, d) leading principal components.
        quantizer: of the projected descriptors (d,).
    """

    components: NDArray[np.float32]
    quantizer: ProductQuantizer

    @classmethod
    def fit(cls, descriptors: NDArray[np.float32], dimensions: int, size: int) -> "DescriptorCoding":
        """Return a coding that loses little of the given descriptors (N, dimension).

        The components are scaled: what many places have in common tells little about where a view was taken.

        Args:
            descriptors: unit vectors; a few thousand, more than ``dimensions``.
            dimensions: number of principal components.
            size: bytes per descriptor; it divides ``dimensions``.
        """
        components = principal_components(descriptors, dimensions)
        components = (components @ whitening(descriptors @ components)).astype(np.float16).astype(np.float32)
        return cls(components, ProductQuantizer.fit(descriptors @ components, size))

    @cached_property
    def _transform(self) -> faiss.LinearTransform:
        """Multiplies by the components; all indices share it, because a copy takes 3 ms."""
        return linear_transform(self.components)

    @property
    def bytes(self) -> int:
        """Bytes per descriptor."""
        return self.quantizer.bytes

    def encode(self, projected: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return the codes (N, bytes) of descriptors times the components (N, d)."""
        return self.quantizer.encode(projected)

    def index(self) -> faiss.IndexPreTransform:
        """Return an empty FAISS index of descriptors that takes codes.

        The inverted file has a single list: unlike faiss.IndexPQ, it can be searched in a selection of rows.
        """
        size = self.components.shape[1]
        codes = faiss.IndexIVFPQ(faiss.IndexFlatIP(size), size, 1, self.bytes, 8, faiss.METRIC_INNER_PRODUCT)
        codes.by_residual = False
        codes.quantizer.add(np.zeros((1, size), np.float32))
        faiss.copy_array_to_vector(self.quantizer.codebooks.ravel(), codes.pq.centroids)
        codes.is_trained = True
        index = faiss.IndexPreTransform(self._transform, codes)
        index.is_trained = True
        return index


def add_codes(index: faiss.Index, codes: NDArray[np.uint8]) -> None:
    """Append codes (N, bytes) to an index of :meth:`DescriptorCoding.index`; rows are numbered in this order."""
    pretransform: Any = index
    inner: Any = faiss.downcast_index(pretransform.index)
    codes = np.ascontiguousarray(codes)
    rows = np.arange(inner.ntotal, inner.ntotal + len(codes), dtype=np.int64)
    inner.invlists.add_entries(0, len(codes), faiss.swig_ptr(rows), faiss.swig_ptr(codes))
    inner.ntotal += len(codes)
    index.ntotal = inner.ntotal


def whitening(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the matrix (d, d) that divides each direction of vectors (N, d) by its root mean square.

    A constant is added to the energy of every direction, because weak directions are mostly noise.
    """
    energies, directions = np.linalg.eigh(vectors.T.astype(np.float64) @ vectors / max(1, len(vectors)))
    return np.asarray(directions / np.sqrt(np.maximum(energies, 0) + energies.mean() + 1e-12), np.float32)


def stored_codes(index: faiss.Index) -> NDArray[np.uint8] | None:
    """Return a copy of the codes (N, bytes) of an index of :meth:`DescriptorCoding.index`; None for other indices."""
    inner: Any = faiss.downcast_index(index.index) if isinstance(index, faiss.IndexPreTransform) else index
    if not isinstance(inner, faiss.IndexIVFPQ):
        return None
    lists: Any = inner.invlists
    stored = faiss.rev_swig_ptr(lists.get_codes(0), inner.ntotal * inner.code_size)
    return np.array(stored, np.uint8).reshape(inner.ntotal, -1)


def linear_transform(components: NDArray[np.float32]) -> faiss.LinearTransform:
    """Return the FAISS transform that multiplies vectors by components (dimension, d)."""
    transform = faiss.LinearTransform(components.shape[0], components.shape[1], False)
    faiss.copy_array_to_vector(np.ascontiguousarray(components.T).ravel(), transform.A)
    transform.is_trained = True
    return transform
