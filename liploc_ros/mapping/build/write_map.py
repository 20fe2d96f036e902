# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Build a map of any length into its folder, tile by tile. A build that was stopped is continued."""

import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from liploc_ros.datasets.drive import Drive
from liploc_ros.encoders import Encoders, ModelBundle
from liploc_ros.errors import LiplocError
from liploc_ros.files import check_replaceable, expand_path
from liploc_ros.mapping.build.build_map import StationCount, check_content, describe_build
from liploc_ros.mapping.build.free_memory import return_free_memory
from liploc_ros.mapping.build.one_frame import in_one_frame
from liploc_ros.mapping.build.partial_map import PartialMap
from liploc_ros.mapping.build.plan import BuildPlan
from liploc_ros.mapping.build.selection import Progress, Session, select_keyframes
from liploc_ros.mapping.build.tile_builder import TileBuilder
from liploc_ros.mapping.config import MapConfig
from liploc_ros.mapping.keyframes import ScanCounts
from liploc_ros.mapping.lidar_map import LidarMap
from liploc_ros.mapping.manifest import MANIFEST, Manifest, Source
from liploc_ros.mapping.tile_manifest import TileEntry
from liploc_ros.mapping.tiles.tile import Tile

LOG = logging.getLogger(__name__)

BuildTiles = Callable[[BuildPlan, Sequence[int], Callable[[int], object]], Iterator[tuple[int, Tile]]]
"""Yields tiles of a plan with their numbers, in any order; calls the function with how many places were finished."""


class BuildStoppedError(LiplocError):
    """A build was stopped by Ctrl-C. What is finished is kept."""


class Written(NamedTuple):
    """The manifest of a map that was written, the counts of its scans, and the tiles that an earlier build finished."""

    manifest: Manifest
    counts: list[ScanCounts]
    resumed: int


def write_map(
    drives: Sequence[Drive],
    bundle: ModelBundle,
    path: Path,
    config: MapConfig = MapConfig(),  # noqa: B008  frozen
    on_place: Progress | None = None,
    on_frame: Progress | None = None,
    encoders: Encoders | None = None,
    workers: int = 1,
    build_tiles: BuildTiles | None = None,
) -> Written:
    """Build the map of one or several recordings into a folder.

    Points are read when they are needed: memory grows with the length by the poses only. If the features are not
    coded, the index is built at the end, and takes memory for the whole map.

    Finished tiles are kept in ``.NAME.partial`` next to the folder until the map is complete. If the build was stopped
    or killed, the same call continues with the next tile; the map is the same to the byte, except for ``created_at``.
    A previous map stays until the new one is complete.

    Args:
        drives: recordings. Each is a session: places of two are never neighbours along the path.
        bundle: the model whose features the map stores.
        path: folder of the map.
        config: spacings and sizes.
        on_place: called after each place on the path, with those beside it.
        on_frame: called after each frame that was read.
        encoders: of the bundle; on ONNX Runtime if left out.
        workers: threads that draw and encode.
        build_tiles: builds the tiles elsewhere; encoders and workers are then not used.

    Raises:
        MapError: a recording has no readable scan with a pose, two recordings do not fit together, or another process
            builds this map.
        FileError: the folder contains something other than a map, or cannot be written.
        BuildStoppedError: Ctrl-C while tiles were built.
    """
    path = expand_path(path)
    check_replaceable(path, MANIFEST)
    drives = in_one_frame(drives)
    sessions, counts = _sessions(drives, config, on_frame)
    plan = BuildPlan.of(sessions, config)
    sources = tuple(session.source for session in sessions if session.source is not None)
    build = build_tiles or local_tiles(encoders or bundle.encoders(threads=1), config, workers)
    partial = PartialMap(path, plan, _manifest(drives[0], plan, bundle, config, sources))
    entries: dict[int, TileEntry] = {}
    try:
        finished = partial.open()
        if finished:
            LOG.warning("continuing the build of %s: %d of %d tiles are finished", path, len(finished), plan.tiles)
        entries.update(finished)
        manifest = _build(partial, plan, build, entries, on_place, _manifest(drives[0], plan, bundle, config, sources))
        partial.finish(manifest)
    except KeyboardInterrupt as error:
        raise BuildStoppedError(
            f"{path}: stopped with {len(entries)} of {plan.tiles} tiles finished, which are kept in {partial.folder}: "
            "the same command continues"
        ) from error
    finally:
        partial.close()
    if manifest.coding is None:
        # With its index, which takes long to build.
        manifest = LidarMap.load(path, bundle, verify=False).save(path).manifest
    return Written(manifest, counts, len(finished))


def local_tiles(encoders: Encoders, config: MapConfig, workers: int) -> BuildTiles:
    """Return the function that builds tiles one after another in this process."""

    def build(
        plan: BuildPlan, numbers: Sequence[int], on_stations: Callable[[int], object]
    ) -> Iterator[tuple[int, Tile]]:
        builder = TileBuilder(plan, encoders, config, workers)
        for number in numbers:
            yield number, builder.build(number, lambda: on_stations(1))
            return_free_memory()

    return build


def _sessions(
    drives: Sequence[Drive], config: MapConfig, on_frame: Progress | None
) -> tuple[list[Session], list[ScanCounts]]:
    """Return the keyframes of all recordings, and what was left out; progress is that of all together."""
    total, before = sum(len(drive.frames) for drive in drives), 0
    sessions, counts = [], []
    for drive in drives:
        count: Progress | None = None
        if on_frame is not None:
            count = lambda done, _, first=before: on_frame(first + done, total)  # noqa: E731
        session, scans = select_keyframes(drive, config, count)
        sessions.append(session)
        counts.append(scans)
        before += len(drive.frames)
    return sessions, counts


def _manifest(
    first: Drive, plan: BuildPlan, bundle: ModelBundle, config: MapConfig, sources: tuple[Source, ...]
) -> Manifest:
    """Return the manifest of a map whose places and tiles are not known yet."""
    frames: dict[str, Any] = {
        "map_frame": first.map_frame,
        "base_frame": first.base_frame,
        "datum": first.datum,
        "geodetic_datum": first.geodetic_datum,
    }
    return describe_build(plan, bundle, config, 0, sources).model_copy(update=frames)


def _build(
    partial: PartialMap,
    plan: BuildPlan,
    build: BuildTiles,
    entries: dict[int, TileEntry],
    on_place: Progress | None,
    manifest: Manifest,
) -> Manifest:
    """Build the tiles that are not among the entries, write them, add their entries, and return the manifest."""
    stations = StationCount(plan, on_place)
    stations.add(sum(len(plan.places_of(number)) for number in entries))
    missing = [number for number in range(plan.tiles) if number not in entries]
    for number, tile in build(plan, missing, stations.add):
        entries[number] = partial.write(number, tile)
    ordered = tuple(entries[number] for number in range(plan.tiles))
    check_content((partial.read(number, entry) for number, entry in enumerate(ordered)), plan)
    return manifest.model_copy(update={"places": sum(entry.places for entry in ordered), "tiles": ordered})
