"""Why there is no pose at the time of a scan or image."""

from collections.abc import Sequence
from datetime import datetime, timezone

from liploc_ros.datasets.trajectory import SECOND_NS, Trajectory

DAY = 86_400.0
YEAR = 365.25 * DAY
SINCE_BOOT = 20 * YEAR
"""Stamps below this [s] are counted from the start of a device, not from 1970."""


def describe_missing_poses(trajectory: Trajectory, stamps_ns: Sequence[int], poses: str = "odometry") -> str:
    """Return the cause, in words, for stamps at which the trajectory has no pose.

    Args:
        trajectory: the poses.
        stamps_ns: at least one stamp without a pose [ns].
        poses: what the poses are called in the sentence, for instance their topic.
    """
    if not len(trajectory):
        return f"{poses} has no usable pose"
    first, last = trajectory.stamps_ns[0], trajectory.stamps_ns[-1]
    if max(stamps_ns) < first or min(stamps_ns) > last:
        return _describe_offset(stamps_ns, first, last, poses)
    inside = [gap for gap in map(trajectory.gap_at, stamps_ns) if gap is not None]
    if not inside:
        return f"they are before {poses} begins or after it ends"
    seconds, metres = max(gap[0] for gap in inside), max(gap[1] for gap in inside)
    limits = trajectory.limits
    return (
        f"{poses} has gaps of up to {seconds:.1f} s and {metres:.1f} m there, more than the {limits.max_gap:g} s or "
        f"{limits.max_distance:g} m that are interpolated"
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


def _describe_offset(stamps_ns: Sequence[int], first: int, last: int, poses: str) -> str:
    is_before = max(stamps_ns) < first
    offset = (first - max(stamps_ns) if is_before else min(stamps_ns) - last) / SECOND_NS
    if offset < DAY:
        where = f"before {poses} begins" if is_before else f"after {poses} ends"
        return f"they are {offset:.2f} s {where}: their clocks differ, or one of the two was not recorded"
    amount = f"{offset / YEAR:.1f} years" if offset > YEAR else f"{offset / DAY:.1f} days"
    return (
        f"their clocks differ by {amount}: they begin at {describe_time(min(stamps_ns))}, and {poses} at "
        f"{describe_time(first)}: synchronize the clocks, or use the recording times instead of the stamps"
    )
