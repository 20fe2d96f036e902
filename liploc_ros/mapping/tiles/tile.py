# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""A tile: the places of a piece of the path, their features, and the keyframes on it; and its folder."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from liploc_ros.encoders.spec import FeatureLayout
from liploc_ros.files import reason_of, sha256_of
from liploc_ros.mapping.checksummed_json import ChecksumError, read_checksummed_json, to_checksummed_json
from liploc_ros.mapping.clouds import Clouds
from liploc_ros.mapping.feature_table import CodedPanoramas
from liploc_ros.mapping.features import StoredFeatures, feature_dtype
from liploc_ros.mapping.tile_manifest import MapError, StoredFile, TileEntry, TileManifest
from liploc_ros.mapping.tiles.array_file import REMEDY, StoredRows, load_array

MANIFEST = "manifest.json"
PLACES, FEATURES, RETURNED, DESCRIPTORS = "places.npy", "features.npy", "returned.npy", "descriptors.npy"
KEYFRAMES, POINTS = "keyframes.npy", "points.bin"
# Rotation vector: axis times angle [rad]. Of a quaternion without w, a turn by 180 degrees would be 0.0005 rad wrong.
PLACE = np.dtype([("xyz", "<f4", 3), ("rotation_vector", "<f4", 3), ("station", "<u4"), ("lateral", "<f4")])
KEYFRAME = np.dtype([("stamp_ns", "<i8"), ("T_map_lidar", "<f8", (4, 4)), ("count", "<i8")])
_STORED_KEYFRAME = np.dtype([*KEYFRAME.descr, ("bytes", "<i8")])


@dataclass(frozen=True)
class Tile:
    """Places in driving order, with what is compared and shown.

    Attributes:
        T_map_base: (P, 4, 4) poses of the places.
        station: (P,) of each place, counted over the whole map.
        lateral: (P,) distance to the left of the path [m].
        panoramas: their features, see :class:`~liploc_ros.mapping.feature_table.FeatureTable`.
        descriptors: (N, headings, bytes) uint8 codes of the descriptors of the places that are searched; None if the
            features are not coded.
        keyframes: (K,) of :data:`KEYFRAME`.
        clouds: points of the keyframes; empty if they are not kept.
    """

    T_map_base: NDArray[np.float64]
    station: NDArray[np.intp]
    lateral: NDArray[np.float64]
    panoramas: StoredFeatures | CodedPanoramas
    descriptors: NDArray[np.uint8] | None
    keyframes: NDArray[np.void]
    clouds: Clouds

    @property
    def has_content(self) -> bool:
        """Whether any scan has a point on the view grid."""
        panoramas = self.panoramas
        return bool(np.any(panoramas.returned if isinstance(panoramas, CodedPanoramas) else panoramas))


def write_tile(folder: Path, tile: Tile, format_version: int, coding: str | None) -> TileEntry:
    """Write a tile into a new folder; return its entry in the manifest of the map.

    Raises:
        OSError: it cannot be written.
    """
    folder.mkdir(parents=True)
    position = tile.T_map_base[:, :3, 3]
    origin = np.round(position[:1].reshape(-1, 3).sum(axis=0))  # of whole metres: exact in JSON
    arrays: dict[str, NDArray[Any]] = {PLACES: _stored_places(tile, origin), KEYFRAMES: _stored_keyframes(tile)}
    if isinstance(tile.panoramas, CodedPanoramas):
        arrays |= {FEATURES: tile.panoramas.codes, RETURNED: tile.panoramas.returned}
    else:
        arrays[FEATURES] = tile.panoramas
    if tile.descriptors is not None:
        arrays[DESCRIPTORS] = tile.descriptors
    for name, array in arrays.items():
        np.save(folder / name, np.ascontiguousarray(array), allow_pickle=False)
    if len(tile.clouds):
        (folder / POINTS).write_bytes(b"".join(tile.clouds.encoded(k) for k in range(len(tile.clouds))))
    files = {f.name: StoredFile(sha256=sha256_of(f), bytes=f.stat().st_size) for f in sorted(folder.iterdir())}
    text = to_checksummed_json(
        TileManifest(
            format_version=format_version,
            coding=coding,
            origin=_point(origin),
            places=len(position),
            keyframes=len(tile.keyframes),
            files=files,
        )
    )
    (folder / MANIFEST).write_bytes(text)
    return TileEntry(
        name=folder.name,
        sha256=hashlib.sha256(text).hexdigest(),
        bytes=sum(file.bytes for file in files.values()) + len(text),
        places=len(position),
        first_station=int(tile.station.min()),
        last_station=int(tile.station.max()),
        keyframes=len(tile.keyframes),
        lower=_point(position.min(axis=0)),
        upper=_point(position.max(axis=0)),
    )


def read_tile(folder: Path, entry: TileEntry, layout: FeatureLayout, verify: bool = True) -> Tile:
    """Open a tile; features and points stay on disk until they are used.

    Args:
        folder: of the tile.
        entry: of the tile in the manifest of the map.
        layout: how the features of the map are arranged.
        verify: compare every file with its checksum.

    Raises:
        MapError: a file is missing, damaged, or not of this map.
    """
    manifest = read_tile_manifest(folder, entry)
    if verify:
        verify_files(folder, manifest.files)
    coded = manifest.coding is not None
    rows, columns, channels = layout.rows, layout.panorama_columns, layout.channels
    count = manifest.places
    places = _load(folder, manifest, PLACES, PLACE, (count,))
    keyframes = _load(folder, manifest, KEYFRAMES, _STORED_KEYFRAME, (manifest.keyframes,))
    descriptors: NDArray[Any] | None = None
    panoramas: StoredFeatures | CodedPanoramas
    if coded:
        codes = _load(folder, manifest, FEATURES, np.dtype(np.uint8), (count, -1, -1))
        returned = _load(folder, manifest, RETURNED, np.dtype(np.uint8), (count, columns, -(-rows // 8)))
        descriptors = _load(folder, manifest, DESCRIPTORS, np.dtype(np.uint8), (-1, -1, -1))
        panoramas = CodedPanoramas(codes, returned)
    else:
        panoramas = _load(folder, manifest, FEATURES, feature_dtype(rows), (count, rows, columns, channels))
    check_places(folder / PLACES, places)
    T_map_base, station, lateral = poses_of(places, manifest.origin), *lattice_of(places)
    clouds = _read_clouds(folder, manifest, keyframes)
    return Tile(T_map_base, station, lateral, panoramas, descriptors, keyframes[list(KEYFRAME.names or ())], clouds)


def verify_files(folder: Path, files: dict[str, StoredFile]) -> None:
    """Compare files with their checksums.

    Raises:
        MapError: one is missing or differs.
    """
    for name, stored in files.items():
        try:
            actual = sha256_of(folder / name)
        except OSError as error:
            raise MapError(f"{folder / name}: {reason_of(error)}: {REMEDY}") from error
        if actual != stored.sha256:
            raise MapError(
                f"{folder / name}: damaged, checksum {actual[:12]} is not {stored.sha256[:12]} of the manifest: "
                f"{REMEDY}"
            )


def read_tile_manifest(folder: Path, entry: TileEntry) -> TileManifest:
    """Return the manifest of a tile.

    Raises:
        MapError: it is missing, damaged, or not of this map.
    """
    path = folder / MANIFEST
    try:
        text = path.read_bytes()
    except OSError as error:
        raise MapError(f"{path}: {reason_of(error)}: {REMEDY}") from error
    try:
        if hashlib.sha256(text).hexdigest() != entry.sha256:
            raise ChecksumError("damaged, or of another map: it differs from the manifest of the map")
        return read_checksummed_json(text, TileManifest)
    except ChecksumError as error:
        raise MapError(f"{path}: {error}: {REMEDY}") from error


def _load(
    folder: Path, manifest: TileManifest, name: str, dtype: np.dtype[Any], shape: tuple[int, ...]
) -> NDArray[Any]:
    """Return an array of the tile, memory-mapped; -1 stands for any length.

    Raises:
        MapError: it is missing, or has another type or shape.
    """
    path = folder / name
    if name not in manifest.files:
        raise MapError(f"{path}: missing from the tile: {REMEDY}")
    array = load_array(path)
    check_array(path, array, dtype, shape)
    return array


def check_array(path: Path, array: NDArray[Any] | StoredRows, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    """Check type and shape of an array in a file; -1 stands for any length.

    Raises:
        MapError: they are others.
    """
    fits = len(array.shape) == len(shape) and all(b in (a, -1) for a, b in zip(array.shape, shape, strict=True))
    if array.dtype != dtype or not fits:
        raise MapError(
            f"{path}: {array.dtype} of shape {array.shape}, the manifest says {dtype} of {shape}: build the map again"
        )


def _stored_places(tile: Tile, origin: NDArray[np.float64]) -> NDArray[np.void]:
    places = np.zeros(len(tile.T_map_base), PLACE)
    places["xyz"] = tile.T_map_base[:, :3, 3] - origin
    places["rotation_vector"] = Rotation.from_matrix(tile.T_map_base[:, :3, :3]).as_rotvec()
    places["station"], places["lateral"] = tile.station, tile.lateral
    return places


def check_places(path: Path, places: NDArray[np.void]) -> None:
    """Check what a file has about places.

    Raises:
        MapError: one is not finite.
    """
    if not all(np.isfinite(places[name]).all() for name in ("xyz", "rotation_vector", "lateral")):
        raise MapError(f"{path}: a place whose pose is not a number: {REMEDY}")


def poses_of(places: NDArray[np.void], origin: tuple[float, float, float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the poses (P, 4, 4) of stored places (P,) of a tile, or of tiles with origins (P, 3) [m]."""
    T = np.zeros((len(places), 4, 4))
    if len(places):
        T[:, :3, :3] = Rotation.from_rotvec(places["rotation_vector"].astype(np.float64)).as_matrix()
    T[:, :3, 3] = places["xyz"] + np.asarray(origin)
    T[:, 3, 3] = 1.0
    return T


def lattice_of(places: NDArray[np.void]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return stations and lateral offsets (P,) [m] of stored places (P,)."""
    lateral: NDArray[np.float64] = places["lateral"].astype(np.float64)
    return places["station"].astype(np.intp), np.round(lateral, 6)


def _stored_keyframes(tile: Tile) -> NDArray[np.void]:
    stored = np.zeros(len(tile.keyframes), _STORED_KEYFRAME)
    for name in KEYFRAME.names or ():
        stored[name] = tile.keyframes[name]
    if len(tile.clouds):
        stored["bytes"] = [len(tile.clouds.encoded(k)) for k in range(len(tile.clouds))]
    return stored


def _read_clouds(folder: Path, manifest: TileManifest, keyframes: NDArray[np.void]) -> Clouds:
    """Return the points of the keyframes, memory-mapped; nothing if the map was built without them.

    Raises:
        MapError: they are missing, or not those of the keyframes.
    """
    if POINTS not in manifest.files or not manifest.files[POINTS].bytes:
        return Clouds()
    path = folder / POINTS
    try:
        data = np.memmap(path, np.uint8, "r")
    except (OSError, ValueError) as error:
        raise MapError(f"{path}: {' '.join(str(error).split())}: {REMEDY}") from error
    offsets = np.concatenate([[0], np.cumsum(keyframes["bytes"])])
    if (keyframes["bytes"] < 0).any() or offsets[-1] != len(data):
        raise MapError(f"{path}: {len(data)} bytes, the keyframes say {offsets[-1]}: {REMEDY}")
    return Clouds([(data, offsets)])


def _point(values: NDArray[np.float64]) -> tuple[float, float, float]:
    x, y, z = np.round(values, 3).tolist()
    return x, y, z
