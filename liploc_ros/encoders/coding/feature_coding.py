# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The coding of features: principal components of a block of columns, and product quantization."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from liploc_ros.encoders.coding.principal_components import principal_components
from liploc_ros.encoders.coding.product_quantizer import ProductQuantizer


@dataclass(frozen=True, eq=False)
class FeatureCoding:
    """Codes of blocks of columns of a panorama.

    The cells of some adjacent columns are coded together, because cells next to each other resemble each other: with
    four columns, two bytes a cell lose as little as four bytes a cell do with single columns.

    Decoded blocks are compared with a view in the space of their coefficients: the inner product of the coefficients
    with a projected cell of the view (:meth:`project`) is that of the cell with the decoded features.

    Attributes:
        components: (n, h, D, d) leading principal components of the h cells of n columns.
        gains: (h,) factors that give decoded features of each row the mean length of the original ones. Without them
            all similarities would be lower than those to which the confidence model was fitted.
        quantizer: of the coefficients (d,) of a block.
    """

    components: NDArray[np.float32]
    gains: NDArray[np.float32]
    quantizer: ProductQuantizer

    @classmethod
    def fit(cls, blocks: NDArray[np.float32], dimensions: int, size: int) -> "FeatureCoding":
        """Return a coding that loses little of the given blocks (N, n, h, D) of panoramas.

        Args:
            blocks: n columns of h unit vectors, 0 where nothing returned; more than ``dimensions`` blocks.
            dimensions: number of principal components.
            size: bytes per block; it divides ``dimensions``.
        """
        flat = np.ascontiguousarray(blocks.reshape(len(blocks), -1), np.float32)
        components = principal_components(flat, dimensions).astype(np.float16).astype(np.float32)
        coefficients = flat @ components
        quantizer = ProductQuantizer.fit(coefficients, size)
        decoded = (quantizer.decode(quantizer.encode(coefficients)) @ components.T).reshape(blocks.shape)
        returned = np.any(blocks != 0, axis=-1)
        length, decoded_length = (np.sum(np.linalg.norm(x, axis=-1) * returned, axis=(0, 1)) for x in (blocks, decoded))
        gains = np.where(decoded_length > 0, length / np.maximum(decoded_length, 1e-9), 1).astype(np.float16)
        return cls(components.reshape(*blocks.shape[1:], dimensions), gains.astype(np.float32), quantizer)

    @property
    def block(self) -> int:
        """Columns of a block, n."""
        return int(self.components.shape[0])

    @property
    def rows(self) -> int:
        """Cells of a column, h."""
        return int(self.components.shape[1])

    @property
    def channels(self) -> int:
        """Length D of the feature of a cell."""
        return int(self.components.shape[2])

    @property
    def bytes(self) -> int:
        """Bytes per block."""
        return self.quantizer.bytes

    def blocks(self, width: int) -> int:
        """Return how many blocks hold ``width`` columns, wherever in a block the first one is."""
        return (width + 2 * (self.block - 1)) // self.block

    def encode(self, panorama: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return the codes (blocks, bytes) of the features (h, columns, D) of a panorama.

        They depend on this panorama only, to the bit: a map is the same whatever places are coded together.
        """
        by_block = panorama.transpose(1, 0, 2).reshape(panorama.shape[1] // self.block, -1)
        return self.quantizer.encode(by_block @ self.components.reshape(by_block.shape[1], -1))

    def decode(self, codes: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the coefficients (..., d) of codes (..., bytes)."""
        flat = self.quantizer.decode(codes.reshape(-1, self.bytes))
        return np.asarray(flat.reshape(*codes.shape[:-1], self.quantizer.dimension))

    def project(self, features: NDArray[np.float32], offset: int, blocks: int) -> NDArray[np.float32]:
        """Return a view (h, w, D) in the space of coefficients: (blocks, n h, d), 0 for cells outside the view.

        Args:
            features: of the view.
            offset: column of the first block at which the view begins.
            blocks: number of blocks, see :meth:`blocks`.
        """
        columns = np.zeros((blocks * self.block, self.rows, self.channels), np.float32)
        columns[offset : offset + features.shape[1]] = (features * self.gains[:, None, None]).transpose(1, 0, 2)
        by_cell = columns.reshape(blocks, -1, self.channels).transpose(1, 0, 2)  # (n h, blocks, D)
        projected = np.matmul(by_cell, self.components.reshape(-1, *self.components.shape[2:]))
        return np.asarray(projected.transpose(1, 0, 2))

    def reconstruct(
        self, coefficients: NDArray[np.float32], offset: NDArray[np.intp], width: int
    ) -> NDArray[np.float32]:
        """Return the features (M, width, h, D) of windows. Their length is about 1.

        Args:
            coefficients: (M, blocks, d) of the blocks that hold each window.
            offset: (M,) column of the first block at which each window begins.
            width: columns of a window.
        """
        count, blocks, size = coefficients.shape
        flat = coefficients.reshape(-1, size) @ self._scaled_components
        columns = flat.reshape(count, blocks * self.block, self.rows, self.channels)
        if self.block == 1:
            return np.asarray(columns)
        return np.asarray(columns[np.arange(count)[:, None], offset[:, None] + np.arange(width)])

    @cached_property
    def _scaled_components(self) -> NDArray[np.float32]:
        """(d, n h D) components times the gains."""
        scaled = self.components * self.gains[:, None, None]
        return np.ascontiguousarray(scaled.reshape(-1, scaled.shape[3]).T)
