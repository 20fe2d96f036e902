# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Maps of formats 1 to 3, which are not divided into tiles."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liploc_ros.mapping.clouds import Clouds, encode_cloud
from liploc_ros.mapping.features import feature_dtype
from liploc_ros.mapping.lattice import PlaceLattice
from liploc_ros.mapping.manifest import Manifest
from liploc_ros.mapping.tile_manifest import MapError
from liploc_ros.mapping.tiles.array_file import REMEDY, load_array
from liploc_ros.mapping.tiles.tile import KEYFRAME, Tile, verify_files

PLACES, FEATURES, KEYFRAMES, POINTS, INDEX = "places.npy", "cells.npy", "keyframes.npy", "points.npy", "index.faiss"
POINT_RESOLUTION = 0.01  # metres per count
POINT = np.dtype([("xyz", "<i2", 3), ("reflectance", "u1")])
PLACE = np.dtype([("T_map_base", "<f8", (4, 4)), ("station", "<i4"), ("lateral", "<f4")])
STORED_KEYFRAME = np.dtype([("stamp_ns", "<i8"), ("T_map_lidar", "<f8", (4, 4)), ("first", "<i8"), ("count", "<i8")])


class _PlainClouds(Clouds):
    """Points that are not compressed."""

    def __init__(self, points: NDArray[np.void], keyframes: NDArray[np.void]) -> None:
        super().__init__()
        self._points, self._keyframes = points, keyframes

    def __len__(self) -> int:
        return len(self._keyframes)

    def encoded(self, keyframe: int) -> bytes:
        return encode_cloud(self[keyframe])

    def __getitem__(self, keyframe: int) -> NDArray[np.float32]:
        row = self._keyframes[keyframe]
        stored = self._points[row["first"] : row["first"] + row["count"]]
        points = np.empty((len(stored), 4), np.float32)
        points[:, :3] = stored["xyz"] * np.float32(POINT_RESOLUTION)
        points[:, 3] = stored["reflectance"] * np.float32(1 / 255)
        return points


def read_legacy_map(path: Path, manifest: Manifest, verify: bool = True) -> Tile:
    """Return a map of format 1, 2 or 3 as one tile whose features are not coded.

    Args:
        path: the map's folder.
        manifest: of the map.
        verify: compare every file with its checksum.

    Raises:
        MapError: a file is missing or damaged.
    """
    required = (PLACES, FEATURES, KEYFRAMES, POINTS)
    missing = [n for n in required if n not in manifest.files or not (path / n).is_file()]
    if missing:
        raise MapError(f"{path / missing[0]}: missing from the map: {REMEDY}")
    if verify:
        _verify(path, manifest)
    try:
        features, keyframes, points = (load_array(path / name) for name in (FEATURES, KEYFRAMES, POINTS))
        T_map_base, lattice = _read_places(path / PLACES)
    except (ValueError, TypeError) as error:
        raise MapError(f"{path}: {' '.join(str(error).split())}: {REMEDY}") from error
    layout = manifest.layout
    shape = (manifest.places, layout.rows, layout.panorama_columns, layout.channels)
    _check(path / PLACES, T_map_base, (manifest.places, 4, 4), np.dtype(np.float64))
    _check(path / FEATURES, features, shape, feature_dtype(layout.rows))
    _check(path / KEYFRAMES, keyframes, (manifest.keyframes,), STORED_KEYFRAME)
    _check(path / POINTS, points, points.shape[:1], POINT)
    kept = np.zeros(len(keyframes), KEYFRAME)
    for name in KEYFRAME.names or ():
        kept[name] = keyframes[name]
    clouds = _PlainClouds(points, keyframes)
    return Tile(T_map_base, lattice.station, lattice.lateral, features, None, kept, clouds)


def _verify(path: Path, manifest: Manifest) -> None:
    """Compare every file with its checksum. The index may be missing, because it can be built again."""
    needed = {name: file for name, file in manifest.files.items() if name != INDEX}
    verify_files(path, needed)
    if INDEX in manifest.files and (path / INDEX).exists():
        try:
            verify_files(path, {INDEX: manifest.files[INDEX]})
        except MapError as error:
            raise MapError(f"{str(error).removesuffix(REMEDY)}delete it, it will be built again") from error


def _read_places(path: Path) -> tuple[NDArray[np.float64], PlaceLattice]:
    """Return the poses (P, 4, 4) of the places, and their lattice. Format 2 has poses only, all on the path.

    Raises:
        ValueError: the file contains something else.
    """
    stored = load_array(path, None)
    if stored.dtype != PLACE:
        return stored, PlaceLattice.along_path(len(stored))
    station, lateral = stored["station"], stored["lateral"]
    if station.min(initial=0) < 0 or station.max(initial=0) > len(stored) or not np.isfinite(lateral).all():
        raise ValueError("a place without station or lateral offset")
    return np.ascontiguousarray(stored["T_map_base"]), PlaceLattice(stored["station"], stored["lateral"])


def _check(path: Path, array: NDArray[Any], shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Compare shape and type of an array with the manifest.

    Raises:
        MapError: one differs.
    """
    if array.shape != shape or array.dtype != dtype:
        raise MapError(
            f"{path}: {array.dtype} of shape {array.shape}, the manifest says {dtype} of {shape}: build the map again"
        )
