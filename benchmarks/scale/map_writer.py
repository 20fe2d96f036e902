# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Write a synthetic map of many tiles, in processes."""

import multiprocessing
from multiprocessing.pool import AsyncResult
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.scale.bank import Bank
from benchmarks.scale.streets import STATIONS, UNITS
from benchmarks.scale.synthetic_map import SyntheticMap, positions
from benchmarks.scale.unit_products import UnitProducts
from liploc_ros.encoders import ModelBundle
from liploc_ros.mapping import MapConfig
from liploc_ros.mapping.build.description import describe_map
from liploc_ros.mapping.lidar_map import TILES
from liploc_ros.mapping.manifest import FORMAT_VERSION, Manifest, write_manifest
from liploc_ros.mapping.search.coarse_config import CoarsePlaces
from liploc_ros.mapping.tile_manifest import TileEntry
from liploc_ros.mapping.tiles.tile import write_tile
from liploc_ros.threads import limit_threads

ELSEWHERE = "elsewhere"


class MapWriter:
    """Writes maps of several lengths that share their tiles. The drive is the last tile of each."""

    def __init__(
        self, bank: Bank, view_origin: NDArray[np.float64], bundle: ModelBundle, poses: Path, workers: int
    ) -> None:
        """Take the bank, and what is needed to write it.

        Args:
            bank: the real features.
            view_origin: (3,) of its panoramas in the base frame [m].
            bundle: a model with a coding.
            poses: folder of the trajectories.
            workers: processes.
        """
        if bundle.coding is None:
            raise ValueError("the model has no coding: run `liploc fit-coding`")
        self._bank, self._bundle, self._poses, self._workers = bank, bundle, poses, workers
        x, y, z = map(float, view_origin)
        self._coding, self._view_origin = bundle.coding, (x, y, z)
        self._products = UnitProducts(bank.features, bundle.spec, bundle.coding.descriptors.components)

    def synthetic(self, kilometres: int) -> SyntheticMap:
        """Return the map of a length."""
        origins = positions(self._poses, kilometres)
        return SyntheticMap(self._bank, self._bundle.spec, self._coding, self._products, origins)

    def write(self, folder: Path, made: SyntheticMap, first: int = 0) -> None:
        """Write a map, and in its folder ``ELSEWHERE`` the map without the drive.

        Tiles before ``first`` are not written; the files of tile ``first`` stand in for them.
        """
        (folder / TILES).mkdir(parents=True, exist_ok=True)
        written = self._written(folder / TILES, made, range(first, len(made)))
        entries = [_stand_in(written[0], number, made.origins[number]) for number in range(first)] + written
        write_manifest(folder, self._describe(entries))
        if len(entries) > 1:
            (folder / ELSEWHERE).mkdir(exist_ok=True)
            if not (folder / ELSEWHERE / TILES).exists():
                (folder / ELSEWHERE / TILES).symlink_to((folder / TILES).absolute())
            write_manifest(folder / ELSEWHERE, self._describe(entries[:-1]))

    def _written(self, folder: Path, made: SyntheticMap, tiles: range) -> list[TileEntry]:
        context = multiprocessing.get_context("fork")
        global _WORK  # workers inherit it: a bank is too large to send
        _WORK = folder, made, self._coding.id
        with context.Pool(self._workers, limit_threads) as pool:
            return pool.map(_write_tile, tiles, chunksize=1)

    def _describe(self, entries: list[TileEntry]) -> Manifest:
        described = describe_map(
            self._bundle,
            MapConfig(),
            map_frame="map",
            base_frame="base_link",
            datum="synthetic",
            view_origin=self._view_origin,
            places=sum(entry.places for entry in entries),
            path_length=float(sum(entry.last_station - entry.first_station for entry in entries)),
            coding=self._coding.id,
        )
        update = {"tiles": tuple(entries), "format_version": FORMAT_VERSION, "headings": UNITS}
        return described.model_copy(update=update)


_WORK: tuple[Path, SyntheticMap, str]


def _write_tile(number: int) -> TileEntry:
    folder, made, coding = _WORK
    return write_tile(folder / f"{number:06d}", made.tile(number), FORMAT_VERSION, coding)


def _stand_in(entry: TileEntry, number: int, xy: NDArray[np.float64]) -> TileEntry:
    """Return the entry of a tile with places at positions (P, 2) [m], whose files are those of another tile."""
    lower, upper = ((*map(float, at), 0.0) for at in (xy.min(axis=0), xy.max(axis=0)))
    first = number * STATIONS
    update = {"lower": lower, "upper": upper, "first_station": first, "last_station": first + STATIONS - 1}
    return entry.model_copy(update=update)


class CoarseAhead:
    """The coarse places of a synthetic map, made ahead of time in processes; see :class:`CoarseSource`."""

    def __init__(self, made: SyntheticMap, workers: int) -> None:
        """Take the map and the number of processes."""
        global _WORK  # workers inherit it
        _WORK = Path(), made, ""
        self._pool = multiprocessing.get_context("fork").Pool(workers, limit_threads)
        self._count, self._ahead, self._last = len(made), 3 * workers, -1
        self._pending: dict[int, AsyncResult[CoarsePlaces]] = {}

    def __len__(self) -> int:
        return self._count

    def coarse_places(self, tile: int) -> CoarsePlaces:
        """Return those of a tile; tiles that follow at the same distance are begun."""
        step = tile - self._last if tile > self._last else 1
        for number in range(tile, min(tile + step * self._ahead, self._count), step):
            if number not in self._pending:
                self._pending[number] = self._pool.apply_async(_coarse_places, [number])
        self._last = tile
        return self._pending.pop(tile).get()

    def close(self) -> None:
        """End the processes."""
        self._pool.terminate()


def _coarse_places(number: int) -> CoarsePlaces:
    return _WORK[1].coarse_places(number)
