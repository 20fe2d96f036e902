# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""A map of any length: tiles of streets, and the held-out drive as a tile somewhere among them."""

from functools import cached_property
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from benchmarks.scale.bank import Bank
from benchmarks.scale.streets import STATIONS, UNITS, Streets
from benchmarks.scale.unit_products import UnitProducts
from liploc_ros.encoders.spec import FeatureLayout
from liploc_ros.geometry import angle_difference
from liploc_ros.mapping.features import describe, describe_headings
from liploc_ros.mapping.search.coarse_config import CoarsePlaces
from liploc_ros.mapping.search.coarse_index import CoarseCandidates
from liploc_ros.mapping.search.rescoring import NearPlaces

CORRECT_DISTANCE = 3.0  # m
CORRECT_ANGLE = np.deg2rad(15.0)
NEAR_STATIONS = 2
FINE_BYTES = 32


class Descriptors:
    """Projection and coding of descriptors, fitted to the bank: the held-out drive has no part in it."""

    def __init__(self, bank: Bank, layout: FeatureLayout, dimension: int) -> None:
        """Fit principal components and codebooks."""
        rows = np.random.default_rng(0).choice(len(bank.features), min(len(bank.features), 170), replace=False)
        sample = describe_headings(bank.features[rows], layout).reshape(len(rows), layout.headings, -1)
        flat = sample[:, :: layout.headings // UNITS].reshape(-1, sample.shape[2])[::2]
        self.components = _components(flat, dimension)
        self.quantizer = faiss.ProductQuantizer(dimension, FINE_BYTES, 8)
        self.quantizer.cp.min_points_per_centroid = 1
        self.quantizer.train(np.ascontiguousarray(flat @ self.components))
        centroids = faiss.vector_to_array(self.quantizer.centroids)
        self.codebooks = centroids.reshape(FINE_BYTES, 256, -1)

    def encode(self, projected: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return codes (..., 32) of projected descriptors (..., d)."""
        codes = self.quantizer.compute_codes(np.ascontiguousarray(projected.reshape(-1, projected.shape[-1])))
        return np.asarray(codes.reshape(*projected.shape[:-1], FINE_BYTES))

    def tables(self, query: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (32, 256) inner products of a query (d,) with the entries of each codebook."""
        return np.asarray(np.einsum("bd,bed->be", query.reshape(FINE_BYTES, -1), self.codebooks), np.float32)


class SyntheticMap:
    """Tiles of 1 km; tile ``true_tile`` is the held-out drive."""

    def __init__(
        self,
        bank: Bank,
        layout: FeatureLayout,
        descriptors: Descriptors,
        products: UnitProducts,
        origins: NDArray[np.float64],
        folder: Path,
        spacing: int = 4,
    ) -> None:
        """Take the bank, and what is computed from it.

        Args:
            bank: the real features.
            layout: how they are arranged.
            descriptors: projection and coding.
            products: of the bank.
            origins: (tiles, STATIONS, 2) positions of the places of each tile [m].
            folder: of fine codes on disk.
            spacing: of coarsely indexed places [m].
        """
        self._bank, self._layout, self._descriptors, self._products = bank, layout, descriptors, products
        self._streets, self._origins, self._folder, self._spacing = Streets(bank.runs), origins, folder, spacing
        self.true_tile = int(np.random.default_rng(len(origins)).integers(len(origins)))
        # Compared on the path and at every second lateral offset.
        self._indexed = np.flatnonzero(bank.true_lateral % 2 == 0)
        true = describe_headings(bank.true_features[self._indexed], layout)
        true = true.reshape(len(self._indexed), layout.headings, -1)
        self._true = np.asarray(true[:, :: layout.headings // UNITS] @ descriptors.components, np.float32)
        self.queries = np.stack([describe(view, layout.pool) for view in bank.views]) @ descriptors.components

    def __len__(self) -> int:
        return len(self._origins)

    def coarse_places(self, tile: int) -> CoarsePlaces:
        """See :class:`CoarseSource`."""
        if tile == self.true_tile:
            lateral, station = self._bank.true_lateral[self._indexed], self._bank.true_station[self._indexed]
            rows = np.flatnonzero((lateral == 0) & (station % self._spacing == 0))
            return CoarsePlaces(rows, self._true_xy[rows], self._true[rows])
        rows = np.arange(0, STATIONS, self._spacing)
        recipe = self._streets.recipe(tile).select(rows)
        return CoarsePlaces(rows, self._origins[tile, rows], self._products.descriptors(recipe))

    def write_fine(self, tile: int) -> None:
        """Write the fine codes of a tile, if they are not there."""
        path = self._folder / f"{tile:06d}.npy"
        if path.exists() or tile == self.true_tile:
            return
        codes = self._descriptors.encode(self._products.descriptors(self._streets.recipe(tile)))
        np.save(path, codes)

    def fine_codes(self, tile: int) -> NDArray[np.uint8]:
        """Return (P, 36, 32) codes of the indexed places of a tile."""
        if tile == self.true_tile:
            return self._descriptors.encode(self._true)
        return np.asarray(np.load(self._folder / f"{tile:06d}.npy", mmap_mode="r"))

    def near_places(self, tile: int, places: NDArray[np.intp]) -> NearPlaces:
        """See :class:`FineSource`."""
        if tile == self.true_tile:
            station = self._bank.true_station[self._indexed]
            away = np.abs(station[None] - station[places][:, None])
            candidate, place = np.nonzero(away <= NEAR_STATIONS)
            return NearPlaces(candidate, place, self._true_xy[place], self._true_codes[place])
        steps = np.arange(-NEAR_STATIONS, NEAR_STATIONS + 1)
        around = places[:, None] + steps
        candidate = np.broadcast_to(np.arange(len(places))[:, None], around.shape)
        inside = (around >= 0) & (around < STATIONS)
        place = around[inside]
        return NearPlaces(candidate[inside], place, self._origins[tile, place], self.fine_codes(tile)[place])

    def is_right(self, query: int, found: CoarseCandidates) -> NDArray[np.bool_]:
        """Return which candidates (K,) are where an image was taken: within 3 m and 15 degrees."""
        right = np.zeros(len(found.tile), np.bool_)
        rows = np.flatnonzero(found.tile == self.true_tile)
        right[rows] = self.right_places(query)[found.place[rows], found.heading[rows]]
        return right

    def right_places(self, query: int) -> NDArray[np.bool_]:
        """Return (T, 36) which places and headings of the held-out drive are where an image was taken."""
        bank, layout = self._bank, self._layout
        poses, pose = bank.true_poses[self._indexed], bank.view_poses[query]
        yaw = layout.heading_yaw(np.arange(UNITS) * (layout.headings // UNITS))
        angle = angle_difference(poses[:, 2:] + yaw - bank.view_heading[query], pose[2])
        near = np.linalg.norm(poses[:, :2] - pose[:2], axis=1) < CORRECT_DISTANCE
        return np.asarray(near[:, None] & (np.abs(angle) < CORRECT_ANGLE))

    @cached_property
    def _true_xy(self) -> NDArray[np.float64]:
        """The drive begins where its tile does."""
        start = self._origins[self.true_tile, 0]
        return np.asarray(self._bank.true_poses[self._indexed, :2] + start)

    @cached_property
    def _true_codes(self) -> NDArray[np.uint8]:
        return self._descriptors.encode(self._true)


def _components(vectors: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Return the leading principal components (dimension, size) of fewer vectors than dimensions."""
    values, rows = np.linalg.eigh((vectors @ vectors.T).astype(np.float64))
    leading = rows[:, ::-1][:, :size] / np.sqrt(np.maximum(values[::-1][:size], 1e-12))
    return np.asarray(vectors.T @ leading, np.float32)


def positions(poses: Path, kilometres: int) -> NDArray[np.float64]:
    """Return (tiles, STATIONS, 2) positions 1 m apart along KITTI's trajectories, repeated and shifted [m].

    Args:
        poses: folder of the trajectories, ``00.txt`` to ``10.txt``.
        kilometres: number of tiles.
    """
    paths = []
    for file in sorted(poses.glob("*.txt")):
        xy = np.loadtxt(file)[:, [3, 11]]
        at = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(xy, axis=0), axis=1))])
        paths.append(np.stack([np.interp(np.arange(int(at[-1])), at, xy[:, axis]) for axis in (0, 1)], axis=1))
    once = np.concatenate([path + np.array([5_000, 0]) * i for i, path in enumerate(paths)])
    repeats = -(-kilometres * STATIONS // len(once))
    shifts = 60_000 * np.stack(np.divmod(np.arange(repeats), max(1, round(repeats**0.5))), axis=1)
    every = (once[None] + shifts[:, None]).reshape(-1, 2)[: kilometres * STATIONS]
    return np.asarray(every.reshape(kilometres, STATIONS, 2))
