# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Results from messages, and messages from priors."""

import math
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseWithCovariance
from numpy.typing import NDArray

from liploc_ros.client.results import (
    LEVELS,
    BeliefResult,
    BuildProgress,
    ImageResult,
    MapDescription,
    PoseEstimate,
    StatusItem,
)
from liploc_ros.datasets.pose_message import pose_of
from liploc_ros.geometry import pose_from_yaw
from liploc_ros.geometry.se2 import SE2_AXES
from liploc_ros.localization import Hypothesis, PosePrior, Status, TrackingState
from liploc_ros.nodes.common.conversions import pose_to_message, stamp_ns_of


def pose_prior(x: float, y: float, yaw: float = 0.0, sigma: float = 10.0, sigma_yaw: float = math.pi) -> PosePrior:
    """Return a prior for where the vehicle is, for example from GNSS.

    Args:
        x: of the base frame in the map frame [m].
        y: of the base frame in the map frame [m].
        yaw: heading in the map frame, left positive [rad].
        sigma: standard deviation of x and of y [m].
        sigma_yaw: standard deviation of the heading [rad]; by default every heading is searched.

    Raises:
        PriorError: a number is not finite.
    """
    return PosePrior(np.array([x, y, yaw]), np.diag(np.square([sigma, sigma, sigma_yaw])))


def prior_to_message(prior: PosePrior) -> PoseWithCovariance:
    """Return a prior as geometry_msgs/PoseWithCovariance."""
    x, y, yaw = map(float, prior.mean)
    covariance = np.zeros((6, 6))
    covariance[SE2_AXES[:, None], SE2_AXES] = prior.covariance
    return PoseWithCovariance(pose=pose_to_message(pose_from_yaw(x, y, 0.0, yaw)), covariance=covariance.ravel())


def image_result(msg: Any) -> ImageResult:
    """Return a PoseHypothesisArray, or the response of Localize."""
    return ImageResult(
        stamp_ns_of(msg),
        str(msg.header.frame_id),
        str(msg.child_frame_id),
        str(msg.map_id),
        str(msg.camera),
        Status(msg.status),
        str(msg.message),
        tuple(map(_hypothesis, msg.hypotheses)),
        bool(getattr(msg, "whole_map", True)),
        float(getattr(msg, "latency_ms", 0.0)),
    )


def belief_result(msg: Any) -> BeliefResult:
    """Return a Belief."""
    return BeliefResult(
        stamp_ns_of(msg),
        str(msg.header.frame_id),
        str(msg.child_frame_id),
        str(msg.map_id),
        str(msg.camera),
        TrackingState(msg.state),
        str(msg.message),
        float(msg.probability_lost),
        tuple(map(_hypothesis, msg.hypotheses)),
    )


def pose_estimate(msg: Any) -> PoseEstimate:
    """Return a geometry_msgs/PoseWithCovarianceStamped."""
    return PoseEstimate(
        stamp_ns_of(msg), str(msg.header.frame_id), pose_of(msg.pose.pose), _covariance(msg.pose.covariance)
    )


def map_description(msg: Any) -> MapDescription:
    """Return a MapInfo."""
    return MapDescription(
        str(msg.path),
        str(msg.map_id),
        str(msg.model_id),
        str(msg.header.frame_id),
        str(msg.base_frame),
        str(msg.datum),
        int(msg.keyframes),
        int(msg.places),
        int(msg.headings),
        float(msg.place_spacing),
        float(msg.lateral_spacing),
        float(msg.path_length),
        int(msg.size_bytes),
        _point(msg.min_corner),
        _point(msg.max_corner),
    )


def build_progress(msg: Any) -> BuildProgress:
    """Return a MapProgress."""
    return BuildProgress(
        stamp_ns_of(msg),
        int(msg.scans_received),
        int(msg.scans_dropped),
        int(msg.scans_paused),
        int(msg.scans_lost),
        int(msg.keyframes),
        int(msg.places),
        float(msg.path_length),
        bool(msg.paused),
        bool(msg.saving),
        str(msg.message),
    )


def status_items(msg: Any, node: str) -> tuple[StatusItem, ...]:
    """Return the statuses of a node (full name) in a diagnostic_msgs/DiagnosticArray."""
    prefix = f"{node.lstrip('/')}: "
    return tuple(
        StatusItem(
            status.name.removeprefix(prefix),
            LEVELS[min(status.level[0], len(LEVELS) - 1)],
            str(status.message),
            {value.key: value.value for value in status.values},
        )
        for status in msg.status
        if status.name.startswith(prefix)
    )


def _hypothesis(msg: Any) -> Hypothesis:
    return Hypothesis(
        pose_of(msg.pose.pose),
        _covariance(msg.pose.covariance),
        float(msg.score),
        float(msg.probability),
        int(msg.place_id),
        str(msg.camera),
        float(msg.confidence),
    )


def _covariance(values: Any) -> NDArray[np.float64]:
    return np.array(values, np.float64).reshape(6, 6)


def _point(msg: Any) -> NDArray[np.float64]:
    return np.array([msg.x, msg.y, msg.z])
