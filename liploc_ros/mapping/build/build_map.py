# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Build a map in memory."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from liploc_ros.datasets.drive import Drive
from liploc_ros.encoders import Encoders, ModelBundle
from liploc_ros.geometry import Pose
from liploc_ros.geometry.geodesy import GeodeticDatum
from liploc_ros.mapping.build.description import describe_map
from liploc_ros.mapping.build.plan import BuildPlan
from liploc_ros.mapping.build.selection import Progress, Session, select_keyframes
from liploc_ros.mapping.build.tile_builder import TileBuilder
from liploc_ros.mapping.config import MapConfig
from liploc_ros.mapping.keyframes import Keyframe, ScanCounts
from liploc_ros.mapping.lidar_map import LidarMap
from liploc_ros.mapping.manifest import Manifest, Source
from liploc_ros.mapping.tile_manifest import MapError
from liploc_ros.mapping.tiles.tile import Tile


def build_map(
    drive: Drive,
    bundle: ModelBundle,
    config: MapConfig = MapConfig(),  # noqa: B008  frozen
    on_place: Progress | None = None,
    on_frame: Progress | None = None,
    encoders: Encoders | None = None,
    on_scans: Callable[[ScanCounts], object] | None = None,
) -> LidarMap:
    """Return the map of a recording, in memory; :func:`~liploc_ros.mapping.build.write_map` writes one of any length.

    Scans that cannot be read or have no pose are left out and counted.

    Args:
        drive: the recording.
        bundle: the model whose features the map stores.
        config: spacings and sizes.
        on_place: called after each place on the path, with those beside it.
        on_frame: called after each frame that was read.
        encoders: of the bundle; on ONNX Runtime if left out.
        on_scans: called with the counts of the scans before the places are drawn.

    Raises:
        MapError: the recording has no readable scan with a pose, or the mount of the LiDAR is not known.

    Examples:
        >>> from liploc_ros.mapping import MapConfig
        >>> drive = open_drive(Path("demo/kitti_0013_excerpt.mcap"))
        >>> lidar_map = build_map(drive, ModelBundle.load(), MapConfig(place_spacing=4.0, lateral_reach=0.0))
        >>> lidar_map.manifest.places, len(lidar_map.keyframes), lidar_map.manifest.base_frame
        (49, 17, 'base_link')
    """
    session, counts = select_keyframes(drive, config, on_frame)
    if on_scans is not None:
        on_scans(counts)
    return build_map_from_keyframes(
        session.keyframes,
        bundle,
        config,
        path=session.path,
        map_frame=drive.map_frame,
        base_frame=drive.base_frame,
        datum=drive.datum,
        geodetic_datum=drive.geodetic_datum,
        sources=() if session.source is None else (session.source,),
        on_place=on_place,
        encoders=encoders,
    )


def build_map_from_keyframes(
    keyframes: Sequence[Keyframe],
    bundle: ModelBundle,
    config: MapConfig,
    *,
    path: Sequence[Pose] | None = None,
    map_frame: str = "map",
    base_frame: str = "base_link",
    datum: str = "first pose of the recording",
    geodetic_datum: GeodeticDatum | None = None,
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
        geodetic_datum: where it is on earth, if that is known.
        sources: what the keyframes come from.
        on_place: called after each place on the path, with those beside it.
        encoders: of the bundle; on ONNX Runtime if left out.

    Raises:
        MapError: no keyframes, or none of them has a point on the grid.
    """
    plan = BuildPlan.of([Session(list(keyframes), list(path or ()))], config)
    builder, stations = TileBuilder(plan, encoders or bundle.encoders(), config), StationCount(plan, on_place)
    tiles = [builder.build(number, stations.add) for number in range(plan.tiles)]
    check_content(tiles, plan)
    manifest = describe_build(plan, bundle, config, sum(len(tile.station) for tile in tiles), sources)
    frames: dict[str, Any] = {
        "map_frame": map_frame,
        "base_frame": base_frame,
        "datum": datum,
        "geodetic_datum": geodetic_datum,
    }
    return LidarMap.of_tiles(manifest.model_copy(update=frames), tiles, bundle)


def describe_build(
    plan: BuildPlan, bundle: ModelBundle, config: MapConfig, places: int, sources: tuple[Source, ...]
) -> Manifest:
    """Return the manifest of a map that was built by a plan."""
    coding = bundle.coding if config.code_features else None
    return describe_map(
        bundle,
        config,
        map_frame="map",
        base_frame="base_link",
        datum="",
        view_origin=plan.view_origin,
        sources=sources,
        keyframes=len(plan.keyframes),
        places=places,
        path_length=plan.path_length,
        coding=None if coding is None else coding.id,
    )


def check_content(tiles: Iterable[Tile], plan: BuildPlan) -> None:
    """Check that tiles show anything.

    Raises:
        MapError: no scan of theirs has a point on the view grid.
    """
    if not any(tile.has_content for tile in tiles):
        raise MapError(f"none of {len(plan.keyframes)} scans has a point on the view grid: check the LiDAR's mount")


class StationCount:
    """Counts the places on the path that are done, for a progress bar."""

    def __init__(self, plan: BuildPlan, on_place: Progress | None, done: int = 0) -> None:
        """Take the plan, the function to call, and how many are done already."""
        self._total, self._on_place, self._done = len(plan.tile), on_place, done

    def add(self, count: int = 1) -> None:
        """Count places that are done."""
        self._done += count
        if self._on_place is not None:
            self._on_place(self._done, self._total)
