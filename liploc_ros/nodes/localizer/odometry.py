"""The odometry of the localizer: where the vehicle was, in a frame of its own, when an image was taken."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nav_msgs.msg import Odometry
from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node

from liploc_ros.datasets.trajectory import Trajectory
from liploc_ros.geometry import Pose
from liploc_ros.nodes.common.conversions import PoseMessageError, pose_of, stamp_ns_of
from liploc_ros.nodes.common.diagnostics import Health, Level, RateMeter
from liploc_ros.nodes.common.logging import ThrottledLog
from liploc_ros.nodes.common.qos import QUIET_SUBSCRIPTION, mismatch, sensor_profile

MEMORY_NS = 30_000_000_000
BACKWARD_NS = 1_000_000_000
MOST_AHEAD_NS = 1_000_000_000  # odometry that is behind the images by more does not come for being waited for
STEADY = 1.0  # s without a message after which odometry is no longer coming


@dataclass(frozen=True)
class OdometryStep:
    """What a listener is told of a message: its stamp, its frame, and whether time went back with it."""

    stamp_ns: int
    frame_id: str
    is_anew: bool


class OdometryInput:
    """Subscribes to the odometry, checks it and remembers half a minute of it. Any thread may ask."""

    def __init__(self, node: Node, topic: str, base_frame: str, log: ThrottledLog, group: CallbackGroup) -> None:
        """Subscribe; ``base_frame`` is the one whose poses the map holds."""
        self._node, self._log = node, log
        self.topic = node.resolve_topic_name(topic)
        self.frame_id = ""  # of the odometry; empty until it is known
        self._base_frame = base_frame
        self._listeners: list[Callable[[OdometryStep], None]] = []
        self._came = threading.Condition()
        self._rate = RateMeter()
        self._is_open = True
        self._forget()
        self._profile = sensor_profile("best_effort", 50)
        self._subscription = node.create_subscription(
            Odometry,
            topic,
            self._on_odometry,
            self._profile,
            callback_group=group,
            event_callbacks=QUIET_SUBSCRIPTION,
        )

    def listen(self, listener: Callable[[OdometryStep], None]) -> None:
        """Have a function called after each message that can be used."""
        self._listeners.append(listener)

    def use_base_frame(self, base_frame: str) -> None:
        """Go on with another map; what is remembered is of use if its base frame is the same."""
        with self._came:
            if base_frame != self._base_frame:
                self._base_frame = base_frame
                self._forget()

    def forget(self) -> None:
        """Forget everything, after time jumped back."""
        with self._came:
            self._forget()

    def close(self) -> None:
        """Unsubscribe; whoever waits goes on without."""
        with self._came:
            self._is_open = False
            self._came.notify_all()
        self._node.destroy_subscription(self._subscription)

    def at(self, stamp_ns: int, timeout: float = 0.0) -> Pose | None:
        """Return the pose of the base in the odometry's frame at a time, or None where odometry does not tell it.

        Args:
            stamp_ns: the time.
            timeout: seconds to wait for a message that is newer, if odometry has been coming.
        """
        with self._came:
            if self._is_worth_waiting(stamp_ns):
                self._came.wait_for(lambda: self._trajectory.covers(stamp_ns) or not self._is_open, timeout)
            T_odom_base = self._trajectory.at(stamp_ns)
            self._gap = "" if T_odom_base is not None or not self._newest_ns else self._gap_at(stamp_ns)
            return T_odom_base

    def health(self) -> Health:
        """Return the state for /diagnostics; the conditions are in docs/nodes.md."""
        with self._came:
            health = Health("odometry arrives")
            health.values = {
                "topic": self.topic,
                "odometry/s": f"{self._rate.rate(time.monotonic()):.1f}",
                "odometry frame": self.frame_id or "not known yet",
                "base frame": self._base_frame,
                "last fault": self._fault or self._gap or "none",
            }
            fault, gap, has_come = self._fault, self._gap, bool(self._newest_ns)
        if fault := fault or mismatch(self._node, self.topic, self._profile):
            health.find(Level.ERROR, fault)
        elif not has_come:
            health.find(Level.WARN, f"no odometry on {self.topic} yet")
        elif gap:
            health.find(Level.WARN, gap)
        return health

    def _forget(self) -> None:
        self._trajectory = Trajectory()
        self._newest_ns = 0
        self._received_at = 0.0
        self._fault = self._gap = ""
        self.frame_id = ""

    def _is_worth_waiting(self, stamp_ns: int) -> bool:
        is_coming = bool(self._newest_ns) and time.monotonic() - self._received_at < STEADY
        return is_coming and self._newest_ns < stamp_ns <= self._newest_ns + MOST_AHEAD_NS

    def _gap_at(self, stamp_ns: int) -> str:
        seconds = 1e-9 * (stamp_ns - self._newest_ns)
        return (
            f"no odometry on {self.topic} at the time of the image, the newest is {abs(seconds):.2f} s "
            f"{'older' if seconds > 0 else 'newer'}: check that it comes, and that both carry the same clock's stamps"
        )

    def _on_odometry(self, msg: Any) -> None:
        with self._came:
            step = self._take(msg)
            fault = self._fault
            self._came.notify_all()
        if step is None:
            self._log.warn("odometry", fault)
            return
        for listener in self._listeners:
            listener(step)

    def _take(self, msg: Any) -> OdometryStep | None:
        """Remember a pose, or note why it cannot be used and return None."""
        stamp_ns = stamp_ns_of(msg)
        is_anew = stamp_ns < self._newest_ns - BACKWARD_NS
        if is_anew:
            self._forget()
        child = str(msg.child_frame_id).lstrip("/")
        if child != self._base_frame:
            self._fault = (
                f"{self.topic} moves {child!r}, but the map's base frame is {self._base_frame!r}: choose another"
            )
            return None
        try:
            T_odom_base = pose_of(msg.pose.pose)
        except PoseMessageError as error:
            self._fault = f"{self.topic}: {error}"
            return None
        self._trajectory.append(stamp_ns, T_odom_base)
        self._trajectory.forget_before(stamp_ns - MEMORY_NS)
        self._newest_ns = max(self._newest_ns, stamp_ns)
        self._received_at = time.monotonic()
        self._rate.tick(self._received_at)
        self._fault = ""
        self.frame_id = str(msg.header.frame_id).lstrip("/")
        return OdometryStep(stamp_ns, self.frame_id, is_anew)
