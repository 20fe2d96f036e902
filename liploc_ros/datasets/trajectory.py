# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Poses over time, with interpolation."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence

import numpy as np
from pydantic import Field

from liploc_ros.geometry import Pose, interpolate, inverse
from liploc_ros.schema import FrozenModel

SECOND_NS = 1_000_000_000


class PoseLimits(FrozenModel):
    """Limits within which a pose is interpolated or extrapolated.

    The defaults allow odometry at 1 Hz up to 100 km/h.
    """

    max_gap: float = Field(1.5, gt=0, description="longest time between two poses to interpolate between [s]")
    max_distance: float = Field(30.0, gt=0, description="longest distance between two poses to interpolate between [m]")
    max_extrapolation: float = Field(0.1, ge=0, description="longest time before the first or after the last pose [s]")


class Trajectory:
    """Poses of one frame in another, in chronological order. Poses can be added at any time."""

    def __init__(
        self,
        stamps_ns: Iterable[int] = (),
        poses: Iterable[Pose] = (),
        limits: PoseLimits = PoseLimits(),  # noqa: B008  frozen
    ) -> None:
        """Start with these poses; stamps are in nanoseconds, in any order."""
        self.limits = limits
        self._stamps: list[int] = []
        self._poses: list[Pose] = []
        for stamp_ns, pose in zip(stamps_ns, poses, strict=True):
            self.append(stamp_ns, pose)

    def __len__(self) -> int:
        """Return the number of poses."""
        return len(self._stamps)

    @property
    def stamps_ns(self) -> Sequence[int]:
        """Stamps of the poses, in chronological order."""
        return self._stamps

    @property
    def poses(self) -> Sequence[Pose]:
        """The poses, in chronological order."""
        return self._poses

    def append(self, stamp_ns: int, pose: Pose) -> None:
        """Add a pose. It may be older than the last one. A pose with the same stamp is replaced."""
        index = bisect_left(self._stamps, stamp_ns) if self._stamps and stamp_ns <= self._stamps[-1] else len(self)
        if index < len(self) and self._stamps[index] == stamp_ns:
            self._poses[index] = pose
            return
        self._stamps.insert(index, stamp_ns)
        self._poses.insert(index, pose)

    def forget_before(self, stamp_ns: int) -> None:
        """Remove the poses before this time, so that memory stays bounded in a long-running node."""
        index = bisect_left(self._stamps, stamp_ns)
        del self._stamps[:index], self._poses[:index]

    def covers(self, stamp_ns: int) -> bool:
        """Return whether this time is between the first and the last pose, so that no extrapolation is needed."""
        return bool(self._stamps) and self._stamps[0] <= stamp_ns <= self._stamps[-1]

    def gap_at(self, stamp_ns: int) -> tuple[float, float] | None:
        """Return the time [s] and distance [m] between the poses around a time, None outside of the trajectory."""
        if not self.covers(stamp_ns):
            return None
        after = bisect_left(self._stamps, stamp_ns)
        before = after if self._stamps[after] == stamp_ns else after - 1
        moved = self._poses[after][:3, 3] - self._poses[before][:3, 3]
        return (self._stamps[after] - self._stamps[before]) / SECOND_NS, float(np.linalg.norm(moved))

    def at(self, stamp_ns: int) -> Pose | None:
        """Return the interpolated pose at a time: linear in position, slerp in rotation.

        Before the first and after the last pose, the motion between the two outermost poses is extrapolated, at most
        for the time between them. The result is None outside of the limits. A pose closer than ``max_extrapolation``
        is enough where the poses around the time are more than ``max_gap`` apart.
        """
        after = bisect_left(self._stamps, stamp_ns)
        neighbours = [i for i in (after - 1, after) if 0 <= i < len(self)]
        if not neighbours:
            return None
        is_close = min(abs(self._stamps[i] - stamp_ns) for i in neighbours) <= self.limits.max_extrapolation * SECOND_NS
        gap = self.gap_at(stamp_ns)
        if not is_close and (gap is None or gap[0] > self.limits.max_gap):
            return None
        if gap is not None and gap[1] > self.limits.max_distance:
            return None
        if len(self) == 1:
            return self._poses[0]
        start = min(max(after - 1, 0), len(self) - 2)
        step_ns = self._stamps[start + 1] - self._stamps[start]
        return _pose_at_fraction(self._poses[start], self._poses[start + 1], (stamp_ns - self._stamps[start]) / step_ns)


def _pose_at_fraction(T_start: Pose, T_end: Pose, fraction: float) -> Pose:
    """Return the pose at a fraction between two poses. Outside 0 to 1 the relative motion is repeated, to -1 and 2."""
    if 0 <= fraction <= 1:
        return interpolate(T_start, T_end, fraction)
    motion = inverse(T_start) @ T_end
    if fraction < 0:
        return T_start @ inverse(interpolate(np.eye(4), motion, min(-fraction, 1)))
    return T_end @ interpolate(np.eye(4), motion, min(fraction - 1, 1))
