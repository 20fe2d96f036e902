# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Quality of service: the profiles in use, and publishers that do not match them."""

import copy
from typing import Literal

from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import (
    DurabilityPolicy,
    QoSCompatibility,
    QoSPolicyKind,
    QoSProfile,
    ReliabilityPolicy,
    qos_check_compatible,
)
from rclpy.qos_overriding_options import QoSOverridingOptions

Reliability = Literal["auto", "best_effort", "reliable"]

LATCHED = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
"""For messages that are published once and kept for late subscribers."""

QOS_OVERRIDES = QoSOverridingOptions(
    (QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH, QoSPolicyKind.RELIABILITY, QoSPolicyKind.DURABILITY)
)
"""Policies that users can set by ``qos_overrides.TOPIC.publisher.POLICY`` and ``...subscription.POLICY``.

rclpy writes the values of users into the profile that it is given: each publisher and subscription needs its own.
"""

QOS_OVERRIDES_WITHOUT_RELIABILITY = QoSOverridingOptions(
    (QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH, QoSPolicyKind.DURABILITY)
)
"""For subscriptions whose reliability follows the publishers."""

# rclpy: destroying a subscription or publisher that has event callbacks, while an executor waits for it, ends the
# executor. Those that a lifecycle transition destroys therefore have none; mismatches are found in the graph instead.
NO_SUBSCRIPTION_EVENTS = SubscriptionEventCallbacks(use_default_callbacks=False)
NO_PUBLISHER_EVENTS = PublisherEventCallbacks(use_default_callbacks=False)


def is_overridden(node: Node, topic: str, policy: str) -> bool:
    """Return whether the user set a policy of the subscriptions to a topic (full name)."""
    name = f"qos_overrides.{topic}.subscription.{policy}"
    return name in node._parameter_overrides  # rclpy has no public name for what was given


def latched_profile() -> QoSProfile:
    """Return a copy of LATCHED, which overrides may change."""
    return copy.copy(LATCHED)


def sensor_profile(reliability: Reliability, depth: int = 5) -> QoSProfile:
    """Return a profile for sensor data (REP-2003). Best effort, also used for auto, matches every publisher."""
    policy = ReliabilityPolicy.RELIABLE if reliability == "reliable" else ReliabilityPolicy.BEST_EFFORT
    return QoSProfile(depth=depth, reliability=policy, durability=DurabilityPolicy.VOLATILE)


def qos_mismatch(node: Node, topic: str, profile: QoSProfile, parameter: str = "") -> str:
    """Return one line about a publisher of the topic whose profile does not match, or an empty string.

    The graph is asked, rather than events of the middleware (see above), so that the answer is empty again when the
    publisher has gone.

    Args:
        node: that subscribes.
        topic: full name.
        profile: of the subscription.
        parameter: that sets its reliability, and may be ``auto``; empty if only ``qos_overrides`` does.
    """
    for publisher in node.get_publishers_info_by_topic(topic):
        compatibility, reason = qos_check_compatible(publisher.qos_profile, profile)
        if compatibility != QoSCompatibility.ERROR:
            continue
        remedy = "change the publisher"
        for policy, (offered, requested) in _differences(publisher.qos_profile, profile).items():
            reason = f"its {policy} is {offered}, {requested} is requested"
            change = f"qos_overrides.{topic}.subscription.{policy} to {offered}"
            if parameter and policy == "reliability" and not is_overridden(node, topic, policy):
                change = f"{parameter} to auto"
            remedy = f"change the publisher, or set the parameter {change}"
        return (
            f"{topic}: quality of service of {publisher.node_name} does not match, nothing is received from it "
            f"({reason.strip().rstrip(';')}): {remedy}"
        )
    return ""


def _differences(offered: QoSProfile, requested: QoSProfile) -> dict[str, tuple[str, str]]:
    """Return the policies of which less is offered than requested, with the names of both values."""
    weaker = {
        "durability": (DurabilityPolicy.VOLATILE, DurabilityPolicy.TRANSIENT_LOCAL),
        "reliability": (ReliabilityPolicy.BEST_EFFORT, ReliabilityPolicy.RELIABLE),
    }
    return {
        policy: (values[0].name.lower(), values[1].name.lower())
        for policy, values in weaker.items()
        if (getattr(offered, policy), getattr(requested, policy)) == values
    }
