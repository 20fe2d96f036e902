"""Poses over time, and between them."""

from bisect import bisect_left
from collections.abc import Iterable

import numpy as np

from liploc_ros.geometry import Pose, interpolate, inverse

DEFAULT_TOLERANCE_NS = 100_000_000


class Trajectory:
    """Poses of one frame in another, in order of time; it grows as odometry arrives."""

    def __init__(self, stamps_ns: Iterable[int] = (), poses: Iterable[Pose] = ()) -> None:
        """Start with these poses; stamps in nanoseconds, in any order."""
        self._stamps: list[int] = []
        self._poses: list[Pose] = []
        for stamp_ns, pose in zip(stamps_ns, poses, strict=True):
            self.append(stamp_ns, pose)

    def __len__(self) -> int:
        """Return how many poses there are."""
        return len(self._stamps)

    def append(self, stamp_ns: int, pose: Pose) -> None:
        """Add a pose. A late one finds its place; one with a stamp that is already there replaces it."""
        place = bisect_left(self._stamps, stamp_ns) if self._stamps and stamp_ns <= self._stamps[-1] else len(self)
        if place < len(self) and self._stamps[place] == stamp_ns:
            self._poses[place] = pose
            return
        self._stamps.insert(place, stamp_ns)
        self._poses.insert(place, pose)

    def forget_before(self, stamp_ns: int) -> None:
        """Drop the poses older than this, so that a node can run for days."""
        place = bisect_left(self._stamps, stamp_ns)
        del self._stamps[:place], self._poses[:place]

    def covers(self, stamp_ns: int) -> bool:
        """Say whether there are poses on both sides of, or at, this time: waiting will not better the answer."""
        return bool(self._stamps) and self._stamps[0] <= stamp_ns <= self._stamps[-1]

    def at(self, stamp_ns: int, tolerance_ns: int = DEFAULT_TOLERANCE_NS) -> Pose | None:
        """Return the pose at a time: linear in position, slerp in rotation.

        Before the first pose and after the last one the motion there goes on, for as long as between the two poses that
        show it, and then stops. None where the nearest pose is farther away than the tolerance.
        """
        after = bisect_left(self._stamps, stamp_ns)
        around = [i for i in (after - 1, after) if 0 <= i < len(self)]
        if not around or min(abs(self._stamps[i] - stamp_ns) for i in around) > tolerance_ns:
            return None
        if len(self) == 1:
            return self._poses[0]
        start = min(max(after - 1, 0), len(self) - 2)
        step_ns = self._stamps[start + 1] - self._stamps[start]
        return _along(self._poses[start], self._poses[start + 1], (stamp_ns - self._stamps[start]) / step_ns)


def _along(T_start: Pose, T_end: Pose, fraction: float) -> Pose:
    """Return the pose at a fraction of the way, -1 to 2, as seen from the vehicle beyond either end."""
    if 0 <= fraction <= 1:
        return interpolate(T_start, T_end, fraction)
    motion = inverse(T_start) @ T_end
    if fraction < 0:
        return T_start @ inverse(interpolate(np.eye(4), motion, min(-fraction, 1)))
    return T_end @ interpolate(np.eye(4), motion, min(fraction - 1, 1))
