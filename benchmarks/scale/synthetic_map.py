# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""A map of any length: tiles of streets, and the held-out drive as the last tile."""

from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.scale.bank import Bank
from benchmarks.scale.streets import STATIONS, UNITS, Recipe, Streets
from benchmarks.scale.unit_products import UnitProducts
from liploc_ros.encoders.coding import MapCoding
from liploc_ros.encoders.spec import FeatureLayout
from liploc_ros.geometry import pose_from_yaw
from liploc_ros.mapping import MapConfig
from liploc_ros.mapping.clouds import Clouds
from liploc_ros.mapping.feature_table import CodedPanoramas
from liploc_ros.mapping.features import unit_features
from liploc_ros.mapping.lattice import is_searched
from liploc_ros.mapping.search.coarse_config import CoarsePlaces
from liploc_ros.mapping.search.heading_compressor import HeadingCoder
from liploc_ros.mapping.tiled_map import COARSE_STATIONS
from liploc_ros.mapping.tiles.tile import KEYFRAME, Tile

ROWS = 100  # panoramas in memory


class SyntheticMap:
    """Tiles of 1 km. The last one is the held-out drive, at the start of its kilometre.

    Attributes:
        origins: (tiles, STATIONS, 2) positions of the places of each tile [m].
        drive: number of the last tile.
    """

    def __init__(
        self, bank: Bank, layout: FeatureLayout, coding: MapCoding, products: UnitProducts, origins: NDArray[np.float64]
    ) -> None:
        """Take the bank, and what is computed from it.

        Args:
            bank: the real features.
            layout: how they are arranged.
            coding: of the model.
            products: of the bank and the components of the coding.
            origins: (tiles, STATIONS, 2) positions of the places of each tile [m].
        """
        self._bank, self._layout, self._coding, self._products = bank, layout, coding, products
        self._streets, self.origins = Streets(bank.runs), origins
        self.drive = len(origins) - 1

    def __len__(self) -> int:
        return len(self.origins)

    @property
    def start(self) -> NDArray[np.float64]:
        """(2,) position of the first place of the drive's kilometre [m]; poses of the drive are relative to it."""
        return np.asarray(self.origins[self.drive, 0])

    def tile(self, number: int) -> Tile:
        """Return a tile with coded features, without keyframes."""
        features = self._coding.features
        if number == self.drive:
            panoramas = CodedPanoramas.of((unit_features(p) for p in self._bank.true_features), features)
            searched = is_searched(self._bank.true_lateral, MapConfig())
            coder = HeadingCoder(self._coding.descriptors, self._layout)
            codes = np.stack([coder.encode(panorama) for panorama in self._bank.true_features[searched]])
            stations, lateral = self._bank.true_station, self._bank.true_lateral
            return _tile(number, self._drive_poses, stations, lateral, panoramas, codes)
        recipe = self._streets.recipe(number)
        parts = []
        for first in range(0, STATIONS, ROWS):
            made = self._products.panoramas(recipe.select(slice(first, first + ROWS)))
            parts.append(CodedPanoramas.of((unit_features(p) for p in made), features))
        codes = self._codes(recipe)
        poses = _along(self.origins[number])
        return _tile(number, poses, np.arange(STATIONS), np.zeros(STATIONS), CodedPanoramas.joined(parts), codes)

    def coarse_places(self, tile: int) -> CoarsePlaces:
        """See :class:`CoarseSource`."""
        if tile == self.drive:
            lateral, station = self._bank.true_lateral, self._bank.true_station
            rows = np.flatnonzero((lateral == 0) & (station % COARSE_STATIONS == 0))
            coder = HeadingCoder(self._coding.descriptors, self._layout)
            codes = np.stack([coder.encode(panorama) for panorama in self._bank.true_features[rows]])
            return CoarsePlaces(rows, self._drive_poses[rows, :2, 3], self._decoded(codes))
        rows = np.arange(0, STATIONS, COARSE_STATIONS)
        recipe = self._streets.recipe(tile).select(rows)
        return CoarsePlaces(rows, self.origins[tile, rows], self._decoded(self._codes(recipe)))

    def _codes(self, recipe: Recipe) -> NDArray[np.uint8]:
        projected = self._products.descriptors(recipe)
        codes = self._coding.descriptors.encode(np.ascontiguousarray(projected.reshape(-1, projected.shape[2])))
        return np.asarray(codes.reshape(len(recipe), UNITS, -1))

    def _decoded(self, codes: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the descriptors that a map's tiles would give the coarse index."""
        flat = self._coding.descriptors.quantizer.decode(codes.reshape(-1, codes.shape[2]))
        return np.asarray(flat.reshape(*codes.shape[:2], -1), np.float32)

    @cached_property
    def _drive_poses(self) -> NDArray[np.float64]:
        return np.stack(
            [pose_from_yaw(x, y, 0.0, yaw) for x, y, yaw in self._bank.true_poses + np.append(self.start, 0.0)]
        )


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


def _tile(
    number: int,
    poses: NDArray[np.float64],
    station: NDArray[np.intp],
    lateral: NDArray[np.float64],
    panoramas: CodedPanoramas,
    codes: NDArray[np.uint8],
) -> Tile:
    stations = station + number * STATIONS
    return Tile(poses, stations, lateral, panoramas, codes, np.zeros(0, KEYFRAME), Clouds())


def _along(xy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return poses (P, 4, 4) at positions (P, 2), facing along them."""
    step = np.gradient(xy, axis=0)
    yaw = np.arctan2(step[:, 1], step[:, 0])
    return np.stack([pose_from_yaw(x, y, 0.0, angle) for (x, y), angle in zip(xy, yaw, strict=True)])
