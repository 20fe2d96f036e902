"""Brings scans and odometry together, and keeps the keyframes. Knows nothing of ROS."""

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
from liploc_ros.mapping.places import path_distance

MOST_WAITING = 50
MEMORY_NS = 60_000_000_000

ReadPoints = Callable[[], NDArray[np.float32]]


@dataclass(frozen=True)
class Collected:
    """What a map can be built from at this time."""

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
    """Gives each scan its pose once there is odometry on both sides of it. Any thread may call.

    Scans are taken in order of their stamps; one that is older than the last is dropped, so that a bag that is played
    in a loop does not put the same street into the map twice.
    """

    def __init__(self, spacing: float, patience: float, on_drop: Callable[[str, str], None]) -> None:
        """Start with nothing.

        Args:
            spacing: least distance between keyframes [m].
            patience: seconds that a scan waits for odometry.
            on_drop: called with a key and the reason in words for each scan that is dropped.
        """
        self._spacing = spacing
        self._patience = patience
        self._on_drop = on_drop
        self._lock = threading.RLock()
        self._trajectory = Trajectory()
        self._path_ahead: deque[tuple[int, Pose]] = deque(maxlen=10_000)
        self._waiting: deque[_WaitingScan] = deque()
        self._selector: KeyframeSelector | None = None
        self._last_ns = -1
        self._newest_odometry_ns = -1
        self.received = 0
        self.dropped = 0
        self.path_length = 0.0
        """Distance driven so far [m]."""

    def add_odometry(self, stamp_ns: int, T_map_base: Pose) -> int:
        """Take a pose, and the scans that it was waited for by. Returns how many keyframes there are more."""
        with self._lock:
            self._trajectory.append(stamp_ns, T_map_base)
            if stamp_ns > self._newest_odometry_ns:
                self._newest_odometry_ns = stamp_ns
                self._path_ahead.append((stamp_ns, T_map_base))
                self._trajectory.forget_before(stamp_ns - MEMORY_NS)
            return self.take_scans()

    def add_scan(self, stamp_ns: int, find_mount: Callable[[], Pose], read_points: ReadPoints) -> int:
        """Take a scan, to be kept if it becomes a keyframe. Returns how many keyframes there are more.

        Args:
            stamp_ns: when it was taken.
            find_mount: returns where the LiDAR sits in the base frame; called when the scan has its pose.
            read_points: returns the points; called if the scan becomes a keyframe.
        """
        with self._lock:
            self.received += 1
            self._waiting.append(_WaitingScan(stamp_ns, find_mount, read_points, time.monotonic()))
            if len(self._waiting) > MOST_WAITING:
                self._waiting.popleft()
                self.drop("queue", f"more than {MOST_WAITING} scans wait for odometry, the oldest is dropped")
            return self.take_scans()

    def drop(self, key: str, reason: str) -> None:
        """Count a scan that cannot be used."""
        with self._lock:
            self.dropped += 1
        self._on_drop(key, reason)

    def take_scans(self, *, wait: bool = True) -> int:
        """Use the scans that have a pose by now; without ``wait`` all that will get one. Returns new keyframes."""
        with self._lock:
            before = self.keyframes
            while self._waiting:
                scan = self._waiting[0]
                overdue = time.monotonic() - scan.arrived > self._patience
                if wait and not overdue and not self._is_ready(scan):
                    break
                self._waiting.popleft()
                self._take(scan)
            return self.keyframes - before

    def settle(self) -> None:
        """Wait, as long as scans may wait, for the odometry of those that have none yet; then use what can be used."""
        deadline = time.monotonic() + self._patience
        while self._waiting and time.monotonic() < deadline:
            time.sleep(0.02)
            self.take_scans()
        self.take_scans(wait=False)

    def collected(self) -> Collected:
        """Return what there is, as copies that later scans do not change."""
        with self._lock:
            if self._selector is None:
                return Collected([], [], self.received)
            return Collected(list(self._selector.keyframes), list(self._selector.path), self.received)

    @property
    def keyframes(self) -> int:
        """How many scans are kept so far."""
        with self._lock:
            return len(self._selector.keyframes) if self._selector else 0

    def _is_ready(self, scan: _WaitingScan) -> bool:
        """Say whether there is nothing that waiting could bring: odometry, or at the start the place of the LiDAR."""
        if self._newest_odometry_ns < scan.stamp_ns:
            return False
        if self._selector is not None:
            return True
        try:
            scan.find_mount()
        except LiplocError:
            return False
        return True

    def _take(self, scan: _WaitingScan) -> None:
        if scan.stamp_ns <= self._last_ns:
            seconds = 1e-9 * (self._last_ns - scan.stamp_ns)
            self.drop("late", f"scan is {seconds:.1f} s older than the last one: late, or the bag is played in a loop")
            return
        T_map_base = self._trajectory.at(scan.stamp_ns)
        if T_map_base is None:
            away = "there is none" if self._newest_odometry_ns < 0 else f"the newest is {self._odometry_away(scan)}"
            self.drop(
                "pose", f"no odometry at the time of a scan, {away}: check that both carry the same clock's stamps"
            )
            return
        if self._selector is None:
            try:
                self._selector = KeyframeSelector(self._spacing, scan.find_mount())
            except LiplocError as error:
                self.drop("mount", str(error))
                return
        # Places lie on the path that was driven; it must not run ahead of the scans.
        known = max(0, len(self._selector.path) - 1)
        while self._path_ahead and self._path_ahead[0][0] <= scan.stamp_ns:
            self._selector.add_pose(self._path_ahead.popleft()[1])
        self._selector.add_scan(scan.stamp_ns, T_map_base, scan.read_points)
        self.path_length += float(path_distance(np.stack(self._selector.path[known:]))[-1])
        self._last_ns = scan.stamp_ns

    def _odometry_away(self, scan: _WaitingScan) -> str:
        seconds = 1e-9 * (scan.stamp_ns - self._newest_odometry_ns)
        return f"{abs(seconds):.2f} s {'older' if seconds > 0 else 'newer'}"
