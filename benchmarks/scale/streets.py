# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Streets that were never driven: each is put together from sectors of real panoramas.

A panorama is cut into sectors of 40 degrees or more. Each sector shows a part of a real drive, and passes along it by
a metre at a time, forwards or backwards, on the path or beside it, rotated by a multiple of 10 degrees. After 15 to
60 m it changes to another part, not where the other sectors do. So consecutive places differ as real ones do, and no
two places are alike. The difference between two real places 1 m apart, of yet another part, is added; it changes after
5 to 20 m.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

UNITS = 36  # sectors are multiples of a 36th of a panorama
MIN_SECTOR = 4  # units
SECTORS = (3, 7)
RUN = (15, 60)  # m of a real drive in a row
STANDSTILL = (4, 10)  # m for which a single frame is shown
NOISE_RUN = (5, 20)  # m
STATIONS = 1000  # per tile, 1 m apart
STREET = 100  # m after which the sectors change


@dataclass(frozen=True)
class Recipe:
    """What each unit of each panorama is taken from.

    Attributes:
        source: (P, 36) rows of the bank.
        unit: (P, 36) of the source's panorama.
        first: (P, 36) rows of the bank; the features of ``second`` minus these are added.
        second: (P, 36) rows of the bank.
        noise_unit: (P, 36) of both.
    """

    source: NDArray[np.int32]
    unit: NDArray[np.int32]
    first: NDArray[np.int32]
    second: NDArray[np.int32]
    noise_unit: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.source)

    def select(self, rows: NDArray[np.intp] | slice) -> "Recipe":
        """Return the recipes of some panoramas."""
        return Recipe(self.source[rows], self.unit[rows], self.first[rows], self.second[rows], self.noise_unit[rows])


class Streets:
    """Recipes of tiles of 1 km; the same for the same number of a tile, whichever were made before."""

    def __init__(self, runs: Sequence[NDArray[np.int32]], seed: int = 0) -> None:
        """Take runs: rows of the bank 1 m apart; a run of one row is a single frame."""
        lengths = np.array([len(run) for run in runs], np.float64)
        self._runs, self._seed = list(runs), seed
        self._long = [run for run in runs if len(run) > 1]
        share = np.maximum(lengths, np.mean(STANDSTILL))
        self._share = share / share.sum()
        self._long_share = np.array([len(run) for run in self._long], np.float64)
        self._long_share /= self._long_share.sum()

    def recipe(self, tile: int, stations: int = STATIONS) -> Recipe:
        """Return the recipe of the places of a tile, 1 m apart."""
        rng = np.random.default_rng((self._seed, tile))
        arrays = np.zeros((5, stations, UNITS), np.int32)
        for start in range(0, stations, STREET):
            stop = min(stations, start + STREET)
            for sector in _sectors(rng):
                source, unit = self._follow(rng, stop - start, RUN)
                first, second, noise_unit = self._differences(rng, stop - start)
                arrays[0, start:stop, sector] = source[None]
                arrays[1, start:stop, sector] = (unit[None] + sector[:, None]) % UNITS
                arrays[2, start:stop, sector], arrays[3, start:stop, sector] = first[None], second[None]
                arrays[4, start:stop, sector] = (noise_unit[None] + sector[:, None]) % UNITS
        return Recipe(*arrays)

    def _follow(
        self, rng: np.random.Generator, length: int, lengths: tuple[int, int]
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return rows of the bank and rotations (length,) of a sector along a street."""
        rows, rotations, total = [], [], 0
        skip = int(rng.integers(lengths[0]))  # sectors change at different places
        while total < length + skip:
            run = self._runs[rng.choice(len(self._runs), p=self._share)]
            if len(run) == 1:
                part = np.repeat(run, rng.integers(*STANDSTILL))
            else:
                count = min(len(run), int(rng.integers(*lengths)))
                first = int(rng.integers(len(run) - count + 1))
                part = run[first : first + count]
                part = part[::-1] if rng.random() < 0.5 else part
            rows.append(part)
            rotations.append(np.full(len(part), rng.integers(UNITS), np.int32))
            total += len(part)
        return np.concatenate(rows)[skip:][:length], np.concatenate(rotations)[skip:][:length]

    def _differences(
        self, rng: np.random.Generator, length: int
    ) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
        pairs, rotations, total = [], [], 0
        while total < length:
            run = self._long[rng.choice(len(self._long), p=self._long_share)]
            at, count = int(rng.integers(len(run) - 1)), int(rng.integers(*NOISE_RUN))
            pair = run[[at, at + 1]] if rng.random() < 0.5 else run[[at + 1, at]]
            pairs.append(np.repeat(pair[:, None], count, axis=1))
            rotations.append(np.full(count, rng.integers(UNITS), np.int32))
            total += count
        first, second = np.concatenate(pairs, axis=1)[:, :length]
        return first, second, np.concatenate(rotations)[:length]


def _sectors(rng: np.random.Generator) -> list[NDArray[np.intp]]:
    """Return the units of each sector."""
    count = int(rng.integers(*SECTORS))
    extra = rng.multinomial(UNITS - count * MIN_SECTOR, np.full(count, 1 / count))
    ends = np.cumsum(extra + MIN_SECTOR)
    units = (np.arange(UNITS) + int(rng.integers(UNITS))) % UNITS
    return [np.asarray(part, np.intp) for part in np.split(units, ends[:-1])]
