"""Build a map: keyframes, places, panoramas, cells, index."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timezone

import numpy as np
from numpy.typing import NDArray

from liploc_ros import __version__
from liploc_ros.datasets.drive import Drive
from liploc_ros.encoders import Encoders, ModelBundle
from liploc_ros.geometry import Pose, ViewGrid
from liploc_ros.mapping.config import MapConfig
from liploc_ros.mapping.keyframes import Keyframe, KeyframeSelector
from liploc_ros.mapping.lidar_map import KEYFRAME, POINT, POINT_RESOLUTION, LidarMap
from liploc_ros.mapping.manifest import Manifest, Source
from liploc_ros.mapping.place_index import Cells, PlaceIndex, stored_cells
from liploc_ros.mapping.places import Places, arc_length, places_along
from liploc_ros.mapping.storage import MapError
from liploc_ros.views import Panorama, Scan, StillScans, draw_virtual_view

Progress = Callable[[int, int], None]
"""Called with places done and places in all."""


def build_map_from_drive(
    drive: Drive,
    bundle: ModelBundle,
    config: MapConfig,
    progress: Progress | None = None,
    scans: Progress | None = None,
    encoders: Encoders | None = None,
) -> LidarMap:
    """Return the map of a recording; ``scans`` is told of frames read, ``progress`` of places drawn.

    Without ``encoders`` the bundle's run on ONNX Runtime.

    Raises:
        MapError: the recording has no scan with a pose, or no LiDAR pose in the vehicle.
        LiplocError: a scan cannot be read.
    """
    if drive.T_base_lidar is None:
        raise MapError(f"{drive.source}: where the LiDAR is mounted is not known: record /tf_static")
    selector = KeyframeSelector(config.keyframe_spacing, drive.T_base_lidar)
    looked_at = 0
    for number, frame in enumerate(drive.frames):
        if frame.T_map_base is not None and frame.read_points is not None:
            looked_at += 1
            selector.add(frame.stamp_ns, frame.T_map_base, frame.read_points)
        elif frame.T_map_base is not None:
            selector.pass_by(frame.T_map_base)
        if scans is not None:
            scans(number + 1, len(drive.frames))
    if not selector.keyframes:
        raise MapError(f"{drive.source}: no scan with a pose in {len(drive.frames)} frames: record points and odometry")
    return build_map(
        selector.keyframes,
        bundle,
        config,
        path=selector.path,
        map_frame=drive.map_frame,
        base_frame=drive.base_frame,
        datum=drive.datum,
        sources=(Source(name=drive.name, scans=looked_at, sha256=_points_hash(selector.keyframes)),),
        progress=progress,
        encoders=encoders,
    )


def build_map(
    keyframes: Sequence[Keyframe],
    bundle: ModelBundle,
    config: MapConfig,
    *,
    path: Sequence[Pose] | None = None,
    map_frame: str = "map",
    base_frame: str = "base_link",
    datum: str = "first pose of the recording",
    sources: tuple[Source, ...] = (),
    progress: Progress | None = None,
    encoders: Encoders | None = None,
) -> LidarMap:
    """Return the map drawn from keyframes.

    Args:
        keyframes: in the order driven.
        bundle: the model whose descriptors the map holds.
        config: spacings and sizes.
        path: base poses between and at the keyframes, in the order driven; the keyframes' own when left out.
        map_frame: frame of the poses.
        base_frame: vehicle frame of the poses.
        datum: what the origin of the map frame is.
        sources: what the keyframes come from.
        progress: told of places drawn.
        encoders: of the bundle; on ONNX Runtime when left out.

    Raises:
        MapError: no keyframes, or none of them has a point on the grid.
    """
    if not keyframes:
        raise MapError("no keyframes to build a map from: drive with the LiDAR and odometry running")
    poses = np.stack([k.T_map_base for k in keyframes])
    driven = poses if path is None or not len(path) else np.stack(path)
    places = places_along(driven, poses, config)
    origin = tuple(map(float, keyframes[0].T_base_lidar[:3, 3])) if config.view_origin is None else config.view_origin
    cells = _encode_places(keyframes, places, origin, encoders or bundle.encoders(), config.drop_moving, progress)
    if not cells.any():
        raise MapError(f"none of {len(keyframes)} scans has a point on the view grid: check the LiDAR's mounting")
    stored_keyframes, points = _store_points(keyframes, config.point_voxel)
    spec = bundle.spec
    index = PlaceIndex.build(cells, spec.grid, spec.stride, spec.pool, config.index_size)
    manifest = Manifest(
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
        calibration=spec.acceptance,
        map_frame=map_frame,
        base_frame=base_frame,
        datum=datum,
        view_origin=origin,
        sources=sources,
        keyframes=len(keyframes),
        places=len(cells),
        headings=cells.shape[2] // spec.pool,
        path_length=float(arc_length(driven)[-1]),
        files={},
    )
    return LidarMap(manifest, places.T_map_base, cells, stored_keyframes, points, index)


def draw_places(
    around: Iterable[Sequence[Scan]], T_map_base: NDArray[np.float64], origin: Iterable[float], grid: ViewGrid
) -> Iterator[Panorama]:
    """Yield the panorama at each place.

    Args:
        around: the scans that each place is drawn from.
        T_map_base: (P, 4, 4) places.
        origin: of the views in the base frame [m]; they have the base's axes.
        grid: of the views.
    """
    T_base_view = np.eye(4)
    T_base_view[:3, 3] = tuple(origin)
    for scans, T in zip(around, T_map_base, strict=True):
        yield draw_virtual_view(scans, T @ T_base_view, grid)


def _encode_places(
    keyframes: Sequence[Keyframe],
    places: Places,
    origin: Iterable[float],
    encoders: Encoders,
    drop_moving: bool,
    progress: Progress | None,
) -> Cells:
    """Return (P, h, around, D) cells."""
    scans = [Scan(k.points, k.T_map_lidar) for k in keyframes]
    if drop_moving:
        still = StillScans(scans, np.stack([k.T_map_lidar[:3, 3] for k in keyframes]))
        scans = [still.still(k) for k in range(len(scans))]
    around = ([scans[k] for k in places.drawn_from(p)] for p in range(len(places.T_map_base)))
    rows: list[Cells] = []
    for panorama in draw_places(around, places.T_map_base, origin, encoders.bundle.spec.grid):
        rows.append(stored_cells(encoders.encode_panorama(panorama)))
        if progress is not None:
            progress(len(rows), len(places.T_map_base))
    return np.stack(rows)


def _store_points(keyframes: Sequence[Keyframe], voxel: float) -> tuple[NDArray[np.void], NDArray[np.void]]:
    """Return keyframe rows and their points, thinned to one a voxel and rounded to a centimetre."""
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
    corner = np.floor(xyz / voxel).astype(np.int64)
    key = (corner[:, 0] << 42) ^ ((corner[:, 1] & 0x1FFFFF) << 21) ^ (corner[:, 2] & 0x1FFFFF)
    return np.asarray(np.sort(np.unique(key, return_index=True)[1]))


def _points_hash(keyframes: Sequence[Keyframe]) -> str:
    digest = hashlib.sha256()
    for keyframe in keyframes:
        digest.update(np.ascontiguousarray(keyframe.points).tobytes())
    return digest.hexdigest()
