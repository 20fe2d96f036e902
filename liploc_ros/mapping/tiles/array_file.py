# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Arrays in files of a map."""

import math
import os
from pathlib import Path
from tokenize import TokenError
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from liploc_ros.files import reason_of
from liploc_ros.mapping.tile_manifest import MapError

# NumPy parses the header of a file as Python, and has no error of its own for what it cannot parse.
UNREADABLE = (OSError, ValueError, EOFError, SyntaxError, TokenError, OverflowError, MemoryError, TypeError)
REMEDY = "copy or build the map again"


def load_array(path: Path, mmap_mode: Literal["r"] | None = "r") -> NDArray[Any]:
    """Return the array in a file, memory-mapped unless ``mmap_mode`` is None.

    Raises:
        MapError: the file is missing or damaged.
    """
    try:
        array = np.load(path, mmap_mode=mmap_mode, allow_pickle=False)
    except UNREADABLE as error:
        raise MapError(f"{path}: {reason_of(error)}: {REMEDY}") from error
    return np.asarray(array)  # as memory-mapped as before, but selecting from a numpy.memmap takes three times as long


class StoredRows:
    """An array in a file. Each selection reads its rows, and closes the file.

    Unlike with a memory map, a file that is removed or cut off later is an error, where a mapped page that is gone ends
    the process; and what was read does not stay in the memory of the process.

    Attributes:
        dtype: of the array.
        shape: of the array.
    """

    def __init__(self, path: Path) -> None:
        """Read the header of the file.

        Raises:
            MapError: the file is missing or damaged.
        """
        self._path = path
        try:
            with path.open("rb") as file:
                self.shape, self.dtype = _read_header(file)
                self._start = file.tell()
        except UNREADABLE as error:
            raise MapError(f"{path}: {reason_of(error)}: {REMEDY}") from error
        self._row = self.dtype.itemsize * math.prod(self.shape[1:])

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.shape[0]

    def __getitem__(self, rows: NDArray[np.intp]) -> NDArray[Any]:
        """Return some rows (N,), which may be in any order and occur several times.

        Raises:
            MapError: the file is missing, or shorter than its header says.
        """
        known, position = np.unique(rows, return_inverse=True)
        return np.asarray(self.in_ranges(*ranges_of(known))[position])

    def in_ranges(self, first: NDArray[np.intp], end: NDArray[np.intp]) -> NDArray[Any]:
        """Return the rows ``first`` to ``end - 1`` of each of R ranges, one after the other.

        System calls are few: other threads wait for each.

        Raises:
            MapError: the file is missing, or shorter than its header says.
        """
        values = np.empty((int((end - first).sum()), *self.shape[1:]), self.dtype)
        data, at = values.view(np.uint8).reshape(-1).data, 0
        try:
            file = os.open(self._path, os.O_RDONLY)
            try:
                for start, stop in zip((first * self._row).tolist(), (end * self._row).tolist(), strict=True):
                    part = data[at : at + stop - start]
                    if os.preadv(file, [part], self._start + start) != stop - start:
                        raise MapError(f"{self._path}: cut off: {REMEDY}")
                    at += stop - start
            finally:
                os.close(file)
        except OSError as error:
            raise MapError(f"{self._path}: {reason_of(error)}: {REMEDY}") from error
        return values


def ranges_of(rows: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return first and end (R,) of the ranges of consecutive numbers in rows (N,), each larger than the one before."""
    is_first = np.diff(rows, prepend=-2) > 1
    is_last = np.append(is_first[1:], True)[: len(rows)]
    return rows[is_first], rows[is_last] + 1


def _read_header(file: BinaryIO) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape and type of the array in a file; the file is then at its first value.

    Raises:
        ValueError: it is none of the files that NumPy writes with the values of each row together.
    """
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    version = np.lib.format.read_magic(file)
    if version not in readers:
        raise ValueError(f"version {version} of NumPy's format")
    shape, is_fortran, dtype = readers[version](file)
    if is_fortran or dtype.hasobject or not shape:
        raise ValueError("not an array of rows of numbers")
    return shape, dtype
