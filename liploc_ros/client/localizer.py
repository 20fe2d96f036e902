# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The client of the localizer."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from builtin_interfaces.msg import Duration
from geometry_msgs.msg import PoseWithCovarianceStamped
from rcl_interfaces.srv import GetParameters

from liploc_ros.client.connection import Connection
from liploc_ros.client.errors import NodeNotFoundError, NoResponseError, RefusedError
from liploc_ros.client.messages import belief_result, image_result, map_description, pose_estimate, prior_to_message
from liploc_ros.client.node_client import CALL_TIMEOUT, NodeClient, remaining
from liploc_ros.client.results import BeliefResult, ImageResult, MapDescription, PoseEstimate
from liploc_ros.client.stream import Stream
from liploc_ros.localization import PosePrior, Status
from liploc_ros.msg import Belief, MapInfo, PoseHypothesisArray
from liploc_ros.nodes.common.conversions import header_at
from liploc_ros.nodes.common.qos import LATCHED
from liploc_ros.srv import LoadMap, Localize

WITH_HYPOTHESES = (Status.SUCCESS, Status.UNKNOWN_PLACE, Status.AMBIGUOUS)
"""Statuses of an image that was localized, accepted or not."""

LOAD_TIMEOUT = 120.0
SETTLING = 1.0  # s from the publisher finding the subscription to the subscription finding the publisher
MAX_HYPOTHESES = 255  # an uint8 in the request
Unsubscribe = Callable[[], None]


class LocalizerClient(NodeClient):
    """Asks a localizer for poses, and follows what it publishes.

    Every method raises a :class:`~liploc_ros.client.ClientError` with one line if the node is not there, does not
    respond in time, or refuses.
    """

    def __init__(
        self, node: str = "localizer", connection: Connection | None = None, discovery_timeout: float = 5.0
    ) -> None:
        """Connect; see :class:`~liploc_ros.client.node_client.NodeClient`."""
        super().__init__(node, connection, discovery_timeout)
        self._initialpose: Any | None = None

    def wait(self, timeout: float = 60.0) -> MapDescription:
        """Wait until the localizer is active, and return its map.

        Raises:
            NodeNotFoundError: there is no such node in time [s].
            NoResponseError: it is not active in time.
        """
        deadline = time.monotonic() + timeout
        self.connection.wait_for_service(Localize, self.node, "localize", timeout)
        return self.map(remaining(deadline))

    def map(self, timeout: float = CALL_TIMEOUT) -> MapDescription:
        """Return the map in use.

        Raises:
            NoResponseError: the node does not publish one in time [s].
        """
        received: list[MapDescription] = []
        unsubscribe = self.connection.subscribe(
            MapInfo, self._topic("map_info"), lambda msg: received.append(map_description(msg)), LATCHED
        )
        try:
            if not self.connection.wait_until(lambda: bool(received), timeout):
                raise NoResponseError(
                    f"{self._topic('map_info')}: no map for {timeout:g} s: the node is not there or not active; see "
                    "its log"
                )
        finally:
            unsubscribe()
        return received[-1]

    def localize(
        self, camera: str = "", prior: PosePrior | None = None, max_hypotheses: int = 0, timeout: float = 5.0
    ) -> ImageResult:
        """Localize the latest image alone.

        An image that was localized but not accepted is a result too: see its status.

        Args:
            camera: optical frame of the camera; empty: any.
            prior: where the vehicle probably is; None: the whole map is searched.
            max_hypotheses: maximum number of hypotheses; 0: all.
            timeout: time that the node waits for an image [s].

        Raises:
            RefusedError: there is no image that can be used, or the prior cannot be used.
            NodeNotFoundError: there is no such node.
            NoResponseError: it does not respond in time.
        """
        request = Localize.Request(camera=camera, max_hypotheses=min(max(max_hypotheses, 0), MAX_HYPOTHESES))
        request.timeout = Duration(sec=int(timeout), nanosec=int(1e9 * (timeout % 1)))
        if prior is not None:
            request.has_prior, request.prior = True, prior_to_message(prior)
        response = self._call(Localize, "localize", request, timeout + CALL_TIMEOUT)
        if Status(response.status) not in WITH_HYPOTHESES:
            raise RefusedError(f"{self.node}: {Status(response.status).name}: {response.message}")
        return image_result(response)

    def load_map(self, path: str, timeout: float = LOAD_TIMEOUT) -> MapDescription:
        """Replace the map. The old one stays in use if the new one cannot be used.

        Args:
            path: of the map's folder on the computer of the node.
            timeout: [s].

        Raises:
            RefusedError: the map cannot be used.
            NodeNotFoundError: there is no such node.
            NoResponseError: it does not respond in time.
        """
        response = self._call(LoadMap, "load_map", LoadMap.Request(path=str(path)), timeout)
        if not response.success:
            raise RefusedError(f"{self.node}: {response.message}")
        return map_description(response.map_info)

    def set_prior(self, prior: PosePrior) -> None:
        """Restart tracking near a pose, as RViz's button "2D Pose Estimate" does.

        The pose is published on ``initialpose`` in the namespace of the node, where other nodes may listen too. For one
        image alone, give the prior to :meth:`localize`.

        Raises:
            RefusedError: the node does not listen to it.
            NodeNotFoundError: nothing listens to it.
            NoResponseError: the node has no map.
        """
        node, topic = self.connection.node, f"{self.node.rpartition('/')[0]}/initialpose"
        map_frame = self.map().map_frame
        parameters = self._call(GetParameters, "get_parameters", GetParameters.Request(names=["use_initialpose"]))
        if not any(value.bool_value for value in parameters.values):
            raise RefusedError(f"{self.node} does not listen to {topic}: set its parameter use_initialpose to true")
        is_new = self._initialpose is None
        if self._initialpose is None:
            self._initialpose = node.create_publisher(PoseWithCovarianceStamped, topic, 5)
        publisher = self._initialpose
        if not self.connection.wait_until(lambda: publisher.get_subscription_count() > 0, self.discovery_timeout):
            raise NodeNotFoundError(f"{topic} has no subscriber: {self.node} may listen to a remapped topic; check it")
        if is_new:
            time.sleep(SETTLING)
        header = header_at(node.get_clock().now().nanoseconds, map_frame)
        publisher.publish(PoseWithCovarianceStamped(header=header, pose=prior_to_message(prior)))

    def beliefs(self, timeout: float | None = None) -> Stream[BeliefResult]:
        """Iterate over the results of tracking, one after each image.

        Args:
            timeout: longest time between two results [s], after which NoResponseError is raised; None for no limit.
        """
        return self.connection.stream(Belief, self._topic("belief"), belief_result, timeout)

    def images(self, timeout: float | None = None) -> Stream[ImageResult]:
        """Iterate over the results of single images; see :meth:`beliefs`."""
        return self.connection.stream(PoseHypothesisArray, self._topic("hypotheses"), image_result, timeout)

    def poses(self, timeout: float | None = None) -> Stream[PoseEstimate]:
        """Iterate over the poses to use; there is none while the place is not known. See :meth:`beliefs`."""
        return self.connection.stream(PoseWithCovarianceStamped, self._topic("pose"), pose_estimate, timeout)

    def on_belief(self, callback: Callable[[BeliefResult], None]) -> Unsubscribe:
        """Call a function with each result of tracking, in the thread of the connection; returns how to stop that."""
        return self.connection.subscribe(Belief, self._topic("belief"), lambda msg: callback(belief_result(msg)))

    def on_image(self, callback: Callable[[ImageResult], None]) -> Unsubscribe:
        """Call a function with the result of each image alone; see :meth:`on_belief`."""
        return self.connection.subscribe(
            PoseHypothesisArray, self._topic("hypotheses"), lambda msg: callback(image_result(msg))
        )

    def on_pose(self, callback: Callable[[PoseEstimate], None]) -> Unsubscribe:
        """Call a function with each pose to use; see :meth:`on_belief`."""
        return self.connection.subscribe(
            PoseWithCovarianceStamped, self._topic("pose"), lambda msg: callback(pose_estimate(msg))
        )
