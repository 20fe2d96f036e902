# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Samples in memory that several processes read without copying them."""

import mmap
import os
import pickle
from collections.abc import Iterable, Sequence
from multiprocessing.reduction import DupFd
from typing import Any, NamedTuple, overload

from liploc_ros.learning.method import S

ALIGNMENT = 64  # bytes


class _Stored(NamedTuple):
    """A pickled sample, and where its arrays begin and end in the memory file."""

    pickled: bytes
    extents: list[tuple[int, int]]


class SharedSamples(Sequence[S]):
    """A sequence of samples whose arrays lie in a memory file, which exists as long as a process has it open.

    When the object is passed to a new process, the arrays are not copied. The arrays of the samples are read-only.
    """

    def __init__(self, samples: Iterable[S] = ()) -> None:
        """Copy the samples one after another."""
        self._file = os.memfd_create("liploc_ros samples")
        self._size = 0
        self._stored: list[_Stored] = []
        self._memory = memoryview(b"")
        for sample in samples:
            self.append(sample)

    def append(self, sample: S) -> None:
        """Copy one more sample."""
        arrays: list[pickle.PickleBuffer] = []
        pickled = pickle.dumps(sample, protocol=5, buffer_callback=arrays.append)
        extents = []
        for array in arrays:
            with array.raw() as content:
                _write(self._file, content, self._size)
                extents.append((self._size, self._size + content.nbytes))
                self._size += -(-content.nbytes // ALIGNMENT) * ALIGNMENT
        os.ftruncate(self._file, self._size)
        self._stored.append(_Stored(pickled, extents))

    def select(self, indices: Iterable[int]) -> "SharedSamples[S]":
        """Return the samples with these indices, in this order, in the same memory."""
        selected = SharedSamples[S]()
        os.dup2(self._file, selected._file)
        selected._size, selected._memory = self._size, self._memory
        selected._stored = [self._stored[i] for i in indices]
        return selected

    def __len__(self) -> int:
        return len(self._stored)

    @overload
    def __getitem__(self, index: int) -> S: ...
    @overload
    def __getitem__(self, index: slice) -> "SharedSamples[S]": ...
    def __getitem__(self, index: int | slice) -> "S | SharedSamples[S]":
        if isinstance(index, slice):
            return self.select(range(*index.indices(len(self))))
        if len(self._memory) < self._size:
            self._memory = memoryview(mmap.mmap(self._file, self._size, access=mmap.ACCESS_READ))
        pickled, extents = self._stored[index]
        sample: S = pickle.loads(pickled, buffers=[self._memory[start:end] for start, end in extents])
        return sample

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for a new process, which opens the same file."""
        return {"_file": DupFd(self._file), "_size": self._size, "_stored": self._stored, "_memory": b""}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state | {"_file": state["_file"].detach()})

    def __del__(self) -> None:
        if "_file" in self.__dict__:
            os.close(self._file)


def _write(file: int, content: memoryview, start: int) -> None:
    """Write all bytes; one call writes at most 2 GB."""
    while content.nbytes:
        written = os.pwrite(file, content, start)
        content, start = content[written:], start + written
