# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The files of the coarse index: a cache that is rebuilt when it does not fit the map."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from liploc_ros.errors import LiplocError
from liploc_ros.files import FileError, sha256_of
from liploc_ros.mapping.search.coarse_config import CoarseConfig
from liploc_ros.mapping.tile_manifest import StoredFile
from liploc_ros.schema import FrozenModel, first_fault

VERSION = 1
HEADER, INDEX, LISTS, ENDS = "coarse.json", "index.faiss", "lists.bin", "lists.npy"
PLACES, METRIC = "places.npy", "metric.npy"
FILES = (INDEX, LISTS, ENDS, PLACES, METRIC)
PLACE = np.dtype([("tile", "<u4"), ("place", "<u4"), ("x", "<f4"), ("y", "<f4")])
REBUILT = "it will be rebuilt"


class CoarseIndexError(LiplocError):
    """A coarse index that is missing, damaged, or of another state of the map."""


class CoarseHeader(FrozenModel):
    """``coarse.json``.

    Attributes:
        key: of the tiles that were indexed; see ``CoarseIndex.build``.
        headings: indexed headings per place.
        dimension: length of a projected descriptor.
    """

    version: int = VERSION
    key: str
    config: CoarseConfig
    places: int
    headings: int
    dimension: int
    files: dict[str, StoredFile]


def write_header(folder: Path, key: str, config: CoarseConfig, places: int, headings: int, dimension: int) -> None:
    """Write the header, with sizes and checksums of the other files."""
    files = {name: StoredFile(sha256=sha256_of(folder / name), bytes=(folder / name).stat().st_size) for name in FILES}
    header = CoarseHeader(key=key, config=config, places=places, headings=headings, dimension=dimension, files=files)
    (folder / HEADER).write_text(header.model_dump_json(indent=2) + "\n")


def read_header(folder: Path, key: str, *, verify: bool = False) -> CoarseHeader:
    """Return the header of a coarse index if its files are as they were written.

    Sizes are compared, and the checksums of all files but the lists, which are large: a flipped byte in them costs a
    candidate, and a row that does not exist is found when it is searched.

    Args:
        folder: of the index.
        key: of the tiles.
        verify: compare the checksum of the lists, too.

    Raises:
        CoarseIndexError: it is missing, damaged, or of other tiles.
    """
    try:
        header = CoarseHeader.model_validate_json((folder / HEADER).read_bytes())
    except OSError as error:
        raise CoarseIndexError(f"{folder}: no coarse index ({error.strerror}): {REBUILT}") from error
    except ValidationError as error:
        raise CoarseIndexError(f"{folder / HEADER}: damaged ({first_fault(error)}): {REBUILT}") from error
    if header.version != VERSION:
        raise CoarseIndexError(f"{folder}: version {header.version}, this version writes {VERSION}: {REBUILT}")
    if header.key != key:
        raise CoarseIndexError(f"{folder}: built from other tiles: {REBUILT}")
    for name in FILES:
        stored, path = header.files.get(name), folder / name
        try:
            is_whole = stored is not None and path.stat().st_size == stored.bytes
            checked = verify or name != LISTS
            if stored is None or not is_whole or (checked and sha256_of(path) != stored.sha256):
                raise CoarseIndexError(f"{path}: damaged: {REBUILT}")
        except OSError as error:
            raise CoarseIndexError(f"{path}: {error.strerror}: {REBUILT}") from error
    return header


def open_index(folder: Path) -> Any:
    """Return the FAISS index of a folder. Its lists stay on disk.

    Raises:
        CoarseIndexError: FAISS cannot read it.
    """
    try:
        index: Any = faiss.read_index(str(folder / INDEX))
        extents = np.load(folder / ENDS, allow_pickle=False)
        lists: Any = faiss.OnDiskInvertedLists(index.nlist, index.code_size, str(folder / LISTS))
        api: Any = faiss
        table = api.OnDiskOneListVector()
        for size, offset in extents.tolist():
            extent = api.OnDiskOneList()
            extent.size = extent.capacity = size
            extent.offset = offset
            table.push_back(extent)
        lists.lists = table
        lists.read_only, lists.totsize = True, (folder / LISTS).stat().st_size
        lists.do_mmap()
    except (RuntimeError, OSError, ValueError, EOFError) as error:
        raise CoarseIndexError(f"{folder}: damaged ({str(error).splitlines()[-1]}): {REBUILT}") from error
    index.replace_invlists(lists, True)
    lists.this.disown()
    index.ntotal = int(extents[:, 0].sum())
    return index


def open_places(folder: Path) -> NDArray[np.void]:
    """Return (N,) of ``PLACE``, memory-mapped.

    Raises:
        CoarseIndexError: the file contains something else.
    """
    try:
        places = np.load(folder / PLACES, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise CoarseIndexError(f"{folder / PLACES}: damaged ({error}): {REBUILT}") from error
    if places.dtype != PLACE:
        raise CoarseIndexError(f"{folder / PLACES}: {places.dtype}, expected {PLACE}: {REBUILT}")
    return np.asarray(places)


class ShardWriter:
    """Writes descriptors to inverted lists on disk, of which a part is in memory at a time."""

    def __init__(self, folder: Path, empty: Any, shard: int) -> None:
        """Take the folder, a trained and empty index, and the number of descriptors of a part."""
        self._folder, self._empty, self._limit = folder, empty, shard
        self._shards: list[Path] = []
        self._part = faiss.clone_index(empty)
        self._rows = 0

    def add(self, whitened: NDArray[np.float32]) -> None:
        """Add descriptors (N, d); their rows go on counting."""
        rows = np.arange(self._rows, self._rows + len(whitened), dtype=np.int64)
        self._part.add_with_ids(np.ascontiguousarray(whitened), rows)
        self._rows += len(whitened)
        if self._part.ntotal >= self._limit:
            self._flush()

    def finish(self) -> None:
        """Merge the parts."""
        if self._part.ntotal or not self._shards:
            self._flush()
        with _faiss_errors(self._folder):
            faiss.write_index(self._empty, str(self._folder / INDEX))
            parts: list[Any] = [faiss.read_index(str(shard), faiss.IO_FLAG_MMAP) for shard in self._shards]
        extents, size = np.zeros((self._empty.nlist, 2), np.int64), self._empty.code_size
        with (self._folder / LISTS).open("wb") as file:
            # The layout of faiss.OnDiskInvertedLists: the codes of a list, then its rows. Its own merge_ondisk does the
            # same, but prints.
            for number in range(self._empty.nlist):
                counts = [part.invlists.list_size(number) for part in parts]
                extents[number] = sum(counts), file.tell()
                for part, count in zip(parts, counts, strict=True):
                    file.write(_bytes_at(part.invlists.get_codes(number), count * size, count))
                for part, count in zip(parts, counts, strict=True):
                    file.write(_bytes_at(part.invlists.get_ids(number), count, count))
        np.save(self._folder / ENDS, extents, allow_pickle=False)
        del parts
        for shard in self._shards:
            shard.unlink()

    def _flush(self) -> None:
        path = self._folder / f"shard-{len(self._shards)}"
        with _faiss_errors(self._folder):
            faiss.write_index(self._part, str(path))
        self._shards.append(path)
        self._part = faiss.clone_index(self._empty)


def _bytes_at(pointer: Any, items: int, count: int) -> bytes:
    return faiss.rev_swig_ptr(pointer, items).tobytes() if count else b""


@contextlib.contextmanager
def _faiss_errors(folder: Path) -> Iterator[None]:
    """Turn FAISS's only error into one that says what to do."""
    try:
        yield
    except RuntimeError as error:
        raise FileError(
            f"{folder}: the coarse index cannot be written (FAISS: {str(error).splitlines()[-1]}): free space, or "
            "choose another folder"
        ) from error
