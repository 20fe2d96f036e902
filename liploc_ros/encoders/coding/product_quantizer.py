# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Product quantization: a vector is cut into parts, and each part is replaced by the nearest entry of a codebook."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

ENTRIES = 256  # of a codebook: one byte per part
VECTORS_PER_ENTRY = 1_000  # of those that a codebook is fitted to; more are sampled


@dataclass(frozen=True, eq=False)
class ProductQuantizer:
    """faiss.ProductQuantizer with given codebooks.

    Attributes:
        codebooks: (bytes, 256, d / bytes) float32.
    """

    codebooks: NDArray[np.float32]

    @classmethod
    def fit(cls, vectors: NDArray[np.float32], size: int) -> "ProductQuantizer":
        """Return a quantizer fitted to vectors (N, d), of ``size`` bytes each; ``size`` divides d."""
        quantizer = faiss.ProductQuantizer(vectors.shape[1], size, 8)
        quantizer.cp.max_points_per_centroid = VECTORS_PER_ENTRY
        quantizer.cp.min_points_per_centroid = 1  # few vectors are fitted without a warning
        quantizer.train(np.ascontiguousarray(vectors, np.float32))
        # Stored in half precision: codes are computed with the same numbers that a reader has.
        codebooks = faiss.vector_to_array(quantizer.centroids).astype(np.float16).astype(np.float32)
        return cls(codebooks.reshape(size, ENTRIES, -1))

    @property
    def bytes(self) -> int:
        """Bytes per vector."""
        return len(self.codebooks)

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return int(self.codebooks.shape[0] * self.codebooks.shape[2])

    def encode(self, vectors: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return the codes (N, bytes) of vectors (N, d)."""
        return np.asarray(self._quantizer.compute_codes(np.ascontiguousarray(vectors, np.float32)))

    def decode(self, codes: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the vectors (N, d) of codes (N, bytes)."""
        return np.asarray(self._quantizer.decode(np.ascontiguousarray(codes)))

    def inner_products(self, query: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the (bytes, 256) inner products of a query (d,) with the entries of each codebook."""
        return np.asarray(np.einsum("bek,bk->be", self.codebooks, query.reshape(len(self.codebooks), -1)))

    @cached_property
    def _quantizer(self) -> Any:  # the Python layer of FAISS takes other arguments than its types say
        quantizer = faiss.ProductQuantizer(self.dimension, self.bytes, 8)
        faiss.copy_array_to_vector(np.ascontiguousarray(self.codebooks).ravel(), quantizer.centroids)
        return quantizer
