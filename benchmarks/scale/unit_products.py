# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Descriptors and panoramas of recipes, computed from products that are computed once per real panorama."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from benchmarks.scale.streets import UNITS, Recipe
from liploc_ros.encoders.spec import FeatureLayout


class UnitProducts:
    """Projects the descriptors of every fourth heading of recipes onto principal components.

    A projected descriptor is the sum of what each unit of its window contributes: the sums of a recipe are those of its
    sources, plus those of the differences.
    """

    def __init__(self, features: NDArray[np.int8], layout: FeatureLayout, components: NDArray[np.float32]) -> None:
        """Take the features (B, h, columns, D) of the bank and principal components (dimension, d) of descriptors."""
        self._features, self.size = features, components.shape[1]
        width = layout.panorama_columns // UNITS
        self.window = layout.view_columns // width
        kernel = components.reshape(self.window, width * layout.rows * layout.channels, -1)
        flat_kernel = np.ascontiguousarray(kernel.transpose(1, 0, 2)).reshape(kernel.shape[1], -1)
        self._products = np.empty((len(features), UNITS, self.window, self.size), np.float32)
        self._energy = np.empty((len(features), UNITS), np.float32)
        for row, panorama in enumerate(features):
            columns = panorama.transpose(1, 0, 2).reshape(UNITS, -1).astype(np.float32)
            self._products[row] = (columns @ flat_kernel).reshape(UNITS, self.window, self.size)
            self._energy[row] = np.square(columns).sum(axis=1)
        self._flat = self._products.reshape(-1, self.size)

    def descriptors(self, recipe: Recipe) -> NDArray[np.float32]:
        """Return (P, 36, d) projected unit descriptors of the places of a recipe."""
        count, k = len(recipe), np.arange(self.window)
        around = (np.arange(UNITS)[:, None] + k) % UNITS  # (36, window)
        parts = (
            (recipe.source, recipe.unit, 1),
            (recipe.second, recipe.noise_unit, 1),
            (recipe.first, recipe.noise_unit, -1),
        )
        columns = [(((row * UNITS + unit)[:, around]).astype(np.int64) * self.window + k) for row, unit, _ in parts]
        indices = np.stack(columns, axis=2).reshape(-1)
        signs = np.repeat(np.array([sign for *_, sign in parts], np.float32), self.window)
        per_row = len(signs)
        matrix = csr_matrix(
            (np.tile(signs, count * UNITS), indices, np.arange(0, len(indices) + 1, per_row)),
            shape=(count * UNITS, len(self._flat)),
        )
        norms = np.sqrt(self._energies(recipe)[:, around].sum(axis=2))
        projected = np.asarray(matrix @ self._flat).reshape(count, UNITS, self.size)
        return np.asarray(projected / np.maximum(norms, 1e-9)[..., None], np.float32)

    def panoramas(self, recipe: Recipe) -> NDArray[np.int8]:
        """Return the features (P, h, columns, D) of the places of a recipe: unit vectors times 127, or 0."""
        source = self._units(recipe.source, recipe.unit)
        mixed = source + self._units(recipe.second, recipe.noise_unit) - self._units(recipe.first, recipe.noise_unit)
        norm = np.linalg.norm(mixed, axis=-1, keepdims=True)
        seen = source.any(axis=-1, keepdims=True)
        return np.asarray(np.rint(np.where(seen, 127 * mixed / np.maximum(norm, 1e-9), 0)), np.int8)

    def _units(self, rows: NDArray[np.int32], units: NDArray[np.int32]) -> NDArray[np.float32]:
        height, columns, channels = self._features.shape[1:]
        width = columns // UNITS
        by_unit = self._features.reshape(-1, height, UNITS, width, channels)
        taken = by_unit[rows, :, units]  # (P, 36, h, width, D)
        return np.asarray(taken.transpose(0, 2, 1, 3, 4).reshape(len(rows), height, columns, channels), np.float32)

    def _energies(self, recipe: Recipe) -> NDArray[np.float32]:
        """Return (P, 36) squared norms of units: panoramas have cells of equal norm."""
        return self._energy[recipe.source, recipe.unit]
