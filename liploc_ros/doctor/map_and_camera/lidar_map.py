# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""A map: its files, its poses, and whether it fits the model."""

from collections.abc import Iterable
from pathlib import Path

from liploc_ros.doctor.examination import Examination
from liploc_ros.doctor.finding import Finding, error, of_error, ok, warn
from liploc_ros.encoders import ModelBundle
from liploc_ros.files import expand_path
from liploc_ros.localization.long_map import map_mode
from liploc_ros.mapping import LidarMap, Manifest, MapError
from liploc_ros.mapping.inspection.check import check_poses
from liploc_ros.mapping.lidar_map import read_map_tile
from liploc_ros.mapping.manifest import CHECKSUMMED, FORMAT_VERSION
from liploc_ros.mapping.search.map_features import check_model, coding_of

MAX_NAMED = 5


def check_manifest(examination: Examination) -> Iterable[Finding]:
    """Describe the map."""
    manifest, path = examination.manifest, examination.request.lidar_map
    if manifest is None:
        return
    if not isinstance(manifest, Manifest):
        yield of_error(manifest)
        return
    yield ok(
        f"{path}: {manifest.places} places along {manifest.path_length:.0f} m, {manifest.base_frame!r} in "
        f"{manifest.map_frame!r}, {manifest.size_bytes / 1e6:.1f} MB; {map_mode(manifest).reason}"
    )
    if not manifest.places:
        yield error(f"{path}: has no places: no image can be localized", "build the map from a longer drive")
    if manifest.format_version < FORMAT_VERSION:
        yield warn(
            f"{path}: format {manifest.format_version}, the newest is {FORMAT_VERSION}",
            f"liploc map upgrade {path} NEW",
        )


def check_model_of_map(examination: Examination) -> Iterable[Finding]:
    """Check that the map was built by the model, and coded by its coding."""
    opened = _opened(examination)
    bundle = examination.bundle
    if opened is None or not isinstance(bundle, ModelBundle):
        return
    path, manifest = opened
    check_model(manifest, bundle, str(path))
    if manifest.coding is not None:
        coding_of(manifest, bundle, path)
    coded = "not coded" if manifest.coding is None else f"coded by {manifest.coding[:12]}"
    fitted = "fitted to this map" if manifest.confidence_model is not None else "of the model"
    yield ok(f"{path}: built by {manifest.model_name}, {manifest.model_id[:12]}, {coded}; confidence {fitted}")


def check_tiles(examination: Examination) -> Iterable[Finding]:
    """Compare all files of the map with their checksums."""
    opened = _opened(examination)
    if opened is None:
        return
    path, manifest = opened
    if manifest.format_version < CHECKSUMMED:
        LidarMap.load(path, verify=True)
        yield ok(f"{path}: {len(manifest.files)} files as recorded")
        return
    failures: list[MapError] = []
    for entry in manifest.tiles:
        try:
            read_map_tile(path, manifest, entry)
        except MapError as failure:
            failures.append(failure)
    yield from map(of_error, failures[:MAX_NAMED])
    if len(failures) > MAX_NAMED:
        yield error(f"{path}: {len(failures) - MAX_NAMED} more damaged tiles", "copy the map again")
    if not failures:
        yield ok(f"{path}: {len(manifest.tiles)} tiles as recorded")


def check_poses_of_map(examination: Examination) -> Iterable[Finding]:
    """Check the poses of the places. Maps that are searched tile by tile are left to ``liploc map verify``."""
    opened = _opened(examination)
    bundle = examination.bundle
    if opened is None or not isinstance(bundle, ModelBundle):
        return
    path, manifest = opened
    if map_mode(manifest).is_long or manifest.model_id != bundle.id:
        return
    try:
        lidar_map = LidarMap.load(path, bundle, verify=False)
    except MapError:  # reported by the checks before
        return
    gaps = check_poses(lidar_map)
    yield ok(f"{path}: rigid and continuous, {gaps} gaps in the path")


def _opened(examination: Examination) -> tuple[Path, Manifest] | None:
    """Return the map with its manifest, if there is one that can be read."""
    manifest, path = examination.manifest, examination.request.lidar_map
    return (expand_path(path), manifest) if path is not None and isinstance(manifest, Manifest) else None
