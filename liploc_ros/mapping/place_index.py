"""Search over places x headings: FAISS inner product of compressed descriptors."""

import errno
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from liploc_ros.geometry import ViewGrid

TRAINING_DESCRIPTORS = 3_000
CHUNK = 16  # places whose descriptors are in memory at once

Cells = NDArray[np.signedinteger[Any]]
"""Cells as a map holds them, vectors times the largest number of the type: int8, or int16 for embeddings, where one
vector says all and rounding is not averaged over many."""


@dataclass(frozen=True)
class Candidate:
    """A place and heading that resembles the image; :func:`heading_yaw` gives the heading's angle."""

    place: int
    heading: int
    score: float


class PlaceIndex:
    """Finds the places and headings whose descriptors are most like a camera view's."""

    def __init__(self, index: faiss.Index, headings: int, pool: int) -> None:
        self._index = index
        self._headings = headings
        self._pool = pool

    @classmethod
    def build(cls, cells: Cells, grid: ViewGrid, stride: int, pool: int, size: int) -> "PlaceIndex":
        """Index the panoramas' cells (P, h, around, D), every heading; descriptors get at most ``size`` numbers."""
        around = cells.shape[2] // pool
        dimension = describe_headings(cells[:1], grid, stride, pool).shape[1]
        if len(cells) * around < 4 * size or size >= dimension:
            index: faiss.Index = faiss.IndexFlatIP(dimension)  # too few descriptors to learn a compression from
        else:
            index = _compressed_index(_training_descriptors(cells, grid, stride, pool), size)
        for start in range(0, len(cells), CHUNK):
            index.add(describe_headings(cells[start : start + CHUNK], grid, stride, pool))
        return cls(index, around, pool)

    @classmethod
    def load(cls, path: Path, headings: int, pool: int) -> "PlaceIndex":
        """Read a saved index.

        Raises:
            RuntimeError: FAISS cannot read it.
        """
        return cls(faiss.read_index(str(path)), headings, pool)

    def save(self, path: Path) -> None:
        """Write the index.

        Raises:
            OSError: it cannot be written.
        """
        try:
            faiss.write_index(self._index, str(path))
        except RuntimeError as error:  # FAISS has no other for a full disk
            raise OSError(errno.EIO, f"FAISS: {str(error).splitlines()[-1]}") from error

    @property
    def places(self) -> int:
        """How many places it holds."""
        return int(self._index.ntotal) // self._headings

    @property
    def headings(self) -> int:
        """Headings a place."""
        return self._headings

    def search(self, cells: NDArray[np.float32], k: int) -> list[Candidate]:
        """Return the k best candidates for a camera view's masked cells (h, w, D), best first."""
        # One query does not fill two threads, and waiting for the second costs milliseconds on a busy machine.
        faiss.omp_set_num_threads(1)
        scores, rows = self._index.search(describe(cells, self._pool)[None], min(k, self._index.ntotal))
        places, headings = np.divmod(rows[0], self._headings)
        found = rows[0] >= 0  # FAISS fills up with -1
        return [
            Candidate(int(p), int(h), float(s))
            for p, h, s in zip(places[found], headings[found], scores[0][found], strict=True)
        ]


def describe(cells: NDArray[np.float32], pool: int) -> NDArray[np.float32]:
    """Return the unit descriptor of a view's masked cells (h, w, D): pooled, concatenated, normalised.

    A single cell is the embedding of the whole image, and keeps the length that the encoder gave it.
    """
    if cells.shape[:2] == (1, 1):
        return np.ascontiguousarray(cells.ravel(), dtype=np.float32)
    height, width, channels = cells.shape
    pooled = cells.reshape(height // pool, pool, width // pool, pool, channels).sum(axis=(1, 3))
    flat = pooled.transpose(1, 0, 2).ravel()
    return np.asarray(flat / max(float(np.linalg.norm(flat)), 1e-9), dtype=np.float32)


def describe_headings(cells: Cells, grid: ViewGrid, stride: int, pool: int) -> NDArray[np.float32]:
    """Return (P * headings, dimension) unit descriptors of panorama cells (P, h, around, D), heading varying fastest.

    A heading's descriptor is a window over the pooled columns: one pass of the encoder serves all of them. Where cells
    have one row, a column is the embedding of all that is seen along its heading, and keeps its length.
    """
    places, height, around, channels = cells.shape
    if height == 1:
        return np.asarray(cells.reshape(places * around, channels) / scale_of(cells), dtype=np.float32)
    blocks = cells.reshape(places, height // pool, pool, around // pool, pool, channels)
    pooled = blocks.sum(axis=(2, 4), dtype=np.int32).astype(np.float32).transpose(0, 2, 1, 3)  # (P, columns, h / 2, D)
    width = grid.width // stride // pool
    columns = (np.arange(around // pool)[:, None] + np.arange(width)[None]) % (around // pool)
    windows = pooled[:, columns].reshape(places * (around // pool), -1)
    windows /= np.maximum(np.linalg.norm(windows, axis=1, keepdims=True), 1e-9)
    return np.ascontiguousarray(windows)


def stored_cells(cells: NDArray[np.float32]) -> Cells:
    """Return a panorama's cells (h, around, D) as a map holds them."""
    kind = cell_type(len(cells))
    most = np.iinfo(kind).max
    return np.asarray(np.clip(np.rint(cells * np.float32(most)), -most, most), dtype=kind)


def cell_type(rows: int) -> np.dtype[np.signedinteger[Any]]:
    """Return the type of a map's cells in so many rows."""
    return np.dtype(np.int16 if rows == 1 else np.int8)


def scale_of(cells: Cells) -> float:
    """Return what a map's cells were multiplied by."""
    return float(np.iinfo(cells.dtype).max)


def heading_yaw(
    heading: NDArray[np.integer | np.floating], grid: ViewGrid, stride: int, pool: int
) -> NDArray[np.float64]:
    """Return the yaw [rad], left positive, at which the window of a heading looks, -pi to pi."""
    middle = heading * (stride * pool) + grid.width / 2
    yaw = np.pi - middle * grid.column_pitch
    return np.asarray((yaw + np.pi) % (2 * np.pi) - np.pi)


def _compressed_index(descriptors: NDArray[np.float32], size: int) -> faiss.Index:
    """Return an empty index of ``size`` bytes a descriptor: its leading principal components, 8 bits each.

    Components are those of the products themselves, not of deviations from the mean: with the mean taken off, a search
    would rank by another product than that of the descriptors.
    """
    compress = faiss.LinearTransform(descriptors.shape[1], size, False)
    components = _principal_components(descriptors, size)
    faiss.copy_array_to_vector(np.ascontiguousarray(components.T).ravel(), compress.A)
    compress.is_trained = True
    quantizer = faiss.IndexScalarQuantizer(size, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)
    quantizer.train(compress.apply(descriptors))
    index = faiss.IndexPreTransform(compress, quantizer)
    index.is_trained = True
    return index


def _principal_components(descriptors: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Return the ``size`` leading principal components (dimension, size) of descriptors (N, dimension).

    They follow from the products of the descriptors with one another, which are fewer than those of their dimensions.
    SciPy finds the leading ones alone, much faster than faiss.PCAMatrix finds all.
    """
    last = len(descriptors) - 1
    variances, vectors = scipy.linalg.eigh(descriptors @ descriptors.T, subset_by_index=(last - size + 1, last))
    return np.asarray(descriptors.T @ (vectors / np.sqrt(np.maximum(variances, 1e-12))), dtype=np.float32)


def _training_descriptors(cells: Cells, grid: ViewGrid, stride: int, pool: int) -> NDArray[np.float32]:
    """Return descriptors spread over the map, at most ``TRAINING_DESCRIPTORS``."""
    headings = cells.shape[2] // pool
    step = max(1, -(-len(cells) * headings // TRAINING_DESCRIPTORS))
    chosen = np.arange(0, len(cells), step)
    return describe_headings(cells[chosen], grid, stride, pool)
