"""The localizer node: images in, poses on the map out. Its topics, services and parameters are in docs/nodes.md."""

import threading
import traceback
from collections.abc import Sequence
from typing import Any

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import JumpThreshold
from rclpy.duration import Duration
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn

from liploc_ros.datasets.image_message import image_from_message
from liploc_ros.errors import LiplocError
from liploc_ros.localization.timer import StepClock
from liploc_ros.nodes.common.conversions import stamp_ns_of
from liploc_ros.nodes.common.diagnostics import Diagnostics, Health
from liploc_ros.nodes.common.lifecycle import FAILURE, SUCCESS, SelfStartingNode
from liploc_ros.nodes.common.logging import ThrottledLog
from liploc_ros.nodes.common.mounts import MountError
from liploc_ros.nodes.common.parameters import declare, guard, read
from liploc_ros.nodes.common.process import run_node
from liploc_ros.nodes.localizer.camera import CameraInput, NotReadyError
from liploc_ros.nodes.localizer.engine import LocalizerEngine
from liploc_ros.nodes.localizer.health import AttemptLog, map_health
from liploc_ros.nodes.localizer.inputs import CameraInputs
from liploc_ros.nodes.localizer.latest_worker import NewestWorker
from liploc_ros.nodes.localizer.outcome import Attempt, result_after
from liploc_ros.nodes.localizer.parameters import LocalizerParameters
from liploc_ros.nodes.localizer.resources import LocalizerParts
from liploc_ros.nodes.localizer.services import LocalizerServices


class LocalizerNode(SelfStartingNode):
    """Configured: model and map are loaded. Active: images are localized.

    A thread of its own decodes and localizes, always the newest image of each camera; services answer meanwhile.
    """

    def __init__(self, **arguments: Any) -> None:
        """Declare the parameters; ``arguments`` are those of rclpy's Node.

        Raises:
            ParameterError: a parameter that is not known, or a value that cannot be used.
        """
        super().__init__("localizer", **arguments)
        self.settings = declare(self, LocalizerParameters)
        guard(self, LocalizerParameters, self._refuse_changes)
        self.attempts = AttemptLog()
        self.load_refusal = ""
        self._log = ThrottledLog(self.get_logger())
        self._parts: LocalizerParts | None = None
        self._services_offered: LocalizerServices | None = None
        self._worker: NewestWorker | None = None
        self._inputs: CameraInputs | None = None
        self._exchange = threading.Lock()  # held while the map is exchanged, and while what came of one is published
        self._diagnostics = Diagnostics(self, self._health, MutuallyExclusiveCallbackGroup())
        threshold = JumpThreshold(min_forward=None, min_backward=Duration(nanoseconds=-1), on_clock_change=False)
        self._jumps = self.get_clock().create_jump_callback(threshold, post_callback=self._on_time_jump)

    # Life cycle ------------------------------------------------------------------------------------------------------

    def starts_itself(self) -> bool:
        """Say whether no lifecycle manager is to start the node."""
        return self.settings.autostart

    def close(self) -> None:
        """Stop and free everything."""
        self._stop()
        self._release()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load model and map."""
        try:
            self.settings = read(self, LocalizerParameters)
            self._parts = LocalizerParts(self, self.settings, self._log)
            self._services_offered = LocalizerServices(self)
        except LiplocError as error:
            return self._give_up(str(error))
        except Exception:
            return self._give_up(f"internal error: {traceback.format_exc()}")
        engine = self._parts.engine
        manifest = engine.lidar_map.manifest
        self.get_logger().info(
            f"map {engine.lidar_map.path}: {manifest.places} places, {manifest.path_length:.0f} m; "
            f"model {manifest.model_name} on {engine.reason}"
        )
        return SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe and publish."""
        if self._parts is None:
            return FAILURE
        super().on_activate(state)
        self.attempts.clear()
        self._parts.begin()
        try:
            self._worker = NewestWorker(self._work)
            self._inputs = CameraInputs(self, self.settings, self._on_image, self._log)
            self._parts.outputs.publish_map(self._parts.engine.lidar_map)
        except Exception as error:
            reason = str(error) if isinstance(error, LiplocError) else f"internal error: {traceback.format_exc()}"
            self._stop()
            super().on_deactivate(state)
            return self.fail(reason)
        self.get_logger().info(f"localizing images of {', '.join(camera.topic for camera in self.cameras)}")
        return SUCCESS

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop listening."""
        self._stop()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free map and model."""
        self._release()
        return SUCCESS

    # Images ----------------------------------------------------------------------------------------------------------

    def attempt(self, camera: CameraInput, msg: Any) -> Attempt:
        """Localize an image, by itself and after all before, publish what comes of it, and return it.

        Raises:
            NotReadyError, MountError: what is needed to use the image is not there yet, or the map was replaced.
            LiplocError: the image cannot be used.
        """
        parts = self._parts
        if parts is None:
            raise NotReadyError("the node is not configured")
        engine, stamp_ns, clock = parts.engine, stamp_ns_of(msg), StepClock()
        mounted = camera.mounted(msg.header.frame_id, engine.lidar_map.manifest.base_frame)
        image = image_from_message(msg, camera.topic)
        clock.finish("decode")
        tracking = None
        if self.settings.tracking:
            T_odom_base = parts.odometry_at(stamp_ns)
            clock.finish("odometry")
            tracking = engine.track(image, mounted, stamp_ns, T_odom_base)
        result = tracking.localization if tracking is not None else None
        if result is None:  # not tracked, or passed over
            result = engine.localize(image, mounted, stamp_ns)
        attempt = Attempt(result_after(clock, result), tracking, engine)
        with self._exchange:
            if engine is not self.engine:
                raise NotReadyError(f"{camera.topic}: the map was replaced while an image was localized: try the next")
            camera.succeeded()
            self.attempts.add(attempt)
            parts.publish(attempt)
        return attempt

    @property
    def engine(self) -> LocalizerEngine | None:
        """Model and map in use; None while the node is not configured."""
        return self._parts.engine if self._parts is not None else None

    @property
    def cameras(self) -> list[CameraInput]:
        """The cameras that are listened to; none while the node is not active."""
        return self._inputs.cameras if self._inputs is not None else []

    def use_map(self, engine: LocalizerEngine) -> None:
        """Go on with another map."""
        with self._exchange:
            if self._parts is not None:
                self._parts.use_map(engine)

    def internal_error(self, context: str) -> str:
        """Report an exception that should not have been, and return it in a line. The node lives on."""
        reason = traceback.format_exc().strip().splitlines()[-1]
        self.attempts.add_internal_error(reason)
        self.get_logger().error(f"{context}: internal error\n{traceback.format_exc()}", throttle_duration_sec=10.0)
        return reason

    def _on_image(self, camera: CameraInput, msg: Any) -> None:
        if self._services_offered is not None:
            self._services_offered.image_came()
        if self.settings.continuous and self._worker is not None:
            camera.replaced += self._worker.put(camera.topic, (camera, msg))

    def _work(self, topic: str, item: tuple[CameraInput, Any]) -> None:
        """Localize in the worker's thread, where nothing may be raised."""
        camera, msg = item
        try:
            self.attempt(camera, msg)
            return
        except (NotReadyError, MountError) as error:
            camera.wait_for(error)
            reason = str(error)
        except LiplocError as error:
            camera.fault(error)
            reason = str(error)
        except Exception:
            reason = self.internal_error(topic)
        with self._exchange:
            if self._parts is not None:
                self._parts.outputs.publish_failure(stamp_ns_of(msg), reason, self._parts.engine.lidar_map)

    # Parts -----------------------------------------------------------------------------------------------------------

    def _health(self) -> dict[str, Health]:
        parts = self._parts
        if parts is None:
            return {"map": Health("not configured")}
        concerns = {f"camera {camera.topic}": camera.health() for camera in self.cameras}
        concerns["localization"] = self.attempts.health(parts.engine.runtime)
        concerns["localization"].values["backend"] = parts.engine.reason
        if self.settings.tracking:
            concerns["tracking"] = self.attempts.tracking_health(parts.odometry_topic)
        concerns["map"] = map_health(parts.engine, self.load_refusal)
        return {**concerns, **parts.health()}

    def _on_time_jump(self, jump: Any) -> None:
        self.get_logger().info("time jumped back: starting anew")
        if self._worker is not None:
            self._worker.clear()
        for camera in self.cameras:
            camera.forget()
        if self._parts is not None:
            self._parts.forget()

    def _refuse_changes(self) -> str | None:
        if self.engine is None:
            return None
        return "the node is configured: clean it up first, or for another map call ~/load_map"

    def _give_up(self, reason: str) -> TransitionCallbackReturn:
        """Leave no half state behind a failed configuration, and say why it failed once."""
        self._release()
        return self.fail(reason)

    def _stop(self) -> None:
        inputs, self._inputs = self._inputs, None
        if inputs is not None:
            inputs.close()
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def _release(self) -> None:
        with self._exchange:
            parts = (self._services_offered, self._parts)
            self._services_offered = self._parts = None
        for part in parts:
            if part is not None:
                part.close()


def main(args: Sequence[str] | None = None) -> int:
    """Run the node."""
    return run_node(lambda stop: LocalizerNode(), "localizer", args)
