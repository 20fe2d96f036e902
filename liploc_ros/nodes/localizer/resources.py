# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""What the localizer holds while it is configured."""

from contextlib import ExitStack

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.lifecycle import LifecycleNode

from liploc_ros.datasets.base_frame import BaseFrame
from liploc_ros.geometry import Pose
from liploc_ros.localization import PosePrior
from liploc_ros.nodes.common.diagnostics import Health
from liploc_ros.nodes.common.library_log import library_log
from liploc_ros.nodes.common.logging import ThrottledLog
from liploc_ros.nodes.common.mounts import Mounts
from liploc_ros.nodes.common.parameters import check_topic
from liploc_ros.nodes.common.ros_libraries import image_reader
from liploc_ros.nodes.common.transforms import TransformSource
from liploc_ros.nodes.localizer.engine import LocalizerEngine
from liploc_ros.nodes.localizer.inputs import check_cameras
from liploc_ros.nodes.localizer.map_to_odom import MapToOdom, broadcast_obstacle
from liploc_ros.nodes.localizer.odometry import OdometryInput
from liploc_ros.nodes.localizer.outcome import ImageOutcome
from liploc_ros.nodes.localizer.outputs import LocalizerOutputs
from liploc_ros.nodes.localizer.parameters import RUNTIME_PARAMETERS, LocalizerParameters
from liploc_ros.nodes.localizer.prior.run_prior import RunPrior


class LocalizerResources:
    """Engine, odometry, outputs and the transform to the odometry frame. The cameras are added by activation.

    Attributes:
        read_image: converts image messages.
        engine: model and map in use.
        outputs: the publishers.
    """

    def __init__(
        self, node: LifecycleNode, settings: LocalizerParameters, transforms: TransformSource, log: ThrottledLog
    ) -> None:
        """Load model and map, and create publishers and subscriptions; frees all of them if one fails.

        Raises:
            LiplocError: the settings, the model or the map cannot be used.
        """
        self._node, self._log = node, log
        check_cameras(node, settings)
        if settings.odometry_topic:
            check_topic(node, "odometry_topic", settings.odometry_topic)
        self._odometry_timeout = settings.odometry_timeout
        self._mounts, self._warn = Mounts(settings.sensor_mounts, transforms), node.get_logger().warning
        self.read_image = image_reader(node.get_logger())
        with library_log(node.get_logger()):  # building a TensorRT engine takes minutes
            self.engine = LocalizerEngine.load(settings)
        with ExitStack() as stack:
            stack.callback(lambda: self.engine.close())
            self.outputs = LocalizerOutputs(
                node, with_belief=settings.tracking.enabled, with_initialpose=settings.publish_initialpose
            )
            stack.callback(self.outputs.close)
            self._odometry: OdometryInput | None = None
            if settings.odometry_topic:
                group = MutuallyExclusiveCallbackGroup()
                base_frame = self.engine.lidar_map.manifest.base_frame
                self._odometry = OdometryInput(
                    node,
                    settings.odometry_topic,
                    settings.odometry_frame,
                    self._base(base_frame),
                    log,
                    group,
                    settings.reliability,
                    settings.max_image_age,
                )
                stack.callback(self._odometry.close)
            self._prior = RunPrior(node, settings, self.engine.lidar_map, self._on_initial_pose, self.outputs, log)
            stack.callback(self._prior.close)
            self._map_to_odom: MapToOdom | None = None
            stack.callback(self._stop_broadcast)
            if settings.publish_tf:
                self._start_broadcast()
            self._stack = stack.pop_all()

    @property
    def odometry_topic(self) -> str:
        """Topic of the odometry, empty without odometry."""
        return self._odometry.topic if self._odometry is not None else ""

    def odometry_at(self, stamp_ns: int) -> Pose | None:
        """Return the pose of the base in the odometry frame at the time of an image; waits for it if necessary."""
        return self._odometry.pose_at(stamp_ns, self._odometry_timeout) if self._odometry is not None else None

    def prior_at(self, stamp_ns: int, T_odom_base: Pose | None) -> PosePrior | None:
        """Return where the vehicle probably is at the time of an image, while that restricts the search."""
        return self._prior.search.at(stamp_ns, T_odom_base)

    def publish(self, outcome: ImageOutcome) -> None:
        """Publish the outcome of an image, and update the transform to the odometry frame."""
        if self._map_to_odom is not None and outcome.pose is not None:
            self._map_to_odom.update(outcome.localization.stamp_ns, outcome.pose.T_map_base)
        self._prior.update(outcome)
        self.outputs.publish(outcome)

    def refusal_of(self, changed: frozenset[str], settings: LocalizerParameters) -> str | None:
        """Return why parameters cannot change while the node is configured, or None."""
        if fixed := sorted(changed - RUNTIME_PARAMETERS):
            return (
                f"{', '.join(fixed)} cannot change while the node is configured: clean it up first, or call "
                "~/load_map to replace the map"
            )
        if settings.publish_tf:
            return broadcast_obstacle(has_odometry=self._odometry is not None) or None
        return None

    def apply(self, settings: LocalizerParameters) -> None:
        """Continue with the parameters that can change while the node is configured."""
        self.engine.apply(settings.config())
        if self._odometry is not None:
            self._odometry.set_max_image_age(settings.max_image_age)
        if settings.publish_tf and self._map_to_odom is None:
            self._start_broadcast()
        elif not settings.publish_tf:
            self._stop_broadcast()

    def use_map(self, engine: LocalizerEngine) -> None:
        """Continue with another map; its tracking starts in the state LOST."""
        self.engine = engine
        self._prior.use_map(engine.lidar_map)
        manifest = engine.lidar_map.manifest
        if self._odometry is not None:
            self._odometry.set_base_frame(self._base(manifest.base_frame))
        if self._map_to_odom is not None:
            self._map_to_odom.set_map_frame(manifest.map_frame)
        self.outputs.reset()
        self.outputs.publish_map(engine.lidar_map)

    def reset_tracking(self) -> None:
        """Restart tracking, after a time without images."""
        self.engine.reset_tracking()
        self.outputs.reset()

    def reset(self) -> None:
        """Restart tracking and clear all history, after time jumped back."""
        self.reset_tracking()
        self._prior.search.clear()
        if self._odometry is not None:
            self._odometry.reset()
        if self._map_to_odom is not None:
            self._map_to_odom.reset()

    def health(self) -> dict[str, Health]:
        """Return the diagnostic statuses of odometry and of the transform to its frame."""
        statuses = {}
        if self._odometry is not None:
            statuses["odometry"] = self._odometry.health()
        if (broadcast := self._map_to_odom) is not None:  # a change of publish_tf may end it meanwhile
            statuses["map to odometry"] = broadcast.health()
        return statuses

    def _base(self, name: str) -> BaseFrame:
        return BaseFrame(name, self._mounts.lookup, self._warn)

    def close(self) -> None:
        """Destroy publishers and subscriptions, and free map and model."""
        self._stack.close()

    def _on_initial_pose(self, prior: PosePrior) -> None:
        self.reset_tracking()
        self._prior.search.set(prior)

    def _start_broadcast(self) -> None:
        map_frame = self.engine.lidar_map.manifest.map_frame
        self._map_to_odom = MapToOdom(self._node, self._odometry, map_frame, self._log)

    def _stop_broadcast(self) -> None:
        broadcast, self._map_to_odom = self._map_to_odom, None
        if broadcast is not None:
            broadcast.close()
