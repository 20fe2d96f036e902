# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Build a map: keyframes, places, panoramas, features, index."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timezone

import numpy as np
from numpy.typing import NDArray

from liploc_ros import __version__
from liploc_ros.datasets.drive import Drive
from liploc_ros.encoders import Encoders, ModelBundle
from liploc_ros.errors import LiplocError
from liploc_ros.geometry import Pose, ViewGrid
from liploc_ros.mapping.config import MapConfig
from liploc_ros.mapping.features import StoredFeatures, quantize_features
from liploc_ros.mapping.free_space import free_offsets
from liploc_ros.mapping.keyframes import Keyframe, KeyframeSelector, ScanCounts
from liploc_ros.mapping.lattice import PlaceLattice
from liploc_ros.mapping.lidar_map import KEYFRAME, POINT, POINT_RESOLUTION, LidarMap, index_of
from liploc_ros.mapping.manifest import Manifest, MapError, Source
from liploc_ros.mapping.place_index import heading_step_of
from liploc_ros.mapping.places import Places, path_distance, places_along
from liploc_ros.views import Panorama, Scan, StaticScans, draw_virtual_view

Progress = Callable[[int, int], None]
"""Called with the number of items done and the total."""


def build_map(
    drive: Drive,
    bundle: ModelBundle,
    config: MapConfig = MapConfig(),  # noqa: B008  frozen
    on_place: Progress | None = None,
    on_frame: Progress | None = None,
    encoders: Encoders | None = None,
    on_scans: Callable[[ScanCounts], None] | None = None,
) -> LidarMap:
    """Return the map of a recording. Scans that cannot be read or have no pose are left out and counted.

    Args:
        drive: the recording.
        bundle: the model whose features the map stores.
        config: spacings and sizes.
        on_place: called after each place that was drawn.
        on_frame: called after each frame that was read.
        encoders: of the bundle; on ONNX Runtime if left out.
        on_scans: called with the counts of the scans before the places are drawn.

    Raises:
        MapError: the recording has no readable scan with a pose, or the mount of the LiDAR is not known.
    """
    selector, counts = _select_keyframes(drive, config.keyframe_spacing, on_frame)
    if on_scans is not None:
        on_scans(counts)
    return build_map_from_keyframes(
        selector.keyframes,
        bundle,
        config,
        path=selector.path,
        map_frame=drive.map_frame,
        base_frame=drive.base_frame,
        datum=drive.datum,
        sources=(Source(name=drive.name, scans=counts.kept + counts.near, sha256=_points_hash(selector.keyframes)),),
        on_place=on_place,
        encoders=encoders,
    )


def _select_keyframes(drive: Drive, spacing: float, on_frame: Progress | None) -> tuple[KeyframeSelector, ScanCounts]:
    if drive.T_base_lidar is None:
        raise MapError(f"{drive.source}: has no scans: give a recording with a LiDAR")
    selector, counts = KeyframeSelector(spacing, drive.T_base_lidar), ScanCounts()
    for number, frame in enumerate(drive.frames):
        if frame.read_points is not None and frame.T_map_base is None:
            counts.without_pose += 1
        elif frame.read_points is not None and frame.T_map_base is not None:
            try:
                is_kept = selector.add_scan(frame.stamp_ns, frame.T_map_base, frame.read_points)
                counts.kept, counts.near = counts.kept + is_kept, counts.near + (not is_kept)
            except LiplocError as error:
                counts.unreadable += 1
                counts.reason = counts.reason or str(error)
        elif frame.T_map_base is not None:
            selector.add_pose(frame.T_map_base)
        if on_frame is not None:
            on_frame(number + 1, len(drive.frames))
    if not selector.keyframes:
        reason = drive.pose_problem or f"{counts.describe(spacing)}: give another recording"
        raise MapError(f"{drive.source}: no scan can be used: {reason}")
    return selector, counts


def build_map_from_keyframes(
    keyframes: Sequence[Keyframe],
    bundle: ModelBundle,
    config: MapConfig,
    *,
    path: Sequence[Pose] | None = None,
    map_frame: str = "map",
    base_frame: str = "base_link",
    datum: str = "first pose of the recording",
    sources: tuple[Source, ...] = (),
    on_place: Progress | None = None,
    encoders: Encoders | None = None,
) -> LidarMap:
    """Return the map drawn from keyframes.

    Args:
        keyframes: in driving order.
        bundle: the model whose features the map stores.
        config: spacings and sizes.
        path: base poses between and at the keyframes, in driving order; the keyframes' own if left out.
        map_frame: frame of the poses.
        base_frame: vehicle frame of the poses.
        datum: what the origin of the map frame is.
        sources: what the keyframes come from.
        on_place: called after each place that was drawn.
        encoders: of the bundle; on ONNX Runtime if left out.

    Raises:
        MapError: no keyframes, or none of them has a point on the grid.
    """
    if not keyframes:
        raise MapError("no keyframes to build a map from: give scans with poses")
    keyframe_poses = np.stack([k.T_map_base for k in keyframes])
    path_poses = keyframe_poses if path is None or not len(path) else np.stack(path)
    places = places_along(path_poses, keyframe_poses, config)
    x, y, z = keyframes[0].T_base_lidar[:3, 3] if config.view_origin is None else config.view_origin
    origin = (float(x), float(y), float(z))
    scans = _static_scans(keyframes) if config.remove_dynamic else [Scan(k.points, k.T_map_lidar) for k in keyframes]
    places = add_lateral_places(places, lambda place: [scans[k] for k in places.drawn_from(place)], origin, config)
    features = _encode_places(scans, places, origin, encoders or bundle.encoders(), on_place)
    if not features.any():
        raise MapError(f"none of {len(keyframes)} scans has a point on the view grid: check the LiDAR's mount")
    stored_keyframes, points = _store_points(keyframes, config.point_voxel)
    manifest = describe_map(
        bundle,
        config,
        map_frame=map_frame,
        base_frame=base_frame,
        datum=datum,
        view_origin=origin,
        sources=sources,
        keyframes=len(keyframes),
        places=len(features),
        path_length=float(path_distance(path_poses)[-1]),
    )
    lattice = PlaceLattice(places.station, places.lateral)
    index = index_of(features, lattice, bundle.spec, config.index_size)
    return LidarMap(manifest, places.T_map_base, lattice, features, stored_keyframes, points, index)


def describe_map(
    bundle: ModelBundle,
    config: MapConfig,
    *,
    map_frame: str,
    base_frame: str,
    datum: str,
    view_origin: tuple[float, float, float],
    places: int,
    path_length: float,
    keyframes: int = 0,
    sources: tuple[Source, ...] = (),
) -> Manifest:
    """Return the manifest of a new map that was not saved yet; see :class:`Manifest` for the arguments."""
    spec = bundle.spec
    return Manifest(
        liploc_version=__version__,
        created_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        model_id=bundle.id,
        model_name=spec.name,
        trained_on=spec.training.drives,
        grid=spec.grid,
        stride=spec.stride,
        method=spec.method,
        pool=spec.pool,
        channels=spec.channels,
        config=config,
        confidence_model=spec.confidence_model,
        map_frame=map_frame,
        base_frame=base_frame,
        datum=datum,
        view_origin=view_origin,
        sources=sources,
        keyframes=keyframes,
        places=places,
        headings=spec.headings // heading_step_of(spec),
        path_length=path_length,
        files={},
    )


def draw_places(
    scans: Iterable[Sequence[Scan]],
    T_map_base: NDArray[np.float64],
    view_origin: Sequence[float] | NDArray[np.float64],
    grid: ViewGrid,
) -> Iterator[Panorama]:
    """Yield the panorama at each place.

    Args:
        scans: those that each place is drawn from.
        T_map_base: (P, 4, 4) places.
        view_origin: of the views in the base frame [m]; their axes are those of the base.
        grid: of the views.
    """
    T_base_view = np.eye(4)
    T_base_view[:3, 3] = view_origin
    for place_scans, T in zip(scans, T_map_base, strict=True):
        yield draw_virtual_view(place_scans, T @ T_base_view, grid)


def add_lateral_places(
    path_places: Places,
    scans_of: Callable[[int], Sequence[Scan]],
    view_origin: Sequence[float] | NDArray[np.float64],
    config: MapConfig,
) -> Places:
    """Return places on the path with those beside it, where the scans show free road.

    Args:
        path_places: on the path.
        scans_of: returns the scans of a place, without moving objects.
        view_origin: of the views in the base frame [m].
        config: reach and spacing across the path.
    """
    offsets, origin = config.lateral_offsets, np.asarray(view_origin, np.float64)
    if len(offsets) == 1:
        return path_places
    return path_places.with_lateral_places(
        offsets, lambda place: free_offsets(scans_of(place), path_places.T_map_base[place], origin, offsets)
    )


def _static_scans(keyframes: Sequence[Keyframe]) -> list[Scan]:
    """Return the scans of keyframes without moving objects."""
    scans = [Scan(k.points, k.T_map_lidar) for k in keyframes]
    static_scans = StaticScans(scans, np.stack([k.T_map_lidar[:3, 3] for k in keyframes]))
    return [static_scans.static_scan(k) for k in range(len(scans))]


def _encode_places(
    scans: Sequence[Scan],
    places: Places,
    view_origin: tuple[float, float, float],
    encoders: Encoders,
    on_place: Progress | None,
) -> StoredFeatures:
    """Return (P, h, columns, D) features."""
    place_scans = ([scans[k] for k in places.drawn_from(p)] for p in range(len(places.T_map_base)))
    features: list[StoredFeatures] = []
    for panorama in draw_places(place_scans, places.T_map_base, view_origin, encoders.bundle.spec.grid):
        features.append(quantize_features(encoders.encode_panorama(panorama)))
        if on_place is not None:
            on_place(len(features), len(places.T_map_base))
    return np.stack(features)


def _store_points(keyframes: Sequence[Keyframe], voxel: float) -> tuple[NDArray[np.void], NDArray[np.void]]:
    """Return keyframe rows and their points, thinned to one per voxel and rounded to a centimetre."""
    rows = np.zeros(len(keyframes), KEYFRAME)
    clouds = []
    first = 0
    for row, keyframe in zip(rows, keyframes, strict=True):
        points = keyframe.points[np.isfinite(keyframe.points[:, :3]).all(axis=1)]
        points = points[np.abs(points[:, :3]).max(axis=1, initial=0) < np.iinfo(np.int16).max * POINT_RESOLUTION]
        points = points[_first_of_each_voxel(points[:, :3], voxel)] if voxel else points
        cloud = np.zeros(len(points), POINT)
        cloud["xyz"] = np.rint(points[:, :3] / POINT_RESOLUTION)
        if points.shape[1] == 4:
            cloud["reflectance"] = np.rint(np.clip(np.nan_to_num(points[:, 3]), 0, 1) * 255)
        row["stamp_ns"], row["T_map_lidar"] = keyframe.stamp_ns, keyframe.T_map_lidar
        row["first"], row["count"] = first, len(cloud)
        first += len(cloud)
        clouds.append(cloud)
    return rows, np.concatenate(clouds)


def _first_of_each_voxel(xyz: NDArray[np.float32], voxel: float) -> NDArray[np.intp]:
    """Return the sorted indices of the first point in each voxel."""
    corner = np.floor(xyz / voxel).astype(np.int64)
    key = (corner[:, 0] << 42) ^ ((corner[:, 1] & 0x1FFFFF) << 21) ^ (corner[:, 2] & 0x1FFFFF)
    return np.asarray(np.sort(np.unique(key, return_index=True)[1]))


def _points_hash(keyframes: Sequence[Keyframe]) -> str:
    digest = hashlib.sha256()
    for keyframe in keyframes:
        digest.update(np.ascontiguousarray(keyframe.points).tobytes())
    return digest.hexdigest()
