# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The localizer node: images in, poses on the map out. Its topics, services and parameters are in docs/nodes.md."""

import threading
import traceback
from collections.abc import Sequence
from typing import Any

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import JumpThreshold
from rclpy.duration import Duration
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn

from liploc_ros.errors import LiplocError
from liploc_ros.localization import PosePrior
from liploc_ros.localization.timer import Timer
from liploc_ros.nodes.common import ros_libraries
from liploc_ros.nodes.common.diagnostics import Diagnostics, Health
from liploc_ros.nodes.common.lifecycle import FAILURE, SUCCESS, AutostartNode, reason_of
from liploc_ros.nodes.common.logging import ThrottledLog
from liploc_ros.nodes.common.mounts import MountError
from liploc_ros.nodes.common.parameters import declare, guard_changes, read, resolved_name
from liploc_ros.nodes.common.process import run_node
from liploc_ros.nodes.localizer.camera import CameraInput, NotReadyError, ReceivedImage
from liploc_ros.nodes.localizer.engine import LocalizerEngine
from liploc_ros.nodes.localizer.health import OutcomeLog, camera_health, idle_health, map_health
from liploc_ros.nodes.localizer.inputs import CameraInputs
from liploc_ros.nodes.localizer.latest_worker import LatestWorker
from liploc_ros.nodes.localizer.outcome import ImageOutcome, with_earlier_steps
from liploc_ros.nodes.localizer.parameters import LocalizerParameters
from liploc_ros.nodes.localizer.resources import LocalizerResources
from liploc_ros.nodes.localizer.run_report import RunReport
from liploc_ros.nodes.localizer.services import LocalizerServices
from liploc_ros.nodes.subscriptions.stamps import StampError


class LocalizerNode(AutostartNode):
    """Configured: model and map are loaded. Active: images are localized.

    A worker thread decodes and localizes the latest image of each camera. Callbacks and services run meanwhile.
    """

    def __init__(self, **arguments: Any) -> None:
        """Declare the parameters; ``arguments`` are those of rclpy's Node.

        Raises:
            ParameterError: an unknown parameter, or a value that cannot be used.
        """
        super().__init__("localizer", **arguments)
        self.settings = declare(self, LocalizerParameters)
        guard_changes(self, LocalizerParameters, self._refuse_changes, self._apply_changes)
        self.outcomes = OutcomeLog()
        self.report = RunReport(self.get_logger())
        self.load_error = ""
        self._log = ThrottledLog(self.get_logger())
        self._transforms = ros_libraries.transform_source(self, self._log, MutuallyExclusiveCallbackGroup())
        self._resources: LocalizerResources | None = None
        self._offered_services: LocalizerServices | None = None
        self._worker: LatestWorker | None = None
        self._inputs: CameraInputs | None = None
        self._map_lock = threading.Lock()  # held while the map is replaced, and while results on it are published
        self._diagnostics = Diagnostics(self, self._health, MutuallyExclusiveCallbackGroup())
        threshold = JumpThreshold(min_forward=None, min_backward=Duration(nanoseconds=-1), on_clock_change=False)
        self._jump_handle = self.get_clock().create_jump_callback(threshold, post_callback=self._on_time_jump)

    # One image: the steps --------------------------------------------------------------------------------------------

    def localize_image(
        self, camera: CameraInput, received: ReceivedImage, prior: PosePrior | None = None, *, whole_map: bool = False
    ) -> ImageOutcome:
        """Localize an image alone and by tracking, and publish and return the outcome.

        Args:
            camera: its camera.
            received: the image.
            prior: of a request; None: that of initialpose or of the last run, while there is one.
            whole_map: search the whole map, even if the pose is known.

        Raises:
            NotReadyError, MountError: calibration or mount are not known yet, or the map was replaced.
            LiplocError: the image cannot be used.
        """
        resources = self._resources
        if resources is None:
            raise NotReadyError("the node is not configured: configure it")
        if received.stamp_error is not None:
            raise received.stamp_error
        engine, stamp_ns, timer = resources.engine, received.stamp_ns, Timer()
        mounted = camera.mounted(received.frame_id, engine.lidar_map.manifest.base_frame)
        with timer.step("decode"):
            image = resources.read_image(received.message.read(), camera.topic)
        with timer.step("odometry"):
            T_odom_base = resources.odometry_at(stamp_ns) if self.settings.tracking.enabled else None
        prior = prior or resources.prior_at(stamp_ns, T_odom_base)
        tracking = None
        if self.settings.tracking.enabled:
            tracking = engine.track(image, mounted, stamp_ns, T_odom_base, prior, whole_map=whole_map)
        localization = tracking.localization if tracking is not None else None
        if localization is None:  # without tracking, or because tracking skipped the image
            localization = engine.localize(image, mounted, stamp_ns, prior)
        outcome = ImageOutcome(with_earlier_steps(localization, timer), tracking, engine, camera=received.frame_id)
        self._publish(outcome, camera, resources)
        resources.outputs.publish_matched_view(outcome, image, mounted)
        self.report.add(outcome, camera.topic, received)
        return outcome

    def _publish(self, outcome: ImageOutcome, camera: CameraInput, resources: LocalizerResources) -> None:
        with self._map_lock:
            if outcome.engine is not self.engine:
                raise NotReadyError(f"{camera.topic}: the map was replaced while an image was localized: try the next")
            camera.report_success()
            self.outcomes.add(outcome)
            resources.publish(outcome)

    def _on_image(self, camera: CameraInput, received: ReceivedImage) -> None:
        if self._offered_services is not None:
            self._offered_services.notify_image()
        if self.settings.continuous and self._worker is not None:
            camera.replaced += self._worker.put(camera.topic, (camera, received))

    def _work(self, topic: str, item: tuple[CameraInput, ReceivedImage]) -> None:
        """Localize an image in the worker thread, where no exception may escape."""
        camera, received = item
        try:
            self.localize_image(camera, received)
            return
        except (NotReadyError, MountError) as error:
            camera.report_missing(error)
            reason = str(error)
        except StampError as error:  # logged and counted when the image was received
            reason = str(error)
        except LiplocError as error:
            camera.report_fault(error)
            reason = str(error)
        except Exception:
            reason = self.internal_error(topic)
        self.report.add_unusable()
        with self._map_lock:
            if self._resources is not None:
                lidar_map = self._resources.engine.lidar_map
                self._resources.outputs.publish_failure(received.stamp_ns, reason, lidar_map, received.frame_id)

    # Life cycle ------------------------------------------------------------------------------------------------------

    def is_autostarted(self) -> bool:
        """Return whether the node starts itself."""
        return self.settings.autostart

    def close(self) -> None:
        """Stop the node and free its resources."""
        self._stop()
        self._release()

    def why_no_result(self) -> str:
        """Return why the last run, which was long enough, has no result; empty if it has one."""
        return self.report.failure

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load model and map."""
        try:
            self.settings = read(self, LocalizerParameters)
            self._resources = LocalizerResources(self, self.settings, self._transforms, self._log)
            self._offered_services = LocalizerServices(self)
        except Exception as error:
            reason = reason_of(error)
            self._release()
            return self.fail(reason)
        engine = self._resources.engine
        manifest = engine.lidar_map.manifest
        self.get_logger().info(
            f"map {engine.lidar_map.path}: {manifest.places} places, {manifest.path_length:.0f} m; "
            f"model {manifest.model_name} on {engine.reason}"
        )
        return SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe to the cameras and publish the map."""
        if self._resources is None:
            return FAILURE
        super().on_activate(state)
        self.outcomes.clear()
        self.report.start()
        self._resources.reset_tracking()
        try:
            self._worker = LatestWorker(self._work)
            self._inputs = CameraInputs(self, self.settings, self._transforms, self._on_image, self._log)
            self._resources.outputs.publish_map(self._resources.engine.lidar_map)
        except Exception as error:
            reason = reason_of(error)
            self._stop()
            super().on_deactivate(state)
            return self.fail(reason)
        self.get_logger().info(f"localizing images of {', '.join(camera.topic for camera in self.cameras)}")
        return SUCCESS

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Unsubscribe from the cameras."""
        self._stop()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free map and model."""
        self._release()
        return SUCCESS

    def _stop(self) -> None:
        inputs, self._inputs = self._inputs, None
        if self._worker is not None:
            self._worker.close()
            self._worker = None
        if inputs is not None:
            self.report.finish(inputs.cameras, is_expected=self.settings.continuous)
            inputs.close()

    def _release(self) -> None:
        with self._map_lock:
            held = (self._offered_services, self._resources)
            self._offered_services = self._resources = None
        for item in held:
            if item is not None:
                item.close()

    # State -----------------------------------------------------------------------------------------------------------

    @property
    def engine(self) -> LocalizerEngine | None:
        """Model and map in use; None while the node is not configured."""
        return self._resources.engine if self._resources is not None else None

    @property
    def cameras(self) -> list[CameraInput]:
        """The camera inputs; empty while the node is not active."""
        return self._inputs.cameras if self._inputs is not None else []

    def use_map(self, engine: LocalizerEngine) -> None:
        """Continue with another map."""
        with self._map_lock:
            if self._resources is not None:
                self._resources.use_map(engine)

    def internal_error(self, context: str) -> str:
        """Log the current unexpected exception, and return it as one line. The node continues."""
        reason = traceback.format_exc().strip().splitlines()[-1]
        self.outcomes.add_internal_error(reason)
        self.get_logger().error(f"{context}: internal error\n{traceback.format_exc()}", throttle_duration_sec=10.0)
        return reason

    def _health(self) -> dict[str, Health]:
        resources, statuses = self._resources, idle_health("not configured", self._status_names())
        if resources is None:
            return statuses
        statuses |= idle_health("not active", self._camera_names())
        statuses |= {f"camera {camera.name}": camera_health(camera, resources.engine) for camera in self.cameras}
        statuses["localization"] = self.outcomes.health(resources.engine.runtime)
        statuses["localization"].values["backend"] = resources.engine.reason
        if self.settings.tracking.enabled:
            statuses["tracking"] = self.outcomes.tracking_health(resources.odometry_topic)
        statuses["map"] = map_health(resources.engine, self.load_error)
        return {**statuses, **resources.health()}

    def _camera_names(self) -> list[str]:
        return [f"camera {resolved_name(self, topic)}" for topic in self.settings.image_topics]

    def _status_names(self) -> list[str]:
        """Return the names of all statuses; they depend on the settings only."""
        optional = {
            "tracking": self.settings.tracking.enabled,
            "odometry": self.settings.odometry_topic,
            "map to odometry": self.settings.publish_tf,
        }
        return [*self._camera_names(), "localization", "map", *(name for name, used in optional.items() if used)]

    def _on_time_jump(self, jump: Any) -> None:
        self.get_logger().info("time jumped back: tracking restarts")
        if self._worker is not None:
            self._worker.clear()
        for camera in self.cameras:
            camera.reset()
        if self._resources is not None:
            self._resources.reset()

    def _refuse_changes(self, changed: frozenset[str], settings: LocalizerParameters) -> str | None:
        return self._resources.refusal_of(changed, settings) if self._resources is not None else None

    def _apply_changes(self, settings: LocalizerParameters) -> None:
        self.settings = settings
        with self._map_lock:
            if self._resources is not None:
                self._resources.apply(settings)
        for camera in self.cameras:
            camera.apply(settings)


def main(args: Sequence[str] | None = None) -> int:
    """Run the node."""
    return run_node(lambda stop: LocalizerNode(), "localizer", args)
