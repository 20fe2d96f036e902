# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Build one tile: remove moving objects, find free places, draw, encode and code them."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from liploc_ros.encoders import Encoders, ModelBundle
from liploc_ros.encoders.coding import MapCoding
from liploc_ros.encoders.spec import FeatureLayout
from liploc_ros.mapping.build.drawing import add_lateral_places, draw_places
from liploc_ros.mapping.build.plan import BuildPlan
from liploc_ros.mapping.clouds import Clouds, encode_cloud
from liploc_ros.mapping.config import MapConfig
from liploc_ros.mapping.feature_table import CodedPanoramas
from liploc_ros.mapping.features import StoredFeatures, quantize_features, unit_features
from liploc_ros.mapping.keyframes import Keyframe
from liploc_ros.mapping.lattice import is_searched
from liploc_ros.mapping.places import Places
from liploc_ros.mapping.search.heading_compressor import HeadingCoder
from liploc_ros.mapping.tiles.tile import KEYFRAME, Tile
from liploc_ros.views import Scan, StaticScans
from liploc_ros.views.lazy_sequence import LazySequence

SCANS_IN_MEMORY = 64  # of about 2 MB each; a place needs its neighbours' scans


class TileBuilder:
    """Builds the tiles of a map. A tile depends on the plan and on the points of its keyframes only, to the byte.

    Places are drawn and encoded in threads: NumPy, ONNX Runtime and FAISS leave Python free for the others meanwhile.
    Encoding several panoramas in one call takes no less time.
    """

    def __init__(self, plan: BuildPlan, encoders: Encoders, config: MapConfig, workers: int = 1) -> None:
        """Take the plan, the encoders of the model, the settings of the map, and the number of threads."""
        self._plan, self._encoders, self._config, self._workers = plan, encoders, config, workers

    def build(self, number: int, on_station: Callable[[], object] | None = None) -> Tile:
        """Return a tile.

        Args:
            number: of the tile in the plan.
            on_station: called after each place on the path, with those beside it.
        """
        plan = self._plan
        used = plan.used_keyframes(number)
        scans = _KeyframeScans([plan.keyframes[k] for k in used])
        static = _static_scans(scans) if self._config.remove_dynamic else scans.__getitem__
        rows = plan.places_of(number)
        on_path = Places(
            plan.places.T_map_base[rows], plan.places.keyframes[rows], plan.places.station[rows], np.zeros(len(rows))
        )
        storage = _storage(self._encoders.bundle, self._config)

        def draw(station: int) -> _Station:
            place_scans = [static(k - used.start) for k in on_path.drawn_from(station)]
            places = self._beside(on_path, station, place_scans)
            features = self._features(places, place_scans)
            return _Station(places, [storage.code(f, at) for f, at in zip(features, places.lateral, strict=True)])

        stations = []
        for station in self._in_order(draw, len(rows)):
            stations.append(station)
            if on_station is not None:
                on_station()
        panoramas, descriptors = storage.joined([coded for station in stations for coded in station.coded])
        return Tile(
            np.concatenate([station.places.T_map_base for station in stations]),
            np.concatenate([station.places.station for station in stations]),
            np.concatenate([station.places.lateral for station in stations]),
            panoramas,
            descriptors,
            *self._keyframes(number),
        )

    def _in_order(self, draw: "Callable[[int], _Station]", count: int) -> "Iterator[_Station]":
        """Yield the stations of a tile in their order, whichever is finished first."""
        if self._workers == 1:
            yield from map(draw, range(count))
            return
        _ = self._encoders.lidar  # loaded once, before several threads ask for it
        pool = ThreadPoolExecutor(self._workers, "draw")
        try:
            yield from pool.map(draw, range(count))
        finally:
            pool.shutdown(cancel_futures=True)  # after Ctrl-C, only what is being drawn is finished

    def _beside(self, on_path: Places, station: int, scans: Sequence[Scan]) -> Places:
        """Return the place on the path at a station, and those beside it."""
        row = np.array([station])
        one = Places(on_path.T_map_base[row], on_path.keyframes[row], np.zeros(1, np.intp), np.zeros(1))
        places = add_lateral_places(one, lambda _: scans, self._plan.view_origin, self._config)
        return Places(places.T_map_base, places.keyframes, places.station + on_path.station[station], places.lateral)

    def _features(self, places: Places, scans: Sequence[Scan]) -> Iterator[StoredFeatures]:
        """Yield the features (h, columns, D) of places that are drawn from the same scans."""
        grid = self._encoders.bundle.spec.grid
        same = [scans] * len(places.T_map_base)
        for panorama in draw_places(same, places.T_map_base, self._plan.view_origin, grid):
            yield quantize_features(self._encoders.encode_panorama(panorama))

    def _keyframes(self, number: int) -> tuple[NDArray[np.void], Clouds]:
        """Return the keyframes of a tile, and their points, thinned to one per voxel."""
        own = self._plan.own_keyframes(number)
        rows, clouds, voxel = np.zeros(len(own), KEYFRAME), [], self._config.point_voxel
        for row, keyframe in zip(rows, (self._plan.keyframes[k] for k in own), strict=True):
            row["stamp_ns"], row["T_map_lidar"] = keyframe.stamp_ns, keyframe.T_map_lidar
            if self._config.store_points:
                points = keyframe.points
                points = points[np.isfinite(points[:, :3]).all(axis=1)]
                points = points[_first_of_each_voxel(points[:, :3], voxel)] if voxel else points
                row["count"] = len(points)
                clouds.append(encode_cloud(points))
        return rows, Clouds.of(clouds) if clouds else Clouds()


class _Coded(NamedTuple):
    """What is stored of a panorama: its features, and the codes of its descriptors if it is searched."""

    features: StoredFeatures | CodedPanoramas
    descriptors: NDArray[np.uint8] | None


class _Station(NamedTuple):
    """A place on the path and those beside it."""

    places: Places
    coded: list[_Coded]


class _PlainStorage:
    """The features of places as integers."""

    def code(self, features: StoredFeatures, lateral: np.float64) -> _Coded:
        return _Coded(features, None)

    def joined(self, coded: Sequence[_Coded]) -> tuple[StoredFeatures | CodedPanoramas, NDArray[np.uint8] | None]:
        return np.stack([c.features for c in coded if not isinstance(c.features, CodedPanoramas)]), None


class _CodedStorage:
    """The codes of the features of places, and of the descriptors of those that are searched."""

    def __init__(self, coding: MapCoding, layout: FeatureLayout, config: MapConfig) -> None:
        self._coding, self._config = coding, config
        self._coder = HeadingCoder(coding.descriptors, layout)

    def code(self, features: StoredFeatures, lateral: np.float64) -> _Coded:
        panoramas = CodedPanoramas.of([unit_features(features)], self._coding.features)
        searched = is_searched(np.array([lateral]), self._config)[0]
        return _Coded(panoramas, self._coder.encode(features) if searched else None)

    def joined(self, coded: Sequence[_Coded]) -> tuple[StoredFeatures | CodedPanoramas, NDArray[np.uint8] | None]:
        panoramas = CodedPanoramas.joined([c.features for c in coded if isinstance(c.features, CodedPanoramas)])
        return panoramas, np.stack([c.descriptors for c in coded if c.descriptors is not None])


def _storage(bundle: ModelBundle, config: MapConfig) -> _PlainStorage | _CodedStorage:
    coding = bundle.coding if config.code_features else None
    return _PlainStorage() if coding is None else _CodedStorage(coding, bundle.spec, config)


class _KeyframeScans(LazySequence[Scan]):
    """The scans of keyframes; those used last are in memory."""

    def __init__(self, keyframes: Sequence[Keyframe]) -> None:
        self._keyframes = keyframes
        self._read = _one_thread_at_a_time(
            lru_cache(SCANS_IN_MEMORY)(lambda k: Scan(keyframes[k].points, keyframes[k].T_map_lidar))
        )

    def __len__(self) -> int:
        return len(self._keyframes)

    def item(self, index: int) -> Scan:
        """Return a scan."""
        return self._read(index)

    @property
    def positions(self) -> NDArray[np.float64]:
        """(K, 3) of the LiDAR in the map frame [m]."""
        return np.stack([keyframe.T_map_lidar[:3, 3] for keyframe in self._keyframes])


def _static_scans(scans: _KeyframeScans) -> Callable[[int], Scan]:
    """Return the function that gives a scan without moving objects."""
    static = StaticScans(scans, scans.positions).static_scan
    return _one_thread_at_a_time(lru_cache(SCANS_IN_MEMORY // 2)(static))


def _one_thread_at_a_time(function: Callable[[int], Scan]) -> Callable[[int], Scan]:
    """Return a cached function that does not do the same twice because two threads ask at the same time."""
    lock = threading.Lock()

    def call(number: int) -> Scan:
        with lock:
            return function(number)

    return call


def _first_of_each_voxel(xyz: NDArray[np.float32], voxel: float) -> NDArray[np.intp]:
    """Return the sorted indices of the first point in each voxel."""
    corner = np.floor(xyz / voxel).astype(np.int64)
    key = (corner[:, 0] << 42) ^ ((corner[:, 1] & 0x1FFFFF) << 21) ^ (corner[:, 2] & 0x1FFFFF)
    return np.asarray(np.sort(np.unique(key, return_index=True)[1]))
