# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Matching scans with odometry, and selecting keyframes. Independent of ROS."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liploc_ros.datasets.trajectory import Trajectory
from liploc_ros.errors import LiplocError
from liploc_ros.geometry import Pose
from liploc_ros.mapping import Keyframe, KeyframeSelector
from liploc_ros.mapping.keyframes import ScanCounts
from liploc_ros.mapping.places import path_distance

MAX_WAITING_SCANS = 50
MAX_PENDING_POSES = 100_000  # of 0.2 kB, at least MIN_STEP apart
MIN_STEP = 0.1  # m; a standing vehicle adds nothing to the path
HISTORY_NS = 60_000_000_000
POLL_PERIOD = 0.02  # s
DAY = 86_400.0  # s

WITHOUT_POSE = ("pose", "queue", "late")
"""Kinds of faults of scans that are not damaged themselves."""

ReadPoints = Callable[[], NDArray[np.float32]]


@dataclass(frozen=True)
class CollectedScans:
    """Keyframes and path that a map can be built from, and the number of scans received."""

    keyframes: list[Keyframe]
    path: list[Pose]
    scans: int


@dataclass(frozen=True)
class _WaitingScan:
    stamp_ns: int
    find_mount: Callable[[], Pose]
    read_points: ReadPoints
    arrived: float


class ScanCollector:
    """Interpolates the pose of each scan from the odometry before and after it. Thread-safe.

    Scans are used in the order of their stamps. A scan that is older than the last one is dropped, so that a bag played
    in a loop does not add the same street twice.
    """

    def __init__(self, spacing: float, max_wait: float, on_drop: Callable[[str, str], None]) -> None:
        """Start without scans.

        Args:
            spacing: minimum distance between keyframes [m].
            max_wait: maximum time that a scan waits for odometry [s].
            on_drop: called with the kind of fault and the reason for each scan that is dropped.
        """
        self._spacing = spacing
        self._max_wait = max_wait
        self._on_drop = on_drop
        self._lock = threading.RLock()
        self._trajectory = Trajectory()
        self._pending_path: deque[tuple[int, Pose]] = deque(maxlen=MAX_PENDING_POSES)
        self._waiting: deque[_WaitingScan] = deque()
        self._selector: KeyframeSelector | None = None
        self._last_ns = -1
        self._newest_odometry_ns = -1
        self.received = 0
        self.dropped = 0
        self.paused = 0
        """Scans that arrived during a pause."""
        self.is_paused = False
        self._without_pose = 0
        self.path_length = 0.0
        """Distance driven so far [m]."""

    def add_odometry(self, stamp_ns: int, T_map_base: Pose) -> int:
        """Add a pose, and use the scans that waited for it. Returns the number of new keyframes."""
        with self._lock:
            self._trajectory.append(stamp_ns, T_map_base)
            if stamp_ns < self._newest_odometry_ns - HISTORY_NS:  # the clock was set back
                self._newest_odometry_ns = -1
            if stamp_ns > self._newest_odometry_ns:
                self._newest_odometry_ns = stamp_ns
                self._add_to_path(stamp_ns, T_map_base)
                self._trajectory.forget_before(stamp_ns - HISTORY_NS)
            return self.process_waiting()

    def add_scan(self, stamp_ns: int, find_mount: Callable[[], Pose], read_points: ReadPoints) -> int:
        """Add a scan. Returns the number of new keyframes.

        Args:
            stamp_ns: of the scan.
            find_mount: returns the pose of the LiDAR in the base frame; called once the scan has a pose.
            read_points: returns the points; called if the scan becomes a keyframe.
        """
        with self._lock:
            self.received += 1
            self._waiting.append(_WaitingScan(stamp_ns, find_mount, read_points, time.monotonic()))
            if len(self._waiting) > MAX_WAITING_SCANS:
                self._waiting.popleft()
                self.drop("queue", f"more than {MAX_WAITING_SCANS} scans wait for odometry, the oldest is dropped")
            return self.process_waiting()

    def pause(self) -> bool:
        """Use no scan until :meth:`resume`; odometry goes on. Returns whether there was no pause before."""
        with self._lock:
            was_paused, self.is_paused = self.is_paused, True
            return not was_paused

    def resume(self) -> bool:
        """Use scans again. Returns whether there was a pause."""
        with self._lock:
            was_paused, self.is_paused = self.is_paused, False
            return was_paused

    def skip(self) -> None:
        """Count a scan that arrived during a pause."""
        with self._lock:
            self.received += 1
            self.paused += 1

    def refuse(self) -> None:
        """Count a scan whose stamp cannot be used."""
        with self._lock:
            self.received += 1
            self.dropped += 1
            self._without_pose += 1

    def drop(self, key: str, reason: str) -> None:
        """Count a scan that cannot be used."""
        with self._lock:
            self.dropped += 1
            self._without_pose += key in WITHOUT_POSE
        self._on_drop(key, reason)

    def process_waiting(self) -> int:
        """Use the waiting scans that have a pose by now, and drop those that waited too long.

        Returns:
            The number of new keyframes.
        """
        with self._lock:
            before = self.keyframes
            while self._waiting:
                scan = self._waiting[0]
                overdue = time.monotonic() - scan.arrived > self._max_wait
                if not overdue and not self._is_ready(scan):
                    break
                self._waiting.popleft()
                self._use(scan)
            return self.keyframes - before

    def flush(self) -> None:
        """Wait until scans that arrived so far are used, or dropped after ``max_wait``. More may arrive meanwhile."""
        until = time.monotonic()
        while self._oldest_arrival() <= until:
            time.sleep(POLL_PERIOD)
            self.process_waiting()

    def snapshot(self) -> CollectedScans:
        """Return copies of what was collected so far, which later scans do not change."""
        with self._lock:
            if self._selector is None:
                return CollectedScans([], [], self.received)
            return CollectedScans(list(self._selector.keyframes), list(self._selector.path), self.received)

    @property
    def newest_odometry_ns(self) -> int:
        """Stamp of the newest odometry; 0 if there is none."""
        return max(0, self._newest_odometry_ns)

    @property
    def keyframes(self) -> int:
        """Number of keyframes so far."""
        with self._lock:
            return len(self._selector.keyframes) if self._selector else 0

    def counts(self) -> ScanCounts:
        """Return what became of the scans; those that still wait for a pose are not counted."""
        with self._lock:
            near = self.received - self.paused - self.dropped - self.keyframes - len(self._waiting)
            counts = ScanCounts(self.keyframes, near, self._without_pose, self.dropped - self._without_pose)
            counts.without_reflectance = self._selector.without_reflectance if self._selector else 0
            return counts

    def _oldest_arrival(self) -> float:
        with self._lock:
            return self._waiting[0].arrived if self._waiting else np.inf

    def _add_to_path(self, stamp_ns: int, T_map_base: Pose) -> None:
        last = self._pending_path[-1][1] if self._pending_path else None
        if last is None or np.linalg.norm(T_map_base[:3, 3] - last[:3, 3]) > MIN_STEP:
            self._pending_path.append((stamp_ns, T_map_base))

    def _is_ready(self, scan: _WaitingScan) -> bool:
        """Return whether nothing is missing for a scan: odometry, and for the first one the mount of the LiDAR."""
        if self._newest_odometry_ns < scan.stamp_ns:
            return False
        if len(self._trajectory) < 2 and not self._trajectory.covers(scan.stamp_ns):
            return False  # a scan before the first pose: its pose is extrapolated from two
        if self._selector is not None:
            return True
        try:
            scan.find_mount()
        except LiplocError:
            return False
        return True

    def _use(self, scan: _WaitingScan) -> None:
        if scan.stamp_ns <= self._last_ns:
            seconds = 1e-9 * (self._last_ns - scan.stamp_ns)
            reason = f"scan is {seconds:.1f} s older than the last one: it is late, or a bag is played in a loop"
            if scan.stamp_ns == self._last_ns:
                reason = (
                    "scan has the stamp of the last one: it is repeated (a bag in a loop?), or the stamps stand still"
                )
            self.drop("late", reason)
            return
        T_map_base = self._trajectory.at(scan.stamp_ns)
        if T_map_base is None:
            self.drop("pose", f"no odometry at the time of a scan, {self._newest_odometry(scan)}")
            return
        if self._selector is None:
            try:
                self._selector = KeyframeSelector(self._spacing, scan.find_mount())
            except LiplocError as error:
                self.drop("mount", str(error))
                return
        # Places lie on the path that was driven, which must end at the last scan.
        known = max(0, len(self._selector.path) - 1)
        while self._pending_path and self._pending_path[0][0] <= scan.stamp_ns:
            self._selector.add_pose(self._pending_path.popleft()[1])
        try:
            self._selector.add_scan(scan.stamp_ns, T_map_base, scan.read_points)
        except LiplocError as error:
            self.drop("points", str(error))
        self.path_length += float(path_distance(np.stack(self._selector.path[known:]))[-1])
        self._last_ns = scan.stamp_ns

    def _newest_odometry(self, scan: _WaitingScan) -> str:
        if self._newest_odometry_ns < 0:
            return "none was received: check the topic of the odometry"
        seconds = 1e-9 * (scan.stamp_ns - self._newest_odometry_ns)
        amount = f"{abs(seconds):.2f} s" if abs(seconds) < DAY else f"{abs(seconds) / DAY:.0f} days"
        return f"the newest is {amount} {'older' if seconds > 0 else 'newer'}: check their clocks"
