"""The localizer node: images in, poses on the map out. Its topics, services and parameters are in docs/nodes.md."""

import threading
import time
import traceback
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import JumpThreshold
from rclpy.duration import Duration
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from liploc_ros.datasets.image_message import image_from_message
from liploc_ros.errors import LiplocError
from liploc_ros.localization import Localization, Status
from liploc_ros.nodes.camera_input import CameraInput, NotReadyError
from liploc_ros.nodes.camera_inputs import CameraInputs, check_cameras
from liploc_ros.nodes.conversions import stamp_ns_of
from liploc_ros.nodes.diagnostics import Diagnostics, Health
from liploc_ros.nodes.localizer_engine import LocalizerEngine
from liploc_ros.nodes.localizer_health import AttemptLog, map_health
from liploc_ros.nodes.localizer_outputs import LocalizerOutputs
from liploc_ros.nodes.localizer_parameters import LocalizerParameters
from liploc_ros.nodes.localizer_services import LocalizerServices
from liploc_ros.nodes.map_to_odom import MapToOdom
from liploc_ros.nodes.mounts import MountError
from liploc_ros.nodes.newest import NewestWorker
from liploc_ros.nodes.parameters import check_topic, declare, guard, read
from liploc_ros.nodes.running import run_node
from liploc_ros.nodes.throttle import ThrottledLog

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


class StartError(LiplocError):
    """The node cannot start."""


class LocalizerNode(LifecycleNode):
    """Configured: model and map are loaded. Active: images are localized.

    Images are decoded and localized in a thread of their own, always the newest of each camera; services answer
    meanwhile.
    """

    def __init__(self, **arguments: Any) -> None:
        """Declare the parameters; ``arguments`` are those of rclpy's Node.

        Raises:
            ParameterError: a parameter that is not known, or a value that cannot be used.
        """
        super().__init__("localizer", **arguments)
        self.settings = declare(self, LocalizerParameters)
        guard(self, LocalizerParameters, self._refuse_changes)
        self.engine: LocalizerEngine | None = None
        self.attempts = AttemptLog()
        self.load_refusal = ""
        self._log = ThrottledLog(self.get_logger())
        self._outputs: LocalizerOutputs | None = None
        self._services_offered: LocalizerServices | None = None
        self._worker: NewestWorker | None = None
        self._inputs: CameraInputs | None = None
        self._map_to_odom: MapToOdom | None = None
        self._fault = ""
        self._exchange = threading.Lock()  # held while the map is exchanged, and while what came of one is published
        self._diagnostics = Diagnostics(self, self._health, MutuallyExclusiveCallbackGroup())
        threshold = JumpThreshold(min_forward=None, min_backward=Duration(nanoseconds=-1), on_clock_change=False)
        self._jumps = self.get_clock().create_jump_callback(threshold, post_callback=self._on_time_jump)

    # Life cycle ------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Configure and activate, unless a lifecycle manager is to do so.

        Raises:
            StartError: the node cannot be configured.
        """
        if not self.settings.autostart:
            return
        for trigger in (self.trigger_configure, self.trigger_activate):
            if trigger() != SUCCESS:
                raise StartError(self._fault)

    def close(self) -> None:
        """Stop and free everything."""
        self._stop()
        self._release()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load model and map."""
        try:
            self.settings = read(self, LocalizerParameters)
            check_cameras(self, self.settings)
            self.engine = LocalizerEngine.load(self.settings)
            self._outputs = LocalizerOutputs(self, with_initialpose=self.settings.publish_initialpose)
            self._map_to_odom = self._broadcaster() if self.settings.publish_tf else None
            self._services_offered = LocalizerServices(self)
        except LiplocError as error:
            return self._give_up(str(error))
        except Exception:
            return self._give_up(f"internal error: {traceback.format_exc()}")
        manifest = self.engine.lidar_map.manifest
        self.get_logger().info(
            f"map {self.engine.lidar_map.path}: {manifest.places} places, {manifest.path_length:.0f} m; "
            f"model {manifest.model_name} on {self.engine.localizer.runtime}"
        )
        return SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe and publish."""
        if self.engine is None or self._outputs is None:
            return FAILURE
        super().on_activate(state)
        self.attempts.clear()
        try:
            self._worker = NewestWorker(self._work)
            self._inputs = CameraInputs(self, self.settings, self._on_image, self._log)
            self._outputs.publish_map(self.engine.lidar_map)
        except Exception as error:
            reason = str(error) if isinstance(error, LiplocError) else f"internal error: {traceback.format_exc()}"
            self._stop()
            super().on_deactivate(state)
            return self._fail(reason)
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

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop and free everything."""
        self.close()
        return SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Go back to the beginning."""
        self.close()
        return SUCCESS

    # Images ----------------------------------------------------------------------------------------------------------

    def attempt(self, camera: CameraInput, msg: Any) -> tuple[Localization, LocalizerEngine]:
        """Localize an image, publish what comes of it, and return it with the engine whose map it is on.

        Raises:
            NotReadyError, MountError: what is needed to use the image is not there yet, or the map was replaced.
            LiplocError: the image cannot be used.
        """
        engine, outputs = self.engine, self._outputs
        if engine is None or outputs is None:
            raise NotReadyError("the node is not configured")
        start = time.perf_counter()
        mounted = camera.mounted(msg.header.frame_id, engine.lidar_map.manifest.base_frame)
        image = image_from_message(msg, camera.topic)
        decode_ms = 1e3 * (time.perf_counter() - start)
        result = engine.localize(image, mounted, stamp_ns_of(msg))
        result = replace(
            result, latency_ms=decode_ms + result.latency_ms, timings={"decode": decode_ms, **result.timings}
        )
        with self._exchange:
            if engine is not self.engine:
                raise NotReadyError(f"{camera.topic}: the map was replaced while an image was localized: try the next")
            camera.succeeded()
            self.attempts.add(result)
            if self._map_to_odom is not None and result.status is Status.SUCCESS and result.best is not None:
                self._map_to_odom.accept(result.stamp_ns, result.best.T_map_base)
            outputs.publish(result, engine.lidar_map)
        return result, engine

    @property
    def cameras(self) -> list[CameraInput]:
        """The cameras that are listened to; none while the node is not active."""
        return self._inputs.cameras if self._inputs is not None else []

    def use_map(self, engine: LocalizerEngine) -> None:
        """Go on with another map."""
        manifest = engine.lidar_map.manifest
        with self._exchange:
            self.engine = engine
            if self._map_to_odom is not None:
                self._map_to_odom.use_frames(manifest.map_frame, manifest.base_frame)
            if self._outputs is not None:
                self._outputs.publish_map(engine.lidar_map)

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
            if self.engine is not None and self._outputs is not None:
                self._outputs.publish_failure(stamp_ns_of(msg), reason, self.engine.lidar_map)

    # Parts -----------------------------------------------------------------------------------------------------------

    def _broadcaster(self) -> MapToOdom:
        if self.settings.odometry_topic:
            check_topic(self, "odometry_topic", self.settings.odometry_topic)
        manifest = self.engine.lidar_map.manifest if self.engine else None
        frames = (manifest.map_frame, manifest.base_frame) if manifest else ("map", "base_link")
        return MapToOdom(self, self.settings.odometry_topic, *frames, self._log, MutuallyExclusiveCallbackGroup())

    def _health(self) -> dict[str, Health]:
        engine = self.engine
        if engine is None:
            return {"map": Health("not configured")}
        concerns = {f"camera {camera.topic}": camera.health() for camera in self.cameras}
        concerns["localization"] = self.attempts.health(engine.localizer.runtime)
        concerns["map"] = map_health(engine, self.load_refusal)
        if self._map_to_odom is not None:
            concerns["map to odometry"] = self._map_to_odom.health()
        return concerns

    def _on_time_jump(self, jump: Any) -> None:
        self.get_logger().info("time jumped back: starting anew")
        if self._worker is not None:
            self._worker.clear()
        for camera in self.cameras:
            camera.forget()
        if self._map_to_odom is not None:
            self._map_to_odom.reset()

    def _refuse_changes(self) -> str | None:
        if self.engine is None:
            return None
        return "the node is configured: clean it up first, or for another map call ~/load_map"

    def _give_up(self, reason: str) -> TransitionCallbackReturn:
        """Leave no half state behind a failed configuration, and say why it failed once."""
        self._release()
        return self._fail(reason)

    def _fail(self, reason: str) -> TransitionCallbackReturn:
        self._fault = reason
        if not self.settings.autostart:
            self.get_logger().error(reason)
        return FAILURE

    def _stop(self) -> None:
        inputs, self._inputs = self._inputs, None
        if inputs is not None:
            inputs.close()
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def _release(self) -> None:
        with self._exchange:
            self.engine = None
            parts = (self._services_offered, self._outputs, self._map_to_odom)
            self._services_offered = self._outputs = self._map_to_odom = None
        for part in parts:
            if part is not None:
                part.close()


def main(args: Sequence[str] | None = None) -> int:
    """Run the node."""
    return run_node(lambda stop: LocalizerNode(), "localizer", args)
