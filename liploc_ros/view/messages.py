# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Results of a localizer, read from its messages."""

from typing import Any

from liploc_ros.client.messages import belief_result, image_result, pose_estimate
from liploc_ros.localization import Hypothesis, Localization, TrackingResult
from liploc_ros.view.updates import HealthLine, Level

LATENCY, LOST, REPLACED = "latency [ms]", "images lost", "images replaced by newer ones"


def localization_of(msg: Any) -> Localization:
    """Return a liploc_ros/PoseHypothesisArray; it does not tell the latency.

    Raises:
        PoseError: a pose cannot be used.
    """
    result = image_result(msg)
    return Localization(
        result.status, result.message, result.hypotheses, result.stamp_ns, 0.0, whole_map=result.whole_map
    )


def tracking_of(msg: Any) -> TrackingResult:
    """Return a liploc_ros/Belief.

    Raises:
        PoseError: a pose cannot be used.
    """
    belief = belief_result(msg)
    return TrackingResult(
        belief.state, belief.message, belief.probability_lost, belief.hypotheses, None, belief.stamp_ns
    )


def known_pose_of(msg: Any) -> Hypothesis:
    """Return a geometry_msgs/PoseWithCovarianceStamped of the pose that is known.

    Raises:
        PoseError: it cannot be used.
    """
    pose = pose_estimate(msg)
    return Hypothesis(pose.T_map_base, pose.covariance, 0.0, 1.0, 0, "", 1.0)


def health_line(status: Any, node: str) -> HealthLine:
    """Return a diagnostic_msgs/DiagnosticStatus of a node, with latency and lost images if it has them."""
    values = {item.key: item.value for item in status.values}
    parts = [status.message]
    if LATENCY in values:
        parts.append(f"latency {float(values[LATENCY]):.0f} ms")
    parts += [f"{values[key]} {key}" for key in (LOST, REPLACED) if key in values]
    return HealthLine(status.name.removeprefix(f"{node}: "), "; ".join(parts), Level(ord(status.level)))
