# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The priors of a run: its start at the last pose, initialpose, and their end when the pose is known."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from rclpy.node import Node

from liploc_ros.localization import PosePrior, Status, TrackingState
from liploc_ros.mapping import LidarMap
from liploc_ros.nodes.common.logging import ThrottledLog
from liploc_ros.nodes.localizer.outcome import ImageOutcome
from liploc_ros.nodes.localizer.outputs import LocalizerOutputs
from liploc_ros.nodes.localizer.parameters import LocalizerParameters
from liploc_ros.nodes.localizer.prior.initial_pose import InitialPoseInput
from liploc_ros.nodes.localizer.prior.pose_file import PoseFile
from liploc_ros.nodes.localizer.prior.search_prior import SearchPrior


class RunPrior:
    """Sets the prior that restricts the search.

    Attributes:
        search: the prior.
    """

    def __init__(
        self,
        node: Node,
        settings: LocalizerParameters,
        lidar_map: LidarMap,
        on_initial_pose: Callable[[PosePrior], None],
        outputs: LocalizerOutputs,
        log: ThrottledLog,
    ) -> None:
        """Read the last pose, and subscribe to initialpose.

        Args:
            node: the node.
            settings: its parameters.
            lidar_map: the map in use.
            on_initial_pose: called with each pose on initialpose that others published.
            outputs: the publishers of the node.
            log: gets warnings.

        Raises:
            FileError: the file of the last pose cannot be written.
        """
        self._map = lidar_map
        self.search = SearchPrior(settings.prior_timeout, settings.config().tracking)
        self._file: PoseFile | None = None
        with ExitStack() as stack:
            if settings.pose_file:
                self._file = PoseFile(node, Path(settings.pose_file), log)
                stack.callback(self._file.close)
                last = self._file.read(lidar_map)
                if last is not None:
                    self.search.set(last)
            if settings.use_initialpose:
                topic = InitialPoseInput(
                    node, lambda: self._map.manifest.map_frame, outputs.is_own_initial_pose, on_initial_pose, log
                )
                stack.callback(topic.close)
            self._stack = stack.pop_all()

    def update(self, outcome: ImageOutcome) -> None:
        """Keep the pose of an image. Once the pose is known, the whole map is searched again."""
        localization, tracking = outcome.localization, outcome.tracking
        if self._file is not None and outcome.pose is not None:
            self._file.store(outcome.pose, localization.stamp_ns, outcome.engine.lidar_map.id)
        is_accepted = tracking is None and localization.status is Status.SUCCESS
        if is_accepted or (tracking is not None and tracking.state is TrackingState.LOCALIZED):
            self.search.clear()

    def use_map(self, lidar_map: LidarMap) -> None:
        """Continue with another map, without a prior."""
        self._map = lidar_map
        self.search.clear()

    def close(self) -> None:
        """Unsubscribe, and write the last pose."""
        self._stack.close()
