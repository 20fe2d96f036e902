# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The places in which a protocol searches a query, and the scans that each place is drawn from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liploc_ros.evaluation.options import EvaluationError, EvaluationOptions
from liploc_ros.evaluation.protocol import Protocol
from liploc_ros.evaluation.scene import Scene
from liploc_ros.evaluation.scene.mapped_pass import MappedPass
from liploc_ros.geometry import interpolate
from liploc_ros.mapping.build import add_lateral_places
from liploc_ros.mapping.places import Places
from liploc_ros.views import Scan

TOLERANCE = 1e-6  # metres; a place at the pose of a scan has that scan on both sides


@dataclass(frozen=True)
class Database:
    """Places of a protocol.

    Attributes:
        places: base poses (P, 4, 4), and (P, k) rows of the scans of ``Scene.mapped``.
        allowed: (Q, P) places in which a query is searched; None for all.
        far: (P, S) scans that are far enough away to draw a place from, and to find moving objects in; None if scans
            are used as they are.
    """

    places: Places
    allowed: NDArray[np.bool_] | None = None
    far: NDArray[np.bool_] | None = None

    @property
    def T_map_base(self) -> NDArray[np.float64]:  # noqa: N802
        """(P, 4, 4) base poses."""
        return self.places.T_map_base

    def scans_of(self, scene: Scene, place: int) -> list[Scan]:
        """Return the scans that a place is drawn from, without points on moving objects."""
        drawn_from = self.places.drawn_from(place)
        if self.far is None:
            return [scene.mapped.scans[k] for k in drawn_from]
        return [scene.mapped.static_scan(k, self.far[place]) for k in drawn_from]


def database_of(scene: Scene, protocol: Protocol, options: EvaluationOptions) -> Database:
    """Return the places of a protocol.

    Raises:
        EvaluationError: no place can be drawn.
    """
    if protocol.kind == "gap":
        return _virtual_places(scene, protocol.value, options)
    places = Places(scene.path[scene.scan_rows], np.arange(len(scene.scan_rows), dtype=np.intp)[:, None])
    if protocol.kind == "same-frame":
        return Database(places)
    since = scene.stamps[scene.query_rows][:, None] - scene.stamps[scene.scan_rows][None]
    return Database(places, since > protocol.value if protocol.kind == "revisit" else abs(since) > protocol.value)


def _virtual_places(scene: Scene, gap: float, options: EvaluationOptions) -> Database:
    """Return places, each drawn from the nearest scans before and after it along the mapped path.

    The scans are at least ``gap`` metres from the place and from the query nearest to it, measured on the recorded
    path. At the ends of the drive there are scans on one side only. A place without any scan is left out.

    Raises:
        EvaluationError: all places are left out.
    """
    mapped = scene.mapped
    poses, distances = _place_poses(mapped, options)
    queries, positions = scene.path[scene.query_rows, :3, 3], mapped.recorded_positions(poses)
    scans = mapped.recorded_positions(mapped.path[mapped.scan_rows])
    scan_distance = mapped.distance[mapped.scan_rows]
    kept, chosen, far = [], [], []
    for i, (position, at) in enumerate(zip(positions, distances, strict=True)):
        query = queries[np.argmin(np.linalg.norm(queries - position, axis=1))]
        away = np.minimum(np.linalg.norm(scans - position, axis=1), np.linalg.norm(scans - query, axis=1))
        is_far = away >= gap
        around = _on_both_sides(scan_distance, is_far, at, options.scans_per_place)
        if len(around):
            kept.append(i)
            far.append(is_far)
            chosen.append(np.resize(around, options.scans_per_place))  # repeated where there are fewer
    if not kept:
        raise EvaluationError(
            f"{scene.drive.source}: no place of the {distances[-1]:.0f} m has a scan at least {gap:g} m away: "
            "choose a smaller gap"
        )
    on_path = Database(Places(poses[kept], np.stack(chosen)), far=np.stack(far) if options.remove_dynamic else None)
    origin, config = mapped.T_base_lidar[:3, 3], options.map_config()
    places = add_lateral_places(on_path.places, lambda place: on_path.scans_of(scene, place), origin, config)
    return Database(places, far=None if on_path.far is None else on_path.far[places.station])


def _place_poses(mapped: MappedPass, options: EvaluationOptions) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return poses (P, 4, 4) of the places, and the distance driven (P,) [m]."""
    if options.places == "frames":
        return mapped.path, mapped.distance
    distance, path = mapped.distance, mapped.path
    wanted = np.linspace(0, distance[-1], max(1, round(distance[-1] / options.place_spacing)) + 1)
    after = np.clip(np.searchsorted(distance, wanted, side="right"), 1, max(1, len(distance) - 1))
    if len(path) == 1 or distance[-1] == 0:
        return path[:1], distance[:1]
    step = distance[after] - distance[after - 1]
    share = np.clip((wanted - distance[after - 1]) / np.maximum(step, TOLERANCE), 0, 1)
    driven = step <= options.max_gap
    poses = [interpolate(path[i - 1], path[i], float(f)) for i, f in zip(after[driven], share[driven], strict=True)]
    return np.stack(poses), wanted[driven]


def _on_both_sides(distance: NDArray[np.float64], far: NDArray[np.bool_], at: float, count: int) -> NDArray[np.intp]:
    """Return the nearest scans that are far enough, ahead and behind, at most ``count``, each once."""
    ahead = np.flatnonzero(far & (distance >= at - TOLERANCE))[: (count + 1) // 2]
    behind = np.flatnonzero(far & (distance <= at + TOLERANCE))[::-1][: count // 2]
    return np.asarray(np.unique(np.concatenate([ahead, behind])), dtype=np.intp)
