# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Sequences whose items are read or computed when they are accessed."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import TypeVar, overload

T = TypeVar("T")


class LazySequence(Sequence[T]):
    """A sequence that defines its length and one item; a slice is the list of its items."""

    @abstractmethod
    def item(self, index: int) -> T:
        """Return one item, by its number."""

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        if isinstance(index, slice):
            return [self.item(i) for i in range(*index.indices(len(self)))]
        return self.item(int(index))
