"""What the localizer holds while it is configured."""

from contextlib import ExitStack

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.lifecycle import LifecycleNode

from liploc_ros.datasets.base_frame import BaseFrame
from liploc_ros.geometry import Pose
from liploc_ros.nodes.common.diagnostics import Health
from liploc_ros.nodes.common.library_log import library_log
from liploc_ros.nodes.common.logging import ThrottledLog
from liploc_ros.nodes.common.mounts import Mounts
from liploc_ros.nodes.common.parameters import check_topic
from liploc_ros.nodes.common.ros_libraries import image_reader
from liploc_ros.nodes.common.transforms import TransformSource
from liploc_ros.nodes.localizer.engine import LocalizerEngine
from liploc_ros.nodes.localizer.inputs import check_cameras
from liploc_ros.nodes.localizer.map_to_odom import MapToOdom
from liploc_ros.nodes.localizer.odometry import OdometryInput
from liploc_ros.nodes.localizer.outcome import ImageOutcome
from liploc_ros.nodes.localizer.outputs import LocalizerOutputs
from liploc_ros.nodes.localizer.parameters import LocalizerParameters


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
        check_cameras(node, settings)
        if settings.odometry_topic:
            check_topic(node, "odometry_topic", settings.odometry_topic)
        self._odometry_timeout = settings.odometry_timeout
        self._mounts, self._warn = Mounts(settings.sensor_mounts, transforms), node.get_logger().warning
        self.read_image = image_reader(node.get_logger())
        with library_log(node.get_logger()):  # building a TensorRT engine takes minutes
            self.engine = LocalizerEngine.load(settings)
        manifest = self.engine.lidar_map.manifest
        with ExitStack() as stack:
            stack.callback(lambda: self.engine.close())
            self.outputs = LocalizerOutputs(
                node, with_belief=settings.tracking.enabled, with_initialpose=settings.publish_initialpose
            )
            stack.callback(self.outputs.close)
            self._odometry: OdometryInput | None = None
            if settings.odometry_topic:
                group = MutuallyExclusiveCallbackGroup()
                self._odometry = OdometryInput(
                    node,
                    settings.odometry_topic,
                    settings.odometry_frame,
                    self._base(manifest.base_frame),
                    log,
                    group,
                    settings.reliability,
                )
                stack.callback(self._odometry.close)
            self._map_to_odom: MapToOdom | None = None
            if settings.publish_tf:
                self._map_to_odom = MapToOdom(node, self._odometry, manifest.map_frame, log)
                stack.callback(self._map_to_odom.close)
            self._stack = stack.pop_all()

    @property
    def odometry_topic(self) -> str:
        """Topic of the odometry, empty without odometry."""
        return self._odometry.topic if self._odometry is not None else ""

    def odometry_at(self, stamp_ns: int) -> Pose | None:
        """Return the pose of the base in the odometry frame at the time of an image; waits for it if necessary."""
        return self._odometry.pose_at(stamp_ns, self._odometry_timeout) if self._odometry is not None else None

    def publish(self, outcome: ImageOutcome) -> None:
        """Publish the outcome of an image, and update the transform to the odometry frame."""
        if self._map_to_odom is not None and outcome.pose is not None:
            self._map_to_odom.update(outcome.localization.stamp_ns, outcome.pose.T_map_base)
        self.outputs.publish(outcome)

    def use_map(self, engine: LocalizerEngine) -> None:
        """Continue with another map; its tracking starts in the state LOST."""
        self.engine = engine
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
        if self._odometry is not None:
            self._odometry.reset()
        if self._map_to_odom is not None:
            self._map_to_odom.reset()

    def health(self) -> dict[str, Health]:
        """Return the diagnostic statuses of odometry and of the transform to its frame."""
        statuses = {}
        if self._odometry is not None:
            statuses["odometry"] = self._odometry.health()
        if self._map_to_odom is not None:
            statuses["map to odometry"] = self._map_to_odom.health()
        return statuses

    def _base(self, name: str) -> BaseFrame:
        return BaseFrame(name, self._mounts.lookup, self._warn)

    def close(self) -> None:
        """Destroy publishers and subscriptions, and free map and model."""
        self._stack.close()
