# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The topic initialpose, on which RViz and others tell where the vehicle is."""

from collections.abc import Callable
from typing import Any

from geometry_msgs.msg import PoseWithCovarianceStamped
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node

from liploc_ros.errors import LiplocError
from liploc_ros.localization import PosePrior
from liploc_ros.nodes.common.logging import ThrottledLog
from liploc_ros.nodes.common.qos import NO_SUBSCRIPTION_EVENTS, QOS_OVERRIDES
from liploc_ros.nodes.localizer.prior.messages import prior_of


class InitialPoseError(LiplocError):
    """An initial pose that cannot be used."""


class InitialPoseInput:
    """Subscribes to initialpose, without the messages that this node publishes there itself."""

    def __init__(
        self,
        node: Node,
        map_frame: Callable[[], str],
        is_own: Callable[[PoseWithCovarianceStamped], bool],
        on_prior: Callable[[PosePrior], None],
        log: ThrottledLog,
    ) -> None:
        """Subscribe.

        Args:
            node: the node.
            map_frame: returns the frame of the map in use.
            is_own: returns whether this node published a message.
            on_prior: called with each pose.
            log: gets warnings of poses that cannot be used.
        """
        self._node, self._map_frame, self._is_own, self._on_prior, self._log = node, map_frame, is_own, on_prior, log
        self._subscription = node.create_subscription(
            PoseWithCovarianceStamped,
            "initialpose",
            self._on_message,
            5,
            callback_group=MutuallyExclusiveCallbackGroup(),
            event_callbacks=NO_SUBSCRIPTION_EVENTS,
            qos_overriding_options=QOS_OVERRIDES,
        )

    def close(self) -> None:
        """Unsubscribe."""
        self._node.destroy_subscription(self._subscription)

    def _on_message(self, msg: PoseWithCovarianceStamped | Any) -> None:
        if self._is_own(msg):
            return
        try:
            prior = self._prior(msg)
        except LiplocError as error:
            self._log.warn("initialpose", f"{self._subscription.topic_name} is ignored: {error}")
            return
        self._on_prior(prior)
        x, y, yaw = map(float, prior.mean)
        self._node.get_logger().info(f"initial pose x {x:.1f} m, y {y:.1f} m, yaw {yaw:.2f} rad: tracking restarts")

    def _prior(self, msg: PoseWithCovarianceStamped | Any) -> PosePrior:
        frame_id, map_frame = str(msg.header.frame_id).lstrip("/"), self._map_frame()
        if frame_id not in ("", map_frame):
            raise InitialPoseError(
                f"its frame is {frame_id!r}, that of the map is {map_frame!r}: give the pose in the frame of the map"
            )
        return prior_of(msg.pose)
