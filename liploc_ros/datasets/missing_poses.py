# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Why there is no pose at the time of a scan or image."""

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Literal, NamedTuple

from liploc_ros.datasets.trajectory import SECOND_NS, Trajectory

DAY = 86_400.0
YEAR = 365.25 * DAY
CLOCK_OFFSET = 60.0
"""Offset [s] from all poses above which the clocks are more likely the cause than a late start of the recording."""
SINCE_BOOT = 20 * YEAR
"""Stamps below this [s] are counted from the start of a device, not from 1970."""


class MissingPoses(NamedTuple):
    """Why there is no pose at some times.

    Attributes:
        cause: "none": there are no poses at all; "clocks": the clocks differ; "ends": the times are before the first or
            after the last pose; "gap": the poses around them are too far apart.
        reason: the cause in words.
    """

    cause: Literal["none", "clocks", "ends", "gap"]
    reason: str


def explain_missing_poses(trajectory: Trajectory, stamps_ns: Sequence[int], poses: str = "odometry") -> MissingPoses:
    """Return why the trajectory has no pose at these times.

    Args:
        trajectory: the poses.
        stamps_ns: at least one stamp without a pose [ns].
        poses: what the poses are called in the sentence, for instance their topic.
    """
    if not len(trajectory):
        return MissingPoses("none", f"{poses} has no usable pose")
    first, last = trajectory.stamps_ns[0], trajectory.stamps_ns[-1]
    if max(stamps_ns) < first or min(stamps_ns) > last:
        return _explain_offset(stamps_ns, first, last, poses)
    inside = [gap for gap in map(trajectory.gap_at, stamps_ns) if gap is not None]
    if not inside:
        return MissingPoses("ends", f"they are before {poses} begins or after it ends")
    seconds, metres = max(gap[0] for gap in inside), max(gap[1] for gap in inside)
    limits = trajectory.limits
    return MissingPoses(
        "gap",
        f"{poses} has gaps of up to {seconds:.1f} s and {metres:.1f} m there, more than the {limits.max_gap:g} s or "
        f"{limits.max_distance:g} m that are interpolated",
    )


def describe_time(stamp_ns: int) -> str:
    """Return a stamp in words: the date, or the seconds of a clock that does not count from 1970."""
    seconds = stamp_ns / SECOND_NS
    if 0 <= seconds < SINCE_BOOT:
        return f"{seconds:.1f} s, which is not a date"
    try:
        return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, OSError, ValueError):
        return f"{seconds:.1f} s"


def _explain_offset(stamps_ns: Sequence[int], first: int, last: int, poses: str) -> MissingPoses:
    is_before = max(stamps_ns) < first
    offset = (first - max(stamps_ns) if is_before else min(stamps_ns) - last) / SECOND_NS
    if offset < DAY:
        where = f"before {poses} begins" if is_before else f"after {poses} ends"
        return MissingPoses("clocks" if offset > CLOCK_OFFSET else "ends", f"they are {offset:.2f} s {where}")
    amount = f"{offset / YEAR:.1f} years" if offset > YEAR else f"{offset / DAY:.1f} days"
    begins = f"they begin at {describe_time(min(stamps_ns))}, and {poses} at {describe_time(first)}"
    return MissingPoses("clocks", f"the clocks differ by {amount}: {begins}")
