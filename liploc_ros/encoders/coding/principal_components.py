# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Principal components that keep inner products."""

import numpy as np
import scipy.linalg
from numpy.typing import NDArray


def principal_components(vectors: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Return the ``size`` leading principal components (dimension, size) of vectors (N, dimension), largest first.

    The components are those of the products themselves, not of deviations from the mean: with the mean removed, a
    search would not rank by the inner product. Only the leading ones are computed, from the smaller one of the two
    matrices of products, which is much faster than faiss.PCAMatrix.
    """
    count, dimension = vectors.shape
    if count >= dimension:
        selected = (dimension - size, dimension - 1)
        return np.asarray(scipy.linalg.eigh(vectors.T @ vectors, subset_by_index=selected)[1][:, ::-1], np.float32)
    variances, eigenvectors = scipy.linalg.eigh(vectors @ vectors.T, subset_by_index=(count - size, count - 1))
    scaled = eigenvectors / np.sqrt(np.maximum(variances, 1e-12))
    return np.asarray((vectors.T @ scaled)[:, ::-1], dtype=np.float32)
