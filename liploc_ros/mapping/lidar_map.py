"""A map in memory, and as a folder."""

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from liploc_ros.encoders import ModelBundle
from liploc_ros.mapping.manifest import FORMAT_VERSION, Manifest, StoredFile
from liploc_ros.mapping.place_index import Cells, PlaceIndex, cell_type
from liploc_ros.mapping.storage import MapError, check_replaceable, folder_written_whole, recover, sha256_of

MANIFEST, PLACES, CELLS, KEYFRAMES, POINTS, INDEX = (
    "manifest.json",
    "places.npy",
    "cells.npy",
    "keyframes.npy",
    "points.npy",
    "index.faiss",
)
POINT_RESOLUTION = 0.01  # metres a count
POINT = np.dtype([("xyz", "<i2", 3), ("reflectance", "u1")])
KEYFRAME = np.dtype([("stamp_ns", "<i8"), ("T_map_lidar", "<f8", (4, 4)), ("first", "<i8"), ("count", "<i8")])


@dataclass(frozen=True)
class LidarMap:
    """Places with the cells of their panoramas, the thinned scans they were drawn from, and the search index.

    Attributes:
        manifest: description and checksums.
        T_map_base: (P, 4, 4) poses of the places.
        cells: (P, h, around, D) int8, unit vectors times 127; of whole-image embeddings (P, 1, headings, D) int16,
            times 32767; 0 where nothing returned. Memory-mapped when loaded.
        keyframes: (K,) of :data:`KEYFRAME`.
        points: (N,) of :data:`POINT`, in the LiDAR's frame, centimetres.
        index: search over places x headings.
        path: the folder, or None for a map that was not saved.
    """

    manifest: Manifest
    T_map_base: NDArray[np.float64]
    cells: Cells
    keyframes: NDArray[np.void]
    points: NDArray[np.void]
    index: PlaceIndex
    path: Path | None = field(default=None)

    @property
    def id(self) -> str:
        """Hash by which two maps can be told apart."""
        return hashlib.sha256(self.manifest.model_dump_json().encode()).hexdigest()

    @property
    def drawn_length(self) -> float:
        """Metres of path along which places are drawn."""
        return len(self.cells) * self.manifest.config.place_spacing

    @property
    def size_bytes(self) -> int:
        """Bytes on disk, without the manifest."""
        return sum(file.bytes for file in self.manifest.files.values())

    def keyframe_points(self, keyframe: int) -> NDArray[np.float32]:
        """Return a keyframe's thinned points (N, 4) in the LiDAR's frame: x, y, z [m], reflectance 0 to 1."""
        row = self.keyframes[keyframe]
        stored = self.points[row["first"] : row["first"] + row["count"]]
        points = np.empty((len(stored), 4), np.float32)
        points[:, :3] = stored["xyz"] * np.float32(POINT_RESOLUTION)
        points[:, 3] = stored["reflectance"] * np.float32(1 / 255)
        return points

    def save(self, path: Path) -> "LidarMap":
        """Write the map; what was at ``path`` stays until the new one is whole. Returns the map as saved.

        Raises:
            MapError: the folder is something else than a map, or cannot be written.
        """
        path = Path(path)
        check_replaceable(path, MANIFEST)
        arrays: dict[str, NDArray[Any]] = {
            PLACES: self.T_map_base,
            CELLS: self.cells,
            KEYFRAMES: self.keyframes,
            POINTS: self.points,
        }
        with folder_written_whole(path) as folder:
            for name, array in arrays.items():
                np.save(folder / name, array, allow_pickle=False)
            self.index.save(folder / INDEX)
            files = {f.name: StoredFile(sha256=sha256_of(f), bytes=f.stat().st_size) for f in sorted(folder.iterdir())}
            manifest = self.manifest.model_copy(update={"files": files})
            (folder / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n")
        return LidarMap(manifest, self.T_map_base, self.cells, self.keyframes, self.points, self.index, path)

    @classmethod
    def load(cls, path: Path, bundle: ModelBundle | None = None, verify: bool = True) -> "LidarMap":
        """Open a map; its cells and points stay on disk until used.

        Args:
            path: the map's folder.
            bundle: the model that will look for places in it; checked against the one that made the map.
            verify: compare every file's checksum, about a second a gigabyte.

        Raises:
            MapError: no map, a damaged one, one of a newer format, or one made by another model.
        """
        path = Path(path)
        manifest = read_manifest(path)
        if bundle is not None and manifest.model_id != bundle.id:
            raise MapError(
                f"{path}: made by model {manifest.model_id[:12]} ({manifest.model_name}), this is {bundle.id[:12]} "
                f"({bundle.spec.name}): build the map again with this model, or give the model it was made by"
            )
        missing = [n for n in (PLACES, CELLS, KEYFRAMES, POINTS) if n not in manifest.files or not (path / n).is_file()]
        if missing:
            raise MapError(f"{path / missing[0]}: missing from the map: copy or build the map again")
        if verify:
            verify_files(path, manifest)
        try:
            arrays = [np.load(path / name, mmap_mode="r", allow_pickle=False) for name in (CELLS, KEYFRAMES, POINTS)]
            T_map_base = np.load(path / PLACES, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise MapError(f"{path}: {error}: copy or build the map again") from error
        cells, keyframes, points = arrays
        _check_shapes(path, manifest, T_map_base, cells, keyframes, points)
        return cls(manifest, T_map_base, cells, keyframes, points, _index(path, cells, manifest), path)


def _check_shapes(
    path: Path,
    manifest: Manifest,
    T_map_base: NDArray[np.float64],
    cells: Cells,
    keyframes: NDArray[np.void],
    points: NDArray[np.void],
) -> None:
    """Compare the arrays with what the manifest says of them.

    Raises:
        MapError: one is of another shape or type.
    """
    grid, stride = manifest.grid, manifest.stride
    rows = 1 if manifest.method == "liploc" else grid.height // stride
    expected: dict[str, tuple[NDArray[Any], tuple[int, ...], np.dtype[Any]]] = {
        PLACES: (T_map_base, (manifest.places, 4, 4), np.dtype(np.float64)),
        CELLS: (
            cells,
            (manifest.places, rows, grid.panorama_width // stride, manifest.channels),
            cell_type(rows),
        ),
        KEYFRAMES: (keyframes, (manifest.keyframes,), KEYFRAME),
        POINTS: (points, points.shape[:1], POINT),
    }
    for name, (array, shape, dtype) in expected.items():
        if array.shape != shape or array.dtype != dtype:
            raise MapError(
                f"{path / name}: {array.dtype} of shape {array.shape}, the manifest says {dtype} of {shape}: "
                "build the map again"
            )


def read_manifest(path: Path) -> Manifest:
    """Return the manifest of the map in this folder.

    Raises:
        MapError: there is none, or one that this version cannot read.
    """
    recover(path)
    try:
        text = (path / MANIFEST).read_bytes()
    except OSError as error:
        hint = "build one with `liploc map build SOURCE OUT`"
        raise MapError(f"{path}: no map here ({MANIFEST}: {error.strerror}): check the path, or {hint}") from error
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        newer = _format_version(text)
        if newer is not None and newer > FORMAT_VERSION:
            raise MapError(
                f"{path}: map of format {newer}, this version reads up to {FORMAT_VERSION}: update liploc_ros"
            ) from error
        first = error.errors()[0]
        where = "".join(f"{part}: " for part in first["loc"])
        raise MapError(f"{path / MANIFEST}: {where}{first['msg']}: copy or build the map again") from error


def verify_files(path: Path, manifest: Manifest) -> None:
    """Compare every file with its checksum; the index may be missing, since it can be made again.

    Raises:
        MapError: a file is missing or differs.
    """
    for name, stored in manifest.files.items():
        if name == INDEX and not (path / name).exists():
            continue
        try:
            actual = sha256_of(path / name)
        except OSError as error:
            raise MapError(f"{path / name}: {error.strerror}: copy or build the map again") from error
        if actual != stored.sha256:
            remedy = "delete it, it is made again" if name == INDEX else "copy or build the map again"
            raise MapError(
                f"{path / name}: damaged, checksum {actual[:12]} is not {stored.sha256[:12]} of the manifest: {remedy}"
            )


def _index(path: Path, cells: Cells, manifest: Manifest) -> PlaceIndex:
    """Read the stored index, or make it again where it is missing or of another FAISS."""
    if INDEX in manifest.files and (path / INDEX).exists():
        with suppress(RuntimeError):  # of another FAISS version
            index = PlaceIndex.load(path / INDEX, manifest.headings, manifest.pool)
            if index.places == manifest.places:
                return index
    return PlaceIndex.build(cells, manifest.grid, manifest.stride, manifest.pool, manifest.config.index_size)


def _format_version(text: bytes) -> int | None:
    try:
        version = json.loads(text)["format_version"]
    except (ValueError, KeyError, TypeError):
        return None
    return version if isinstance(version, int) else None
