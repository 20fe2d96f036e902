# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Publishing ``/diagnostics`` (REP-107). diagnostic_updater is not used: the ROS 2 wheels do not contain it."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.callback_groups import CallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from liploc_ros.nodes.common.qos import QOS_OVERRIDES

STEADY_CLOCK = Clock(clock_type=ClockType.STEADY_TIME)


class Level(IntEnum):
    """Levels of diagnostic_msgs/DiagnosticStatus, worst last."""

    OK = 0
    WARN = 1
    ERROR = 2


@dataclass
class Health:
    """Content of one diagnostic status: the worst finding, its message, and values."""

    message: str = "ok"
    level: Level = Level.OK
    values: dict[str, str] = field(default_factory=dict)

    def add(self, level: Level, message: str) -> None:
        """Add a finding. The message of the worst finding is kept; of equal ones the first."""
        if level > self.level:
            self.level, self.message = level, message


class RateMeter:
    """Rate of events over the last ``window`` seconds."""

    def __init__(self, window: float = 5.0) -> None:
        self._window = window
        self._times: deque[float] = deque(maxlen=1000)

    def tick(self, now: float) -> None:
        """Count an event at the time ``now`` [s]."""
        self._times.append(now)

    def rate(self, now: float) -> float:
        """Return the rate [Hz] at the time ``now`` [s]."""
        return sum(now - t <= self._window for t in list(self._times)) / self._window


class Diagnostics:
    """Publishes the diagnostic statuses of a node once per second."""

    def __init__(self, node: Node, statuses: Callable[[], Mapping[str, Health]], group: CallbackGroup) -> None:
        """Start publishing; ``statuses`` returns the health by name, for example ``map``."""
        self._node = node
        self._statuses = statuses
        self._publisher = node.create_publisher(
            DiagnosticArray, "/diagnostics", 10, qos_overriding_options=QOS_OVERRIDES
        )
        # The steady clock: diagnostics must go on when simulated time stops.
        self._timer = node.create_timer(1.0, self.publish, callback_group=group, clock=STEADY_CLOCK)

    def publish(self) -> None:
        """Publish all statuses now."""
        message = DiagnosticArray()
        message.header.stamp = self._node.get_clock().now().to_msg()
        node_name = self._node.get_fully_qualified_name().lstrip("/")
        for name, health in self._statuses().items():
            message.status.append(
                DiagnosticStatus(
                    level=bytes([health.level]),
                    name=f"{node_name}: {name}",
                    message=health.message,
                    hardware_id=node_name,
                    values=[KeyValue(key=key, value=value) for key, value in health.values.items()],
                )
            )
        self._publisher.publish(message)
