# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Weights of the directions of descriptors: what many places of a map have in common tells little."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liploc_ros.encoders.coding.descriptor_coding import whitening


@dataclass(frozen=True, eq=False)
class QueryMetric:
    """A weighted inner product of projected descriptors.

    The inner product is dominated by directions in which all places of a map are alike. Each direction is divided by
    its energy on the map, plus a constant that limits the weight of weak directions, which are mostly noise.

    Attributes:
        whitening: (d, d). The weighted inner product of two descriptors is the inner product of both times this matrix.
    """

    whitening: NDArray[np.float32]

    @classmethod
    def fit(cls, descriptors: NDArray[np.float32]) -> "QueryMetric":
        """Return the metric of a map with these projected descriptors (N, d)."""
        return cls(whitening(descriptors))

    def whiten(self, descriptors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return descriptors (..., d) whose inner product is the weighted one."""
        return np.asarray(descriptors @ self.whitening, np.float32)

    def weigh(self, query: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return a query (..., d) whose inner product with descriptors as they are is the weighted one."""
        return np.asarray(query @ self.whitening @ self.whitening.T, np.float32)
