# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Check a map beyond its checksums: its poses, and its features against its points."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liploc_ros.encoders import Encoders, ModelBundle
from liploc_ros.mapping.build.drawing import draw_places
from liploc_ros.mapping.features import quantize_features, unit_features
from liploc_ros.mapping.lidar_map import LidarMap
from liploc_ros.mapping.tile_manifest import MapError
from liploc_ros.views import Scan

ORTHONORMAL = 1e-6  # largest error of a product of two axes
LATERAL_TOLERANCE = 0.02  # metres between a place beside the path and where its offset says
MAX_STEP = 1.6  # place spacings between two stations; a step that rounding makes longest is 1.5
COMPARED, REACH = 60, 25.0  # stored places, and metres around a place, with which it is compared
NEAR = 3.0  # metres between a place and the stored one whose features are most similar
MIN_RIGHT = 0.75  # of the places; where little is to be seen, others may be as similar


@dataclass(frozen=True)
class MapCheck:
    """What a check found.

    Attributes:
        lidar_map: the map.
        gaps: number of gaps in the path.
        encoded: places that were drawn and encoded again; 0 if the map has no points.
        similarity: mean cosine of their features and those of the map.
    """

    lidar_map: LidarMap
    gaps: int
    encoded: int
    similarity: float


def check_map(path: Path, bundle: ModelBundle, samples: int = 8, encoders: Encoders | None = None) -> MapCheck:
    """Check checksums, poses, and the features of some places.

    Args:
        path: the map's folder.
        bundle: the model that built it.
        samples: places that are drawn from the points of the map and encoded again.
        encoders: of the bundle; on ONNX Runtime if left out.

    Raises:
        MapError: something is wrong; the message names it.
    """
    lidar_map = LidarMap.load(path, bundle)
    gaps = check_poses(lidar_map)
    places = np.unique(np.linspace(0, len(lidar_map.T_map_base) - 1, samples).astype(np.intp))
    places = places[: max(0, samples)] if len(lidar_map.clouds) and samples > 0 else places[:0]
    if not len(places):
        return MapCheck(lidar_map, gaps, 0, 0.0)
    distance, similarity = _compare(lidar_map, places, encoders or bundle.encoders())
    wrong = distance > NEAR
    if np.count_nonzero(wrong) > (1 - MIN_RIGHT) * len(places):
        worst = int(np.argmax(distance))
        raise MapError(
            f"{path}: features are not those that its points give: {np.count_nonzero(wrong)} of {len(places)} places "
            f"resemble another place more, place {places[worst]} one {distance[worst]:.0f} m away: build the map again"
        )
    return MapCheck(lidar_map, gaps, len(places), float(similarity.mean()))


def check_poses(lidar_map: LidarMap) -> int:
    """Check that poses are rigid, places beside the path at their offsets, and the path continuous; return its gaps.

    Raises:
        MapError: a pose is wrong; the message names the place.
    """
    T, lattice, config = lidar_map.T_map_base, lidar_map.lattice, lidar_map.manifest.config
    rotation = T[:, :3, :3]
    error = np.abs(rotation.transpose(0, 2, 1) @ rotation - np.eye(3)).max(axis=(1, 2))
    rigid = np.isfinite(T).all(axis=(1, 2)) & (error < ORTHONORMAL) & (np.linalg.det(rotation) > 0)
    _require(lidar_map, rigid & (T[:, 3] == [0, 0, 0, 1]).all(axis=1), "its pose is no rotation and translation")
    keys = np.stack([lattice.station, np.rint(lattice.lateral * 1000).astype(np.intp)], axis=1)
    _, first = np.unique(keys, axis=0, return_index=True)
    _require(lidar_map, np.isin(np.arange(len(T)), first), "another place has the same station and lateral offset")
    on_path = np.flatnonzero(np.abs(lattice.lateral) < LATERAL_TOLERANCE)
    on_path = on_path[np.argsort(lattice.station[on_path])]
    known = np.minimum(np.searchsorted(lattice.station[on_path], lattice.station), max(0, len(on_path) - 1))
    reference = on_path[known] if len(on_path) else np.zeros(len(T), np.intp)
    same = lattice.station[reference] == lattice.station  # a crop may hold a place beside the path alone
    beside = T[reference, :3, 3] + T[reference, :3, 1] * lattice.lateral[:, None]
    near = np.linalg.norm(T[:, :3, 3] - beside, axis=1) < LATERAL_TOLERANCE
    _require(lidar_map, near | ~same, "it is not at its lateral offset from the path")
    steps = np.linalg.norm(np.diff(T[on_path, :3, 3], axis=0), axis=1)
    follows = np.diff(lattice.station[on_path]) == 1
    jumps = follows & (steps > MAX_STEP * config.place_spacing)
    gaps = jumps & (steps > config.max_gap / 2)  # straight across a gap is shorter than along it
    continuous = np.ones(len(T), np.bool_)
    continuous[on_path[1:][jumps & ~gaps]] = False
    _require(lidar_map, continuous, "the path jumps to it")
    return int(np.count_nonzero(gaps | ~follows))


def _require(lidar_map: LidarMap, is_right: NDArray[np.bool_], reason: str) -> None:
    wrong = np.flatnonzero(~is_right)
    if len(wrong):
        position = ", ".join(f"{value:.1f}" for value in lidar_map.T_map_base[wrong[0], :3, 3])
        raise MapError(
            f"{lidar_map.path or 'map'}: place {wrong[0]} at {position} m (and {len(wrong) - 1} more): {reason}: "
            "build the map again"
        )


def _compare(
    lidar_map: LidarMap, places: NDArray[np.intp], encoders: Encoders
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw and encode places (N,) again, and compare them with the features of the map.

    Returns:
        (N,) distance to the place whose stored features are most similar [m], and (N,) mean cosine with their own.
        Features of any two places of a street have cosines near 0.75, so that the cosine alone says little.
    """
    manifest, keyframes = lidar_map.manifest, lidar_map.keyframes
    T_map_base, positions = lidar_map.T_map_base[places], lidar_map.T_map_base[:, :3, 3]
    scans = []
    for T in T_map_base:
        distance = np.linalg.norm(keyframes["T_map_lidar"][:, :3, 3] - T[:3, 3], axis=1)
        nearest = np.argsort(distance)[: manifest.config.scans_per_place]
        scans.append([Scan(lidar_map.keyframe_points(int(k)), keyframes[k]["T_map_lidar"]) for k in nearest])
    found, own = [], []
    panoramas = draw_places(scans, T_map_base, manifest.view_origin, manifest.grid)
    for place, panorama in zip(places.tolist(), panoramas, strict=True):
        drawn = unit_features(quantize_features(encoders.encode_panorama(panorama)))
        distance = np.linalg.norm(positions - positions[place], axis=1)
        near = np.flatnonzero(distance <= REACH)
        near = np.append(near[:: -(-len(near) // COMPARED)], place)
        stored = (unit_features(lidar_map.features.panoramas(near[i : i + 1])[0]) for i in range(len(near)))
        cosines = [_mean_cosine(features, drawn) for features in stored]
        own.append(cosines[-1])
        found.append(float(distance[near[int(np.argmax(cosines))]]))
    return np.array(found), np.array(own)


def _mean_cosine(stored: NDArray[np.float32], drawn: NDArray[np.float32]) -> float:
    """Return the mean cosine of features (h, columns, D) over the cells that both have."""
    norms = np.linalg.norm(stored, axis=-1) * np.linalg.norm(drawn, axis=-1)
    both = norms > 0
    return float((np.sum(stored * drawn, axis=-1)[both] / norms[both]).mean()) if both.any() else -1.0
