"""What tracking makes of a drive: from every start, with and without odometry, and after a kidnapping."""

import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.localization.singles import TURNED, coverage, share
from benchmarks.localization.world import Query, Replay, Scenery, errors
from liploc_ros.geometry import inverse
from liploc_ros.geometry.se2 import se2_of
from liploc_ros.localization.tracking.result import TrackingState

WARM_UP = 15.0  # m
NEAR = 2.0  # m


@dataclass(frozen=True)
class Step:
    """What tracking says after an image: metres since the start, errors of the best hypothesis, state, covariance."""

    way: float
    away: float
    turned: float
    state: TrackingState
    covariance: NDArray[np.float64] | None
    found: NDArray[np.float64]
    truth: NDArray[np.float64]
    milliseconds: float

    @property
    def is_right(self) -> bool:
        """Within 2 m."""
        return self.away < NEAR


def follow(localizer: Replay, scenery: Scenery, queries: tuple[Query, ...], by_odometry: bool) -> list[Step]:
    """Track images one after another; the tracker goes on from where it is."""
    steps = []
    for query in queries:
        odometry = query.T_odom_base if by_odometry else None
        tracking = localizer.track(query.image, scenery.mounted, query.stamp_ns, odometry)
        best = tracking.best
        found = np.array([np.inf, np.inf, 0.0]) if best is None else se2_of(best.T_map_base)
        away, turned = errors(found, query.truth)
        covariance = None if best is None else best.covariance
        way = query.along - queries[0].along
        ms = tracking.latency_ms
        steps.append(Step(way, float(away), float(turned), tracking.state, covariance, found, query.truth, ms))
    return steps


def from_every_start(
    localizer: Replay, scenery: Scenery, by_odometry: bool, every: int = 1, longest: float = np.inf
) -> dict[str, object]:
    """Return what share of frames is right after 15 m, over every start; a start that has no 15 m ahead is left out."""
    queries = scenery.queries
    steps: list[Step] = []
    first: list[Step] = []
    localized_after: list[float] = []
    for start in range(0, len(queries), every):
        ahead = tuple(q for q in queries[start:] if q.along - queries[start].along <= longest)
        if ahead[-1].along - ahead[0].along < WARM_UP:
            break
        localizer.tracker.forget()
        way = follow(localizer, scenery, ahead, by_odometry)
        later = [step for step in way if step.way >= WARM_UP]
        steps += later
        first.append(later[0])
        sure = next((step.way for step in way if step.state is TrackingState.LOCALIZED), None)
        localized_after.append(np.inf if sure is None else sure)
    localized = [step for step in steps if step.state is TrackingState.LOCALIZED]
    right = [step for step in steps if step.is_right and step.turned < TURNED]
    taken = [step for step in localized if step.covariance is not None]
    return {
        "starts": len(first),
        "frames after 15 m": len(steps),
        "within 2 m after 15 m [%]": share(np.array([s.is_right for s in steps]), len(steps)),
        "within 2 m at 15 m [%]": share(np.array([s.is_right for s in first]), len(first)),
        "median position error [m]": round(float(np.median([s.away for s in right])), 3),
        "median heading error [deg]": round(float(np.rad2deg(np.median([s.turned for s in right]))), 3),
        "localized [%]": share(np.array([s.state is TrackingState.LOCALIZED for s in steps]), len(steps)),
        "lost [%]": share(np.array([s.state is TrackingState.LOST for s in steps]), len(steps)),
        "localized and wrong": sum(not s.is_right for s in localized),
        "localized after, median [m]": round(float(np.median(localized_after)), 1),
        "coverage": coverage(
            [s.covariance for s in taken if s.covariance is not None],
            np.array([s.found for s in taken]).reshape(-1, 3),
            np.array([s.truth for s in taken]).reshape(-1, 3),
        ),
    }


@dataclass(frozen=True)
class Kidnapping:
    """How a vehicle that was carried elsewhere fares, in metres driven since; infinite where it does not happen.

    ``was_localized`` says whether it was until then, without which there is nothing to notice.
    """

    was_localized: bool
    noticed: float
    solved: float


def kidnap(
    localizer: Replay, before: Scenery, after: Scenery, warm_up: float, every: int, by_odometry: bool = True
) -> list[Kidnapping]:
    """Carry the vehicle from one drive, where it drove for so many metres, to every start of the other.

    Odometry does not notice: it goes on as if the vehicle had stood still meanwhile. Noticed is when the vehicle is no
    more localized where it was; solved, when the best hypothesis is right from then on.
    """
    last = before.queries[-1].along
    driven = tuple(q for q in before.queries if q.along >= last - warm_up)
    localizer.tracker.forget()
    was_localized = follow(localizer, before, driven, by_odometry)[-1].state is TrackingState.LOCALIZED
    warm = copy.deepcopy((localizer.tracker.belief, localizer.tracker._now, localizer.tracker._seen))
    history = copy.deepcopy(localizer.tracker._history)
    results = []
    for start in range(0, len(after.queries), every):
        ahead = [q for q in after.queries[start:] if q.along - after.queries[start].along <= 2 * WARM_UP]
        if ahead[-1].along - ahead[0].along < WARM_UP:
            break
        tracker = localizer.tracker
        tracker.belief, tracker._now, tracker._seen = copy.deepcopy(warm)
        tracker._history = copy.deepcopy(history)
        steps = follow(localizer, after, _carried_on(driven[-1], ahead), by_odometry)
        results.append(_kidnapping(steps, was_localized))
    return results


def _carried_on(last: Query, ahead: list[Query]) -> tuple[Query, ...]:
    """Return queries whose clock and odometry go on from the last image of another drive."""
    T_odom_odom = last.T_odom_base @ inverse(ahead[0].T_odom_base)
    later = last.stamp_ns + 100_000_000 - ahead[0].stamp_ns
    return tuple(Query(q.image, q.stamp_ns + later, q.truth, T_odom_odom @ q.T_odom_base, q.along) for q in ahead)


def _kidnapping(steps: list[Step], was_localized: bool) -> Kidnapping:
    wrong = [step.way for step in steps if step.state is TrackingState.LOCALIZED and not step.is_right]
    noticed = next((s.way for s in steps if not wrong or s.way > wrong[-1]), np.inf)
    bad = [i for i, step in enumerate(steps) if not step.is_right]
    if not bad:
        return Kidnapping(was_localized, noticed, 0.0)
    return Kidnapping(was_localized, noticed, steps[bad[-1] + 1].way if bad[-1] + 1 < len(steps) else np.inf)
