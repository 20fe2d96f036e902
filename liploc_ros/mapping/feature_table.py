# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The features of a map's panoramas, as they are compared with a view: stored as numbers, or coded."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from liploc_ros.encoders.coding import FeatureCoding
from liploc_ros.mapping.features import StoredFeatures, feature_scale

Windows = tuple[NDArray[np.float32], NDArray[np.bool_]]


class FeatureTable(Protocol):
    """Features (P, h, columns, D) of the panoramas at P places.

    Windows may be in another space than the features of a view: with another scale, or with the coefficients of a
    coding. :meth:`project` takes the features of a view into it. Inner products of both are those of the features.
    """

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(P, h, columns, D)."""

    def __len__(self) -> int:
        """Return the number of places."""

    def windows(self, places: NDArray[np.intp], first: NDArray[np.intp], width: int) -> Windows:
        """Return windows of panoramas: features (M, width, h, D') and the cells (M, width, h) with a return.

        Features of cells without a return have no meaning. The array of features may repeat one vector along h without
        storing it more than once.

        Args:
            places: (M,) rows of places.
            first: (M,) first column of each window; a panorama continues at its ends.
            width: number of columns.
        """

    def unit_windows(self, places: NDArray[np.intp], first: NDArray[np.intp], width: int) -> Windows:
        """Return the same windows as unit vectors (M, width, h, D), 0 without a return, and the cells with a return."""

    def project(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the features (..., h, w, D) of a view in the space of windows (..., h, w, D')."""

    def sum_products(self, features: NDArray[np.float32], windows: Windows) -> NDArray[np.float32]:
        """Return the sums (M,) over cells of the products of a projected view (h, w, D') with windows as wide as it.

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
        return features, self._returned[places[:, None], :, columns]

    def unit_windows(self, places: NDArray[np.intp], first: NDArray[np.intp], width: int) -> Windows:
        """See :class:`FeatureTable`."""
        features, returned = self.windows(places, first, width)
        features *= 1 / self._scale
        return features, returned

    def project(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """See :class:`FeatureTable`."""
        return np.asarray(features / self._scale)

    def sum_products(self, features: NDArray[np.float32], windows: Windows) -> NDArray[np.float32]:
        """See :class:`FeatureTable`. Features without a return are 0: the sum is one product of two vectors."""
        return np.asarray(windows[0].reshape(len(windows[0]), -1) @ features.transpose(1, 0, 2).ravel())

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
        codes: (P, columns, bytes) uint8, see :class:`~liploc_ros.encoders.coding.FeatureCoding`.
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
    """Coded features, of one or several parts of a map; columns are decoded when they are compared.

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
        return len(self), self._coding.rows, self._parts[0].codes.shape[1], self._coding.channels

    def __len__(self) -> int:
        """Return the number of places."""
        return int(self._starts[-1])

    def windows(self, places: NDArray[np.intp], first: NDArray[np.intp], width: int) -> Windows:
        """See :class:`FeatureTable`. All cells of a column have the coefficients of the column."""
        columns = (first[:, None] + np.arange(width)) % self.shape[2]
        codes, returned = self._columns(places, columns)
        coefficients = self._coding.decode(codes)
        shape = (*columns.shape, self._coding.rows, coefficients.shape[-1])
        return np.broadcast_to(coefficients[:, :, None], shape), returned

    def unit_windows(self, places: NDArray[np.intp], first: NDArray[np.intp], width: int) -> Windows:
        """See :class:`FeatureTable`."""
        columns = (first[:, None] + np.arange(width)) % self.shape[2]
        codes, returned = self._columns(places, columns)
        features = self._coding.reconstruct(self._coding.decode(codes))
        squares = np.einsum("mwhd,mwhd->mwh", features, features)
        features *= (returned / np.sqrt(np.maximum(squares, 1e-12)))[..., None].astype(np.float32)
        return features, returned

    def project(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """See :class:`FeatureTable`."""
        return self._coding.project(features)

    def sum_products(self, features: NDArray[np.float32], windows: Windows) -> NDArray[np.float32]:
        """See :class:`FeatureTable`."""
        coefficients, returned = windows[0][:, :, 0].transpose(1, 0, 2), windows[1].transpose(1, 0, 2)  # (w, M, ...)
        products = np.matmul(coefficients, features.transpose(1, 2, 0))  # (w, M, h)
        return np.asarray(np.einsum("wmh,wmh->m", products, returned))

    def panoramas(self, places: NDArray[np.intp]) -> StoredFeatures:
        """See :class:`FeatureTable`. The vectors are shorter than unit vectors by what the coding loses."""
        columns = np.broadcast_to(np.arange(self.shape[2]), (len(places), self.shape[2]))
        codes, returned = self._columns(places, columns)
        features = self._coding.reconstruct(self._coding.decode(codes)) * returned[..., None]
        limit = np.iinfo(np.int8).max
        return np.asarray(np.clip(np.rint(features.transpose(0, 2, 1, 3) * limit), -limit, limit), np.int8)

    def _columns(
        self, places: NDArray[np.intp], columns: NDArray[np.intp]
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Return the codes (M, W, bytes) of columns (M, W) of places (M,), and the cells (M, W, h) with a return."""
        part_of = np.searchsorted(self._starts, places, side="right") - 1
        codes = np.empty((*columns.shape, self._coding.bytes), np.uint8)
        bits = np.empty((*columns.shape, self._parts[0].returned.shape[2]), np.uint8)
        for number in np.unique(part_of):
            chosen, part = np.flatnonzero(part_of == number), self._parts[number]
            rows = places[chosen, None] - self._starts[number]
            codes[chosen], bits[chosen] = part.codes[rows, columns[chosen]], part.returned[rows, columns[chosen]]
        returned = np.unpackbits(bits, axis=2, count=self._coding.rows, bitorder="little")
        return codes, returned.view(np.bool_)
