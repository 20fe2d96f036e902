# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The features of a map's panoramas, as they are compared with a view: stored as numbers, or coded."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from liploc_ros.encoders.coding import FeatureCoding
from liploc_ros.mapping.features import StoredFeatures, feature_scale


class Windows(NamedTuple):
    """M windows of panoramas, for :meth:`FeatureTable.sum_products`.

    Attributes:
        features: as the table stores them: features (M, width, h, D), or coefficients (M, blocks, d) of a coding.
        returned: (M, width, h) cells with a return.
        first: (M,) first column of each window.
    """

    features: NDArray[np.float32]
    returned: NDArray[np.bool_]
    first: NDArray[np.intp]


class FeatureTable(Protocol):
    """Features (P, h, columns, D) of the panoramas at P places."""

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(P, h, columns, D)."""

    def __len__(self) -> int:
        """Return the number of places."""

    def windows(self, places: NDArray[np.intp], first: NDArray[np.intp], width: int) -> Windows:
        """Return windows of panoramas.

        Args:
            places: (M,) rows of places.
            first: (M,) first column of each window; a panorama continues at its ends.
            width: number of columns.
        """

    def unit_windows(
        self, places: NDArray[np.intp], first: NDArray[np.intp], width: int
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return the same windows as unit vectors (M, width, h, D), 0 without a return, and the cells with a return."""

    def sum_products(self, features: NDArray[np.float32], windows: Windows) -> NDArray[np.float32]:
        """Return the sums (M,) over cells of the products of a view (h, w, D) with windows as wide as it.

        Cells without a return do not count.
        """

    def panoramas(self, places: NDArray[np.intp]) -> StoredFeatures:
        """Return the features (M, h, columns, D) of the panoramas at places (M,), as integers; see StoredFeatures."""


class PlainFeatures:
    """Features as integers: int8, or int16 for embeddings of whole images."""

    def __init__(self, array: StoredFeatures) -> None:
        """Take the features (P, h, columns, D): unit vectors times the largest number of the type, 0 without a return.

        The array may be memory-mapped.
        """
        self.array = array
        self._scale = np.float32(feature_scale(array))

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(P, h, columns, D)."""
        places, height, columns, channels = self.array.shape
        return places, height, columns, channels

    def __len__(self) -> int:
        """Return the number of places."""
        return len(self.array)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return the features, for :func:`numpy.asarray`."""
        return np.array(self.array, dtype) if copy else np.asarray(self.array, dtype)

    def windows(self, places: NDArray[np.intp], first: NDArray[np.intp], width: int) -> Windows:
        """See :class:`FeatureTable`."""
        columns = (first[:, None] + np.arange(width)) % self.shape[2]
        features = self.array[places[:, None], :, columns].astype(np.float32)
        return Windows(features, self._returned[places[:, None], :, columns], first)

    def unit_windows(
        self, places: NDArray[np.intp], first: NDArray[np.intp], width: int
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """See :class:`FeatureTable`."""
        windows = self.windows(places, first, width)
        return np.multiply(windows.features, 1 / self._scale, out=windows.features), windows.returned

    def sum_products(self, features: NDArray[np.float32], windows: Windows) -> NDArray[np.float32]:
        """See :class:`FeatureTable`. Features without a return are 0: the sum is one product of two vectors."""
        view = features.transpose(1, 0, 2).ravel() / self._scale
        return np.asarray(windows.features.reshape(len(windows.features), -1) @ view)

    def panoramas(self, places: NDArray[np.intp]) -> StoredFeatures:
        """See :class:`FeatureTable`."""
        return np.asarray(self.array[places])

    @cached_property
    def _returned(self) -> NDArray[np.bool_]:
        """(P, h, columns) cells with a return."""
        return np.asarray(np.any(self.array, axis=-1))


@dataclass(frozen=True)
class CodedPanoramas:
    """Codes of the panoramas at P places, such as those of a tile. Arrays may be memory-mapped.

    Attributes:
        codes: (P, blocks, bytes) uint8, see :class:`~liploc_ros.encoders.coding.FeatureCoding`.
        returned: (P, columns, ceil(h / 8)) uint8: a bit for each cell with a return, the top cell in the lowest bit.
    """

    codes: NDArray[np.uint8]
    returned: NDArray[np.uint8]

    def __len__(self) -> int:
        """Return the number of places."""
        return len(self.codes)

    @classmethod
    def of(cls, panoramas: Iterable[NDArray[np.float32]], coding: FeatureCoding) -> "CodedPanoramas":
        """Return the codes of panoramas, each with features (h, columns, D): unit vectors, 0 where nothing returned.

        The codes of a panorama do not depend on the other ones, to the bit.
        """
        codes, returned = [], []
        for features in panoramas:
            codes.append(coding.encode(features))
            returned.append(np.packbits(np.any(features != 0, axis=-1).T, axis=1, bitorder="little"))
        return cls(np.stack(codes), np.stack(returned))

    @classmethod
    def joined(cls, parts: Sequence["CodedPanoramas"]) -> "CodedPanoramas":
        """Return the panoramas of all parts, at least one, in one array."""
        return cls(np.concatenate([part.codes for part in parts]), np.concatenate([part.returned for part in parts]))


class CodedFeatures:
    """Coded features, of one or several parts of a map; blocks of columns are decoded when they are compared.

    Nothing is copied from the parts: a part that is memory-mapped stays on disk until its places are compared.
    """

    def __init__(self, parts: Sequence[CodedPanoramas], coding: FeatureCoding) -> None:
        """Take the parts, at least one, whose places follow one another, and the coding."""
        self._parts, self._coding = tuple(parts), coding
        self._starts = np.cumsum([0, *(len(part) for part in parts)])

    @property
    def parts(self) -> tuple[CodedPanoramas, ...]:
        """The parts, in the order of their places."""
        return self._parts

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return the decoded features as integers, for :func:`numpy.asarray`."""
        return np.asarray(self.panoramas(np.arange(len(self))), dtype)

    def select(self, places: NDArray[np.intp]) -> CodedPanoramas:
        """Return the codes of the panoramas at places (M,)."""
        part_of = np.searchsorted(self._starts, places, side="right") - 1
        rows = places - self._starts[part_of]
        chosen = [(self._parts[number], rows[part_of == number]) for number in np.unique(part_of)]
        codes = np.concatenate([part.codes[r] for part, r in chosen])
        return CodedPanoramas(codes, np.concatenate([part.returned[r] for part, r in chosen]))

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(P, h, columns, D)."""
        return len(self), self._coding.rows, self._parts[0].returned.shape[1], self._coding.channels

    def __len__(self) -> int:
        """Return the number of places."""
        return int(self._starts[-1])

    def windows(self, places: NDArray[np.intp], first: NDArray[np.intp], width: int) -> Windows:
        """See :class:`FeatureTable`. A window has the coefficients of all blocks that it has a part of."""
        codes, returned = self._blocks(places, first, width)
        return Windows(self._coding.decode(codes), returned, first)

    def unit_windows(
        self, places: NDArray[np.intp], first: NDArray[np.intp], width: int
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """See :class:`FeatureTable`."""
        codes, returned = self._blocks(places, first, width)
        features = self._coding.reconstruct(self._coding.decode(codes), first % self._coding.block, width)
        squares = np.einsum("mwhd,mwhd->mwh", features, features)
        features *= (returned / np.sqrt(np.maximum(squares, 1e-12)))[..., None].astype(np.float32)
        return features, returned

    def sum_products(self, features: NDArray[np.float32], windows: Windows) -> NDArray[np.float32]:
        """See :class:`FeatureTable`."""
        offset, (count, blocks, _) = windows.first % self._coding.block, windows.features.shape
        sums = np.empty(count, np.float32)
        for number in np.unique(offset).tolist():
            of_offset = np.flatnonzero(offset == number)
            projected = self._coding.project(features, number, blocks)  # (blocks, n h, d)
            coefficients = windows.features[of_offset].transpose(1, 0, 2)
            returned = np.zeros((len(of_offset), blocks * self._coding.block, self._coding.rows), np.bool_)
            returned[:, number : number + features.shape[1]] = windows.returned[of_offset]
            products = np.matmul(coefficients, projected.transpose(0, 2, 1))  # (blocks, M, n h)
            sums[of_offset] = np.einsum("bmc,mbc->m", products, returned.reshape(len(of_offset), blocks, -1))
        return sums

    def panoramas(self, places: NDArray[np.intp]) -> StoredFeatures:
        """See :class:`FeatureTable`. The vectors are shorter than unit vectors by what the coding loses."""
        first = np.zeros(len(places), np.intp)
        codes, returned = self._blocks(places, first, self.shape[2])
        features = self._coding.reconstruct(self._coding.decode(codes), first, self.shape[2]) * returned[..., None]
        limit = np.iinfo(np.int8).max
        return np.asarray(np.clip(np.rint(features.transpose(0, 2, 1, 3) * limit), -limit, limit), np.int8)

    def _blocks(
        self, places: NDArray[np.intp], first: NDArray[np.intp], width: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Return the codes (M, blocks, bytes) of blocks that hold windows, and the cells (M, width, h) with a return.

        All windows have as many blocks, whatever their first column.
        """
        block, columns = self._coding.block, self.shape[2]
        number = first[:, None] // block + np.arange(self._coding.blocks(width))
        number %= columns // block
        column = (first[:, None] + np.arange(width)) % columns
        part_of = np.searchsorted(self._starts, places, side="right") - 1
        codes = np.empty((*number.shape, self._coding.bytes), np.uint8)
        bits = np.empty((*column.shape, self._parts[0].returned.shape[2]), np.uint8)
        for part_number in np.unique(part_of):
            chosen, part = np.flatnonzero(part_of == part_number), self._parts[part_number]
            rows = places[chosen, None] - self._starts[part_number]
            codes[chosen], bits[chosen] = part.codes[rows, number[chosen]], part.returned[rows, column[chosen]]
        returned = np.unpackbits(bits, axis=2, count=self._coding.rows, bitorder="little")
        return codes, returned.view(np.bool_)
