"""``/diagnostics`` after REP-107, without diagnostic_updater, which the ROS 2 wheels lack."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.callback_groups import CallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

STEADY_CLOCK = Clock(clock_type=ClockType.STEADY_TIME)


class Level(IntEnum):
    """The levels of diagnostic_msgs/DiagnosticStatus, worst last."""

    OK = 0
    WARN = 1
    ERROR = 2


@dataclass
class Health:
    """State of one concern: the worst of what was found, its reason in words, and values to look at."""

    message: str = "ok"
    level: Level = Level.OK
    values: dict[str, str] = field(default_factory=dict)

    def find(self, level: Level, message: str) -> None:
        """Add a finding; the message of the worst one is shown, of equals the first."""
        if level > self.level:
            self.level, self.message = level, message


class RateMeter:
    """Events a second over the last ``window`` seconds."""

    def __init__(self, window: float = 5.0) -> None:
        self._window = window
        self._times: deque[float] = deque(maxlen=1000)

    def tick(self, now: float) -> None:
        """Count an event at a time [s]."""
        self._times.append(now)

    def rate(self, now: float) -> float:
        """Return events a second [Hz]."""
        return sum(now - t <= self._window for t in list(self._times)) / self._window


class Diagnostics:
    """Publishes the health of a node's concerns every second."""

    def __init__(self, node: Node, concerns: Callable[[], Mapping[str, Health]], group: CallbackGroup) -> None:
        """Start; ``concerns`` returns the health by name, for instance ``map``."""
        self._node = node
        self._concerns = concerns
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 10)
        # Not the node's clock: health is asked for just when simulated time stands still.
        self._timer = node.create_timer(1.0, self.publish, callback_group=group, clock=STEADY_CLOCK)

    def publish(self) -> None:
        """Publish now."""
        message = DiagnosticArray()
        message.header.stamp = self._node.get_clock().now().to_msg()
        name = self._node.get_fully_qualified_name().lstrip("/")
        for concern, health in self._concerns().items():
            message.status.append(
                DiagnosticStatus(
                    level=bytes([health.level]),
                    name=f"{name}: {concern}",
                    message=health.message,
                    hardware_id=name,
                    values=[KeyValue(key=key, value=value) for key, value in health.values.items()],
                )
            )
        self._publisher.publish(message)
