# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""A map in memory, and as a folder."""

import hashlib
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from liploc_ros.encoders import ModelBundle
from liploc_ros.encoders.spec import FeatureLayout
from liploc_ros.files import check_replaceable, expand_path, replace_folder, sha256_of
from liploc_ros.geometry.se2 import PoseSE2, compose, se2_of
from liploc_ros.mapping.features import StoredFeatures, feature_dtype
from liploc_ros.mapping.lattice import PlaceLattice
from liploc_ros.mapping.manifest import MANIFEST, Manifest, MapError, StoredFile, read_manifest
from liploc_ros.mapping.place_index import PlaceIndex

PLACES, FEATURES, KEYFRAMES, POINTS, INDEX = "places.npy", "cells.npy", "keyframes.npy", "points.npy", "index.faiss"
POINT_RESOLUTION = 0.01  # metres per count
POINT = np.dtype([("xyz", "<i2", 3), ("reflectance", "u1")])
PLACE = np.dtype([("T_map_base", "<f8", (4, 4)), ("station", "<i4"), ("lateral", "<f4")])
KEYFRAME = np.dtype([("stamp_ns", "<i8"), ("T_map_lidar", "<f8", (4, 4)), ("first", "<i8"), ("count", "<i8")])


@dataclass(frozen=True)
class LidarMap:
    """Places with the features of their panoramas, the thinned scans they were drawn from, and the search index.

    Attributes:
        manifest: description and checksums.
        T_map_base: (P, 4, 4) poses of the places.
        lattice: station and lateral offset of each place, and its neighbours.
        features: (P, h, columns, D) int8, unit vectors times 127; for whole-image embeddings (P, 1, headings, D) int16,
            times 32767; 0 where nothing returned. Memory-mapped if loaded from a folder.
        keyframes: (K,) of :data:`KEYFRAME`.
        points: (N,) of :data:`POINT`, in the LiDAR's frame, centimetres.
        index: search over places x headings.
        path: the folder, or None for a map that was not saved.
    """

    manifest: Manifest
    T_map_base: NDArray[np.float64]
    lattice: PlaceLattice
    features: StoredFeatures
    keyframes: NDArray[np.void]
    points: NDArray[np.void]
    index: PlaceIndex
    path: Path | None = field(default=None)

    @cached_property
    def id(self) -> str:
        """Hash that identifies this map."""
        return hashlib.sha256(self.manifest.model_dump_json().encode()).hexdigest()

    @cached_property
    def returned(self) -> NDArray[np.bool_]:
        """(P, h, columns) cells with a return."""
        return np.asarray(np.any(self.features, axis=-1))

    @cached_property
    def view_poses(self) -> PoseSE2:
        """(P, 3) x, y [m] and yaw [rad] from which the panoramas were drawn."""
        return compose(se2_of(self.T_map_base), np.array([*self.manifest.view_origin[:2], 0.0]))

    @cached_property
    def _place_trees(self) -> dict[int, cKDTree]:
        positions = self.T_map_base[:, :3, 3]
        return {axes: cKDTree(positions[:, :axes]) for axes in (2, 3)}

    def nearest_places(self, positions: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return the rows (K,) of the places nearest to positions (K, 3) or, whatever the height, (K, 2) [m]."""
        _, places = self._place_trees[positions.shape[1]].query(positions)
        return np.asarray(places, np.intp)

    @property
    def place_spacing(self) -> tuple[float, float]:
        """Distance between places along the path and across it [m]; across it 0 if there are none beside the path."""
        return self.manifest.config.place_spacing, self.lattice.spacing

    @property
    def drawn_length(self) -> float:
        """Length of all lines of places together, those on the path and those beside it [m]."""
        return len(self.features) * self.manifest.config.place_spacing

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
        """Write the map; a previous map at ``path`` stays until the new one is complete. Returns the map as saved.

        Raises:
            FileError: the folder contains something other than a map, or cannot be written.
        """
        path = expand_path(path)
        check_replaceable(path, MANIFEST)
        arrays: dict[str, NDArray[Any]] = {
            PLACES: _stored_places(self.T_map_base, self.lattice),
            FEATURES: self.features,
            KEYFRAMES: self.keyframes,
            POINTS: self.points,
        }
        with replace_folder(path) as folder:
            for name, array in arrays.items():
                np.save(folder / name, array, allow_pickle=False)
            self.index.save(folder / INDEX)
            files = {f.name: StoredFile(sha256=sha256_of(f), bytes=f.stat().st_size) for f in sorted(folder.iterdir())}
            manifest = self.manifest.model_copy(update={"files": files})
            (folder / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n")
        return replace(self, manifest=manifest, path=path)

    @classmethod
    def load(cls, path: Path, bundle: ModelBundle | None = None, verify: bool = True) -> "LidarMap":
        """Open a map; its features and points stay on disk until used.

        Args:
            path: the map's folder.
            bundle: the model that will search the map; it must be the one that built it.
            verify: compare every file's checksum, which takes about a second per gigabyte.

        Raises:
            MapError: no map, a damaged one, one of a newer format, or one built by another model.
        """
        path = expand_path(path)
        manifest = read_manifest(path)
        if bundle is not None:
            check_model(manifest, bundle, str(path))
        required = (PLACES, FEATURES, KEYFRAMES, POINTS)
        missing = [n for n in required if n not in manifest.files or not (path / n).is_file()]
        if missing:
            raise MapError(f"{path / missing[0]}: missing from the map: copy or build the map again")
        if verify:
            verify_files(path, manifest)
        try:
            features, keyframes, points = (
                np.load(path / name, mmap_mode="r", allow_pickle=False) for name in (FEATURES, KEYFRAMES, POINTS)
            )
            T_map_base, lattice = _read_places(path / PLACES)
        except (OSError, ValueError, EOFError) as error:
            raise MapError(f"{path}: {error}: copy or build the map again") from error
        _check_shapes(path, manifest, T_map_base, features, keyframes, points)
        index = _index(path, features, lattice, manifest)
        return cls(manifest, T_map_base, lattice, features, keyframes, points, index, path)


def check_model(manifest: Manifest, bundle: ModelBundle, name: str) -> None:
    """Check that a map was built by this model.

    Raises:
        MapError: it was built by another one; ``name`` names the map in the message.
    """
    if manifest.model_id != bundle.id:
        raise MapError(
            f"{name}: made by model {manifest.model_id[:12]} ({manifest.model_name}), this is {bundle.id[:12]} "
            f"({bundle.spec.name}): build the map again with this model, or give the model it was made by"
        )


def verify_files(path: Path, manifest: Manifest) -> None:
    """Compare every file with its checksum. The index may be missing, because it can be rebuilt.

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
            remedy = "delete it, it will be rebuilt" if name == INDEX else "copy or build the map again"
            raise MapError(
                f"{path / name}: damaged, checksum {actual[:12]} is not {stored.sha256[:12]} of the manifest: {remedy}"
            )


def _stored_places(T_map_base: NDArray[np.float64], lattice: PlaceLattice) -> NDArray[np.void]:
    places = np.zeros(len(T_map_base), PLACE)
    places["T_map_base"], places["station"], places["lateral"] = T_map_base, lattice.station, lattice.lateral
    return places


def _read_places(path: Path) -> tuple[NDArray[np.float64], PlaceLattice]:
    """Return the poses (P, 4, 4) of the places, and their lattice. Format 2 has poses only, all on the path.

    Raises:
        ValueError: the file contains something else.
    """
    stored = np.load(path, allow_pickle=False)
    if stored.dtype != PLACE:
        return stored, PlaceLattice.along_path(len(stored))
    station, lateral = stored["station"], stored["lateral"]
    if station.min(initial=0) < 0 or station.max(initial=0) > len(stored) or not np.isfinite(lateral).all():
        raise ValueError("a place without station or lateral offset")
    return np.ascontiguousarray(stored["T_map_base"]), PlaceLattice(stored["station"], stored["lateral"])


def _check_shapes(
    path: Path,
    manifest: Manifest,
    T_map_base: NDArray[np.float64],
    features: StoredFeatures,
    keyframes: NDArray[np.void],
    points: NDArray[np.void],
) -> None:
    """Compare shapes and types of the arrays with the manifest.

    Raises:
        MapError: one differs.
    """
    layout = manifest.layout
    expected: dict[str, tuple[NDArray[Any], tuple[int, ...], np.dtype[Any]]] = {
        PLACES: (T_map_base, (manifest.places, 4, 4), np.dtype(np.float64)),
        FEATURES: (
            features,
            (manifest.places, layout.rows, layout.panorama_columns, layout.channels),
            feature_dtype(layout.rows),
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


def _index(path: Path, features: StoredFeatures, lattice: PlaceLattice, manifest: Manifest) -> PlaceIndex:
    """Read the stored index, or rebuild it if it is missing, or cannot be read by this FAISS version."""
    if INDEX in manifest.files and (path / INDEX).exists():
        with suppress(RuntimeError):
            return PlaceIndex.load(path / INDEX, manifest.layout, indexed_places(lattice, manifest.layout))
    return index_of(features, lattice, manifest.layout, manifest.config.index_size)


def index_of(features: StoredFeatures, lattice: PlaceLattice, layout: FeatureLayout, size: int) -> PlaceIndex:
    """Return the index of a map; see :meth:`PlaceIndex.build` for the arguments."""
    return PlaceIndex.build(features, layout, size, places=indexed_places(lattice, layout))


def indexed_places(lattice: PlaceLattice, layout: FeatureLayout) -> NDArray[np.intp]:
    """Return the rows of the places that are searched; matching compares those next to them.

    The embedding of a whole image has no features to compare.
    """
    return lattice.sparse_rows(1) if layout.embeds_whole_image else lattice.sparse_rows()
