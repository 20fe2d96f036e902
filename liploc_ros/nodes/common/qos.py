"""Quality of service: which profiles are used, and what is said when they do not match."""

from typing import Literal

from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSCompatibility, QoSProfile, ReliabilityPolicy, qos_check_compatible

Reliability = Literal["best_effort", "reliable"]

LATCHED = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
"""For what is published once and kept for late subscribers."""

LATCHED_INPUT = QoSProfile(
    depth=100, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)
"""For /tf_static, with its many publishers."""

# rclpy's events of a subscription or publisher that is destroyed while an executor waits for them end the executor.
# What goes up and down with the node's life cycle has none; mismatches are found by asking the graph.
QUIET_SUBSCRIPTION = SubscriptionEventCallbacks(use_default_callbacks=False)
QUIET_PUBLISHER = PublisherEventCallbacks(use_default_callbacks=False)


def sensor_profile(reliability: Reliability, depth: int = 5) -> QoSProfile:
    """Return the profile of sensor data (REP-2003): best effort hears every publisher, reliable loses nothing."""
    policy = ReliabilityPolicy.RELIABLE if reliability == "reliable" else ReliabilityPolicy.BEST_EFFORT
    return QoSProfile(depth=depth, reliability=policy, durability=DurabilityPolicy.VOLATILE)


def mismatch(node: Node, topic: str, profile: QoSProfile) -> str:
    """Return in a line which publisher of a topic cannot be heard, or nothing."""
    for publisher in node.get_publishers_info_by_topic(topic):
        compatibility, reason = qos_check_compatible(publisher.qos_profile, profile)
        if compatibility == QoSCompatibility.ERROR:
            return (
                f"{topic}: quality of service of {publisher.node_name} does not match, nothing is received from it "
                f"({reason.strip().rstrip(';')}): change the publisher, or set the parameter reliability to best_effort"
            )
    return ""
