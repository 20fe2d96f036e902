# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The coding of features: principal components of a column of cells, and product quantization."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liploc_ros.encoders.coding.principal_components import principal_components
from liploc_ros.encoders.coding.product_quantizer import ProductQuantizer


@dataclass(frozen=True, eq=False)
class FeatureCoding:
    """Codes of the columns of a panorama.

    The cells of a column are coded together, because cells above each other resemble each other: two bytes a cell lose
    less than six bytes for each cell by itself.

    Decoded columns are compared with a view in the space of their coefficients: the inner product of the coefficients
    with a projected cell of the view (:meth:`project`) is that of the cell with the decoded features.

    Attributes:
        components: (h, D, d) leading principal components of the h cells of a column.
        gains: (h,) factors that give decoded features of each row the mean length of the original ones. Without them
            all similarities would be lower than those to which the confidence model was fitted.
        quantizer: of the coefficients (d,) of a column.
    """

    components: NDArray[np.float32]
    gains: NDArray[np.float32]
    quantizer: ProductQuantizer

    @classmethod
    def fit(cls, columns: NDArray[np.float32], dimensions: int, size: int) -> "FeatureCoding":
        """Return a coding that loses little of the given columns (N, h, D) of panoramas.

        Args:
            columns: unit vectors, 0 where nothing returned; more than ``dimensions`` columns.
            dimensions: number of principal components.
            size: bytes per column; it divides ``dimensions``.
        """
        flat = np.ascontiguousarray(columns.reshape(len(columns), -1), np.float32)
        components = principal_components(flat, dimensions).astype(np.float16).astype(np.float32)
        coefficients = flat @ components
        quantizer = ProductQuantizer.fit(coefficients, size)
        decoded = (quantizer.decode(quantizer.encode(coefficients)) @ components.T).reshape(columns.shape)
        returned = np.any(columns != 0, axis=-1)
        length, decoded_length = (np.sum(np.linalg.norm(x, axis=-1) * returned, axis=0) for x in (columns, decoded))
        gains = np.where(decoded_length > 0, length / np.maximum(decoded_length, 1e-9), 1).astype(np.float16)
        return cls(components.reshape(*columns.shape[1:], dimensions), gains.astype(np.float32), quantizer)

    @property
    def rows(self) -> int:
        """Cells of a column, h."""
        return int(self.components.shape[0])

    @property
    def channels(self) -> int:
        """Length D of the feature of a cell."""
        return int(self.components.shape[1])

    @property
    def bytes(self) -> int:
        """Bytes per column."""
        return self.quantizer.bytes

    def encode(self, panorama: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return the codes (columns, bytes) of the features (h, columns, D) of a panorama.

        They depend on this panorama only, to the bit: a map is the same whatever places are coded together.
        """
        by_column = panorama.transpose(1, 0, 2).reshape(panorama.shape[1], -1)
        return self.quantizer.encode(by_column @ self.components.reshape(by_column.shape[1], -1))

    def decode(self, codes: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the coefficients (..., d) of codes (..., bytes)."""
        flat = self.quantizer.decode(codes.reshape(-1, self.bytes))
        return np.asarray(flat.reshape(*codes.shape[:-1], self.quantizer.dimension))

    def project(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return features (..., h, w, D) of a view in the space of coefficients (..., h, w, d)."""
        return np.asarray(np.matmul(features * self.gains[:, None, None], self.components))

    def reconstruct(self, coefficients: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the features (..., h, D) of columns from their coefficients (..., d). Their length is about 1."""
        size = self.components.shape[2]
        flat = coefficients.reshape(-1, size) @ self.components.reshape(-1, size).T
        return np.asarray(flat.reshape(*coefficients.shape[:-1], self.rows, self.channels) * self.gains[:, None])
