# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Markers for RViz: hypotheses coloured by probability, the belief of tracking, and the map."""

import numpy as np
from geometry_msgs.msg import Vector3
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from liploc_ros.geometry import pose_from_yaw
from liploc_ros.localization import Hypothesis, Localization, Status, TrackingResult
from liploc_ros.localization.hypotheses import position_ellipse
from liploc_ros.mapping import LidarMap
from liploc_ros.mapping.inspection.map_view import map_points
from liploc_ros.nodes.common.conversions import header_at, point_to_message, pose_to_message
from liploc_ros.nodes.localizer.outcome import ImageOutcome
from liploc_ros.views import colour_probability

PLACE_COLOR = ColorRGBA(r=0.25, g=0.55, b=0.95, a=0.9)
POINT_COLOR = ColorRGBA(r=0.55, g=0.55, b=0.55, a=0.6)
MAX_POINTS = 30_000  # a marker is one message; more points slow down RViz and the network
HEIGHTS = (-np.inf, 4.0)  # m above the LiDAR; in a view from above, trees would hide the road


def outcome_markers(outcome: ImageOutcome, header: Header) -> MarkerArray:
    """Return the markers of an image, which replace those of the previous one."""
    markers = [Marker(header=header, action=Marker.DELETEALL), *hypothesis_markers(outcome.localization, header)]
    if outcome.tracking is not None:
        markers += belief_markers(outcome.tracking, header)
    return MarkerArray(markers=markers)


def hypothesis_markers(result: Localization, header: Header) -> list[Marker]:
    """Return an arrow and a label per hypothesis, coloured by probability; the accepted one is larger.

    The label is the probability and the score.
    """
    markers = []
    for rank, hypothesis in enumerate(result.hypotheses):
        is_accepted = rank == 0 and result.status is Status.SUCCESS
        length = 5.0 if is_accepted else 3.0
        markers.append(
            Marker(
                header=header,
                ns="hypotheses",
                id=rank,
                type=Marker.ARROW,
                pose=pose_to_message(hypothesis.T_map_base),
                scale=Vector3(x=length, y=length / 6, z=length / 6),
                color=probability_color(hypothesis.probability, 1.0 if is_accepted else 0.6),
            )
        )
        label = pose_to_message(hypothesis.T_map_base)
        label.position.z += 2.0
        markers.append(
            Marker(
                header=header,
                ns="labels",
                id=rank,
                type=Marker.TEXT_VIEW_FACING,
                pose=label,
                scale=Vector3(z=1.2),
                color=ColorRGBA(r=1.0, g=1.0, b=1.0, a=1.0),
                text=f"{hypothesis.probability:.0%}, score {hypothesis.score:.2f}",
            )
        )
    return markers


def belief_markers(tracking: TrackingResult, header: Header) -> list[Marker]:
    """Return a blue arrow and a 2 sigma ellipse per tracked hypothesis; its opacity grows with its probability."""
    markers = []
    for rank, hypothesis in enumerate(tracking.hypotheses):
        alpha = 0.2 + 0.8 * hypothesis.probability
        arrow = Marker(
            header=header,
            ns="belief",
            id=2 * rank,
            type=Marker.ARROW,
            pose=pose_to_message(hypothesis.T_map_base),
            scale=Vector3(x=4.0, y=0.6, z=0.6),
            color=ColorRGBA(r=0.1, g=0.3, b=1.0, a=alpha),
        )
        markers += [arrow, _ellipse(hypothesis, header, 2 * rank + 1, alpha / 3)]
    return markers


def map_markers(lidar_map: LidarMap) -> MarkerArray:
    """Return the places and some of the points of a map."""
    header = header_at(0, lidar_map.manifest.map_frame)
    places = Marker(header=header, ns="places", type=Marker.POINTS, scale=Vector3(x=0.5, y=0.5), color=PLACE_COLOR)
    places.points = [point_to_message(T[:3, 3]) for T in lidar_map.T_map_base]
    points = Marker(header=header, ns="points", type=Marker.POINTS, scale=Vector3(x=0.15, y=0.15), color=POINT_COLOR)
    points.points = [point_to_message(p) for p in map_points(lidar_map, MAX_POINTS, HEIGHTS).positions]
    for marker in (places, points):
        marker.pose.orientation.w = 1.0
    return MarkerArray(markers=[Marker(header=header, action=Marker.DELETEALL), places, points])


def probability_color(probability: float, alpha: float) -> ColorRGBA:
    """Return violet for a probability of 0, orange for 0.5, green for 1."""
    red, green, blue = (value / 255 for value in colour_probability(probability))
    return ColorRGBA(r=red, g=green, b=blue, a=alpha)


def _ellipse(hypothesis: Hypothesis, header: Header, number: int, alpha: float) -> Marker:
    """Return the flat 2 sigma ellipse of a position."""
    longer, shorter, yaw = position_ellipse(hypothesis)
    x, y, z = hypothesis.T_map_base[:3, 3]
    return Marker(
        header=header,
        ns="belief",
        id=number,
        type=Marker.CYLINDER,
        pose=pose_to_message(pose_from_yaw(x, y, z, yaw)),
        scale=Vector3(x=4 * longer, y=4 * shorter, z=0.05),
        color=ColorRGBA(r=0.1, g=0.3, b=1.0, a=alpha),
    )
