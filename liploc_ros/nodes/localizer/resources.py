"""What the localizer is made of while it is configured."""

from contextlib import ExitStack

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.lifecycle import LifecycleNode

from liploc_ros.geometry import Pose
from liploc_ros.nodes.common.diagnostics import Health
from liploc_ros.nodes.common.library_log import library_log
from liploc_ros.nodes.common.logging import ThrottledLog
from liploc_ros.nodes.common.parameters import check_topic
from liploc_ros.nodes.localizer.engine import LocalizerEngine
from liploc_ros.nodes.localizer.inputs import check_cameras
from liploc_ros.nodes.localizer.map_to_odom import MapToOdom
from liploc_ros.nodes.localizer.odometry import OdometryInput
from liploc_ros.nodes.localizer.outcome import Attempt
from liploc_ros.nodes.localizer.outputs import LocalizerOutputs
from liploc_ros.nodes.localizer.parameters import LocalizerParameters


class LocalizerParts:
    """Engine, odometry, outputs and the transform to the odometry's frame; the cameras come with activation.

    Attributes:
        engine: model and map in use.
        outputs: what is published of images and map.
    """

    def __init__(self, node: LifecycleNode, settings: LocalizerParameters, log: ThrottledLog) -> None:
        """Load model and map, and join the graph; where one part cannot, none is left behind.

        Raises:
            LiplocError: one of them cannot be used.
        """
        check_cameras(node, settings)
        if settings.odometry_topic:
            check_topic(node, "odometry_topic", settings.odometry_topic)
        self._timeout = settings.odometry_timeout
        with library_log(node.get_logger()):  # an engine of TensorRT may have to be built
            self.engine = LocalizerEngine.load(settings)
        manifest = self.engine.lidar_map.manifest
        with ExitStack() as parts:
            parts.callback(lambda: self.engine.close())
            self.outputs = LocalizerOutputs(
                node, with_belief=settings.tracking, with_initialpose=settings.publish_initialpose
            )
            parts.callback(self.outputs.close)
            self._odometry: OdometryInput | None = None
            if settings.odometry_topic:
                group = MutuallyExclusiveCallbackGroup()
                self._odometry = OdometryInput(node, settings.odometry_topic, manifest.base_frame, log, group)
                parts.callback(self._odometry.close)
            self._map_to_odom: MapToOdom | None = None
            if settings.publish_tf:
                self._map_to_odom = MapToOdom(node, self._odometry, manifest.map_frame, log)
                parts.callback(self._map_to_odom.close)
            self._open = parts.pop_all()

    @property
    def odometry_topic(self) -> str:
        """Where odometry is heard, empty for none."""
        return self._odometry.topic if self._odometry is not None else ""

    def odometry_at(self, stamp_ns: int) -> Pose | None:
        """Return the pose of the base in the odometry's frame at the time of an image; waits a little if need be."""
        return self._odometry.at(stamp_ns, self._timeout) if self._odometry is not None else None

    def publish(self, attempt: Attempt) -> None:
        """Publish what came of an image; the pose becomes that of the transform too."""
        if self._map_to_odom is not None and attempt.pose is not None:
            self._map_to_odom.accept(attempt.localization.stamp_ns, attempt.pose.T_map_base)
        self.outputs.publish(attempt)

    def use_map(self, engine: LocalizerEngine) -> None:
        """Go on with another map, lost at first."""
        self.engine = engine
        manifest = engine.lidar_map.manifest
        if self._odometry is not None:
            self._odometry.use_base_frame(manifest.base_frame)
        if self._map_to_odom is not None:
            self._map_to_odom.use_frame(manifest.map_frame)
        self.outputs.forget()
        self.outputs.publish_map(engine.lidar_map)

    def begin(self) -> None:
        """Begin lost, after images were not listened to."""
        self.engine.forget()
        self.outputs.forget()

    def forget(self) -> None:
        """Begin anew, after time jumped back."""
        self.begin()
        if self._odometry is not None:
            self._odometry.forget()
        if self._map_to_odom is not None:
            self._map_to_odom.reset()

    def health(self) -> dict[str, Health]:
        """Return the state of the odometry, and of the transform to its frame, for /diagnostics."""
        concerns = {}
        if self._odometry is not None:
            concerns["odometry"] = self._odometry.health()
        if self._map_to_odom is not None:
            concerns["map to odometry"] = self._map_to_odom.health()
        return concerns

    def close(self) -> None:
        """Leave the graph, and free map and model."""
        self._open.close()
