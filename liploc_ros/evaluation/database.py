"""The places that a protocol lets a query be found in, and the scans that each is drawn from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liploc_ros.evaluation.options import EvaluationError, EvaluationOptions
from liploc_ros.evaluation.protocol import Protocol
from liploc_ros.evaluation.scene import Scene
from liploc_ros.geometry import interpolate
from liploc_ros.mapping.places import Places
from liploc_ros.views import Scan

CLOSE = 1e-6  # metres; a place at a scan's own pose has that scan on both sides


@dataclass(frozen=True)
class Database:
    """Places of a protocol.

    Attributes:
        places: base poses (P, 4, 4), and (P, k) rows of ``Scene.scans``.
        allowed: (Q, P) which places a query may be found in, or None where it may be found in all.
        far: (P, S) which of ``Scene.scans`` a place may be drawn from, and which may tell what moved in them; None
            where scans are taken as they are.
    """

    places: Places
    allowed: NDArray[np.bool_] | None = None
    far: NDArray[np.bool_] | None = None

    @property
    def T_map_base(self) -> NDArray[np.float64]:  # noqa: N802
        """(P, 4, 4) base poses."""
        return self.places.T_map_base

    def scans_of(self, scene: Scene, place: int) -> list[Scan]:
        """Return the scans that a place is drawn from, without what moved."""
        drawn_from = self.places.drawn_from(place)
        if self.far is None:
            return [scene.scans[k] for k in drawn_from]
        return [scene.static_scans.static_scan(k, self.far[place]) for k in drawn_from]


def database_of(scene: Scene, protocol: Protocol, options: EvaluationOptions) -> Database:
    """Return the places of a protocol.

    Raises:
        EvaluationError: there are none.
    """
    if protocol.kind == "gap":
        return virtual_places(scene, protocol.value, options)
    places = Places(scene.path[scene.scan_rows], np.arange(len(scene.scan_rows), dtype=np.intp)[:, None])
    if protocol.kind == "same-frame":
        return Database(places)
    since = scene.stamps[scene.query_rows][:, None] - scene.stamps[scene.scan_rows][None]
    return Database(places, since > protocol.value if protocol.kind == "revisit" else abs(since) > protocol.value)


def virtual_places(scene: Scene, gap: float, options: EvaluationOptions) -> Database:
    """Return places, each drawn from the nearest scans before and after it along the path.

    These are at least ``gap`` metres from the place and from the query nearest to it. At an end of the drive there are
    scans on one side only. A place that has none at all is left out.

    Raises:
        EvaluationError: all are left out.
    """
    poses, along = _placed(scene, options)
    queries, scans = scene.path[scene.query_rows, :3, 3], scene.path[scene.scan_rows, :3, 3]
    scans_along = scene.along[scene.scan_rows]
    kept, chosen, far = [], [], []
    for i, (T, at) in enumerate(zip(poses, along, strict=True)):
        query = queries[np.argmin(np.linalg.norm(queries - T[:3, 3], axis=1))]
        away = np.minimum(np.linalg.norm(scans - T[:3, 3], axis=1), np.linalg.norm(scans - query, axis=1))
        is_far = away >= gap
        around = _on_both_sides(scans_along, is_far, at, options.scans_per_place)
        if len(around):
            kept.append(i)
            far.append(is_far)
            chosen.append(np.resize(around, options.scans_per_place))  # repeated where there are fewer
    if not kept:
        raise EvaluationError(
            f"{scene.drive.source}: no scan is {gap:g} m away from any place of {along[-1]:.0f} m: choose a smaller gap"
        )
    places = Places(poses[kept], np.stack(chosen))
    return Database(places, far=np.stack(far) if options.remove_dynamic else None)


def _placed(scene: Scene, options: EvaluationOptions) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return poses (P, 4, 4) and the way gone (P,) there [m]."""
    if options.places == "frames":
        return scene.path, scene.along
    along, path = scene.along, scene.path
    wanted = np.linspace(0, along[-1], max(1, round(along[-1] / options.place_spacing)) + 1)
    after = np.clip(np.searchsorted(along, wanted, side="right"), 1, max(1, len(along) - 1))
    if len(path) == 1 or along[-1] == 0:
        return path[:1], along[:1]
    step = along[after] - along[after - 1]
    share = np.clip((wanted - along[after - 1]) / np.maximum(step, CLOSE), 0, 1)
    driven = step <= options.max_gap
    poses = [interpolate(path[i - 1], path[i], float(f)) for i, f in zip(after[driven], share[driven], strict=True)]
    return np.stack(poses), wanted[driven]


def _on_both_sides(along: NDArray[np.float64], far: NDArray[np.bool_], at: float, count: int) -> NDArray[np.intp]:
    """Return the nearest scans that are far enough, ahead and behind in turns, at most ``count``, each once."""
    ahead = np.flatnonzero(far & (along >= at - CLOSE))[: (count + 1) // 2]
    behind = np.flatnonzero(far & (along <= at + CLOSE))[::-1][: count // 2]
    return np.asarray(np.unique(np.concatenate([ahead, behind])), dtype=np.intp)
