# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Results of a localizer, read from its messages."""

from typing import Any

import numpy as np

from liploc_ros.datasets.pose_message import pose_of
from liploc_ros.localization import Hypothesis, Localization, Status, TrackingResult, TrackingState
from liploc_ros.nodes.common.conversions import stamp_ns_of
from liploc_ros.view.updates import HealthLine, Level

LATENCY, LOST, REPLACED = "latency [ms]", "images lost", "images replaced by newer ones"


def hypothesis_of(msg: Any) -> Hypothesis:
    """Return a liploc_ros/PoseHypothesis.

    Raises:
        PoseError: the pose cannot be used.
    """
    covariance = np.array(msg.pose.covariance, np.float64).reshape(6, 6)
    return Hypothesis(
        pose_of(msg.pose.pose), covariance, msg.score, msg.probability, msg.place_id, msg.camera, msg.confidence
    )


def localization_of(msg: Any) -> Localization:
    """Return a liploc_ros/PoseHypothesisArray; it does not tell the latency.

    Raises:
        PoseError: a pose cannot be used.
    """
    hypotheses = tuple(hypothesis_of(hypothesis) for hypothesis in msg.hypotheses)
    stamp_ns = stamp_ns_of(msg)
    return Localization(Status(msg.status), msg.message, hypotheses, stamp_ns, 0.0, whole_map=msg.whole_map)


def tracking_of(msg: Any) -> TrackingResult:
    """Return a liploc_ros/Belief.

    Raises:
        PoseError: a pose cannot be used.
    """
    hypotheses = tuple(hypothesis_of(hypothesis) for hypothesis in msg.hypotheses)
    return TrackingResult(
        TrackingState(msg.state), msg.message, msg.probability_lost, hypotheses, None, stamp_ns_of(msg)
    )


def known_pose_of(msg: Any) -> Hypothesis:
    """Return a geometry_msgs/PoseWithCovarianceStamped of the pose that is known.

    Raises:
        PoseError: it cannot be used.
    """
    covariance = np.array(msg.pose.covariance, np.float64).reshape(6, 6)
    return Hypothesis(pose_of(msg.pose.pose), covariance, 0.0, 1.0, 0, "", 1.0)


def health_line(status: Any, node: str) -> HealthLine:
    """Return a diagnostic_msgs/DiagnosticStatus of a node, with latency and lost images if it has them."""
    values = {item.key: item.value for item in status.values}
    parts = [status.message]
    if LATENCY in values:
        parts.append(f"latency {float(values[LATENCY]):.0f} ms")
    parts += [f"{values[key]} {key}" for key in (LOST, REPLACED) if key in values]
    return HealthLine(status.name.removeprefix(f"{node}: "), "; ".join(parts), Level(ord(status.level)))
