# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Odometry of the localizer: poses of the vehicle in the odometry frame at the times of the images."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node

from liploc_ros.datasets.base_frame import BaseFrame
from liploc_ros.datasets.pose_message import odometry_pose
from liploc_ros.datasets.trajectory import Trajectory
from liploc_ros.geometry import Pose, PoseError
from liploc_ros.nodes.common.conversions import stamp_ns_of
from liploc_ros.nodes.common.diagnostics import Health, Level, RateMeter
from liploc_ros.nodes.common.logging import ThrottledLog
from liploc_ros.nodes.common.qos import Reliability
from liploc_ros.nodes.inputs.odometry_source import OdometrySource
from liploc_ros.nodes.inputs.silence import SilenceLog, why_silent
from liploc_ros.nodes.subscriptions.stamps import ODOMETRY, ClockStampCheck

DEFAULT_ODOMETRY_FRAME = "odom"
HISTORY_NS = 30_000_000_000
QUEUE = 50  # messages that arrive while the node is busy
CLOCK_RESET_NS = 1_000_000_000  # a stamp that is older by more means that the clock was reset
MAX_LAG_NS = 1_000_000_000  # waiting is useless if odometry is older than the image by more than this
MAX_SILENCE = 1.0  # s without a message after which odometry has stopped


@dataclass(frozen=True)
class OdometryUpdate:
    """A pose of odometry: its stamp, its frame, and whether time jumped back with it."""

    stamp_ns: int
    frame_id: str
    is_reset: bool


class OdometryInput:
    """Subscribes to odometry, checks it and keeps the last 30 s. Thread-safe."""

    def __init__(
        self,
        node: Node,
        topic: str,
        odometry_frame: str,
        base: BaseFrame,
        log: ThrottledLog,
        group: CallbackGroup,
        reliability: Reliability = "auto",
        max_image_age: float = 0.0,
    ) -> None:
        """Subscribe.

        Args:
            node: that subscribes.
            topic: of odometry or poses, or /tf.
            odometry_frame: frame of the poses on /tf.
            base: the base frame of the map.
            log: gets faults.
            group: of the callbacks.
            reliability: of the subscription, unless it is to /tf.
            max_image_age: parameter of the localizer, which also limits the age of odometry [s].

        Raises:
            TransformError: the topic is /tf, and tf2_msgs is not installed.
        """
        self._node, self._log = node, log
        self.topic = node.resolve_topic_name(topic)
        self.frame_id = ""  # of the odometry; empty until the first message
        self._base = base
        self._listeners: list[Callable[[OdometryUpdate], None]] = []
        self._changed = threading.Condition()
        self._rate = RateMeter()
        self._is_open = True
        self._arrived_at = 0.0  # of the last message, whether it can be used or not
        self._stamps = ClockStampCheck(self.topic, ODOMETRY, max_image_age)
        self._clear()
        source = OdometrySource(odometry_frame, base.name)
        self._types = source.types_of(self.topic)
        self._silence = SilenceLog(node.get_logger(), "odometry", time.monotonic())
        self._subscription = source.subscribe(node, topic, self._on_odometry, reliability, QUEUE, log.warn, group)

    def add_listener(self, listener: Callable[[OdometryUpdate], None]) -> None:
        """Call a function after each valid message."""
        self._listeners.append(listener)

    def remove_listener(self, listener: Callable[[OdometryUpdate], None]) -> None:
        """Stop calling a function."""
        self._listeners = [other for other in self._listeners if other != listener]

    def set_base_frame(self, base: BaseFrame) -> None:
        """Continue with another map. The history is kept if the base frame is the same."""
        with self._changed:
            if base.name != self._base.name:
                self._base = base
                self._clear()

    def set_max_image_age(self, max_image_age: float) -> None:
        """Continue with another limit on the age of messages [s]; 0 for none."""
        self._stamps.max_image_age = max_image_age

    def reset(self) -> None:
        """Clear the history, after time jumped back."""
        with self._changed:
            self._clear()

    def close(self) -> None:
        """Unsubscribe, and end all waiting."""
        with self._changed:
            self._is_open = False
            self._changed.notify_all()
        self._subscription.close()

    def pose_at(self, stamp_ns: int, timeout: float = 0.0) -> Pose | None:
        """Return the pose of the base in the odometry frame at a time, or None if odometry does not cover it.

        Args:
            stamp_ns: the time.
            timeout: time to wait for a newer message, if odometry is being received [s].
        """
        with self._changed:
            if self._is_worth_waiting(stamp_ns):
                self._changed.wait_for(lambda: self._trajectory.covers(stamp_ns) or not self._is_open, timeout)
            T_odom_base = self._trajectory.at(stamp_ns)
            self._gap = "" if T_odom_base is not None or not self._newest_ns else self._gap_at(stamp_ns)
            return T_odom_base

    def health(self) -> Health:
        """Return the diagnostic status; its conditions are in docs/nodes.md."""
        mismatch, now = self._mismatch(), time.monotonic()
        with self._changed:
            health = Health("odometry arrives")
            health.values = {
                "topic": self.topic,
                "reliability": self._subscription.chosen,
                "odometry/s": f"{self._rate.rate(now):.1f}",
                "odometry frame": self.frame_id or "not known yet",
                "base frame": self._base.name,
                "quality of service": mismatch or "matches",
                "last fault": self._fault or self._gap or "none",
            }
            fault, gap, arrived_at = self._fault, self._gap, self._arrived_at
            self._stamps.report(health, now)
        self._silence.update(arrived_at, now, self.topic, self._why_silent)
        if fault := fault or mismatch:
            health.add(Level.ERROR, fault)
        if not arrived_at:
            health.add(Level.WARN, f"no odometry on {self.topic} yet: {self._why_silent()}")
        elif gap:
            health.add(Level.WARN, gap)
        return health

    def _mismatch(self) -> str:
        mismatch = self._subscription.mismatch()
        if mismatch:
            self._log.warn(f"{self.topic} qos", mismatch)
        return mismatch

    def _why_silent(self) -> str:
        return why_silent(self._node, self.topic, self._types, self._subscription.mismatch())

    def _clear(self) -> None:
        self._trajectory = Trajectory()
        self._newest_ns = 0
        self._received_at = 0.0
        self._fault = self._gap = ""
        self.frame_id = ""

    def _is_worth_waiting(self, stamp_ns: int) -> bool:
        is_active = bool(self._newest_ns) and time.monotonic() - self._received_at < MAX_SILENCE
        return is_active and self._newest_ns < stamp_ns <= self._newest_ns + MAX_LAG_NS

    def _gap_at(self, stamp_ns: int) -> str:
        seconds = 1e-9 * (stamp_ns - self._newest_ns)
        return (
            f"no odometry on {self.topic} at the time of the image, the newest is {abs(seconds):.2f} s "
            f"{'older' if seconds > 0 else 'newer'}: check that it is published, and that both use the same clock"
        )

    def _on_odometry(self, msg: Any) -> None:
        now = self._arrived_at = time.monotonic()
        error = self._stamps.check(stamp_ns_of(msg), self._node.get_clock().now().nanoseconds, now)
        if error is not None:
            self._log.warn(f"{self.topic} {error.fault.value} stamp", str(error))
            if error.is_refused:
                return
        with self._changed:
            update = self._add(msg)
            fault = self._fault
            self._changed.notify_all()
        if update is None:
            self._log.warn("odometry", fault)
            return
        for listener in self._listeners:
            listener(update)

    def _add(self, msg: Any) -> OdometryUpdate | None:
        """Add a pose to the history, or record why it cannot be used and return None."""
        stamp_ns = stamp_ns_of(msg)
        is_reset = stamp_ns < self._newest_ns - CLOCK_RESET_NS
        if is_reset:
            self._clear()
        try:
            odometry = odometry_pose(msg)
            T_odom_base = self._base.pose(odometry, self.topic)
        except PoseError as error:
            self._fault = f"{self.topic}: {error}"
            return None
        self._trajectory.append(stamp_ns, T_odom_base)
        self._trajectory.forget_before(stamp_ns - HISTORY_NS)
        self._newest_ns = max(self._newest_ns, stamp_ns)
        self._received_at = time.monotonic()
        self._rate.tick(self._received_at)
        self._fault = ""
        self.frame_id = odometry.frame_id or DEFAULT_ODOMETRY_FRAME
        return OdometryUpdate(stamp_ns, self.frame_id, is_reset)
