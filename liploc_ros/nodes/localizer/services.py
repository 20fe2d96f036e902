"""The services of the localizer: ~/localize and ~/load_map."""

import threading
import time
from typing import TYPE_CHECKING, Any

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup

from liploc_ros.errors import LiplocError
from liploc_ros.localization import Status
from liploc_ros.nodes.common.conversions import header_at, hypothesis_to_message, map_to_message, stamp_ns_of
from liploc_ros.nodes.common.mounts import MountError
from liploc_ros.nodes.localizer.camera import CameraInput, NotReadyError
from liploc_ros.nodes.localizer.outcome import Attempt
from liploc_ros.srv import LoadMap, Localize

if TYPE_CHECKING:
    from liploc_ros.nodes.localizer.node import LocalizerNode


class LocalizerServices:
    """Answers requests, each service in a thread of its own, so that waiting holds nothing up."""

    def __init__(self, node: "LocalizerNode") -> None:
        """Offer the services."""
        self._node = node
        self._came = threading.Condition()
        groups = [MutuallyExclusiveCallbackGroup() for _ in range(2)]
        self._services = [
            node.create_service(Localize, "~/localize", self._on_localize, callback_group=groups[0]),
            node.create_service(LoadMap, "~/load_map", self._on_load_map, callback_group=groups[1]),
        ]

    def close(self) -> None:
        """Withdraw the services."""
        for service in self._services:
            self._node.destroy_service(service)

    def image_came(self) -> None:
        """Wake a request that waits for an image."""
        with self._came:
            self._came.notify_all()

    def _on_localize(self, request: Localize.Request, response: Localize.Response) -> Localize.Response:
        try:
            self._localize(request, response)
        except Exception:
            self._refuse(response, Status.INTERNAL_ERROR, self._node.internal_error("~/localize"))
        return response

    def _localize(self, request: Localize.Request, response: Localize.Response) -> None:
        """Try the newest image, and again with each that comes, until one can be used or time is over."""
        timeout = request.timeout.sec + 1e-9 * request.timeout.nanosec or self._node.settings.localize_timeout
        deadline = time.monotonic() + timeout
        while True:
            status, message = self._attempt(request, response)
            left = deadline - time.monotonic()
            if status is None:
                return
            if left <= 0:
                self._refuse(response, status, message)
                return
            with self._came:
                self._came.wait(min(left, 0.1))  # a CameraInfo or a transform that comes wakes nobody

    def _attempt(self, request: Localize.Request, response: Localize.Response) -> tuple[Status | None, str]:
        """Fill the response and return None, or return why there is nothing to fill it with yet."""
        found = self._newest(request.camera)
        if found is None:
            return Status.NO_IMAGE, self._why_no_image(request.camera)
        camera, msg = found
        age = 1e-9 * (self._node.get_clock().now().nanoseconds - stamp_ns_of(msg))
        limit = self._node.settings.max_image_age
        if limit and age > limit:
            return Status.STALE_IMAGE, (
                f"newest image on {camera.topic} is {age:.1f} s old, the limit is {limit:.1f} s: check the camera, set "
                "use_sim_time when a bag is played, or set the parameter max_image_age"
            )
        try:
            attempt = self._node.attempt(camera, msg)
        except (NotReadyError, MountError) as error:
            camera.wait_for(error)
            return Status.INTERNAL_ERROR, str(error)
        except LiplocError as error:
            camera.fault(error)
            return Status.INTERNAL_ERROR, str(error)
        self._fill(response, attempt, request.max_hypotheses)
        return None, ""

    def _newest(self, frame_id: str) -> tuple[CameraInput, Any] | None:
        """Return the newest image of a camera, or of any."""
        held = [(camera, camera.newest) for camera in self._node.cameras if camera.newest is not None]
        held = [(camera, msg) for camera, msg in held if frame_id in ("", msg.header.frame_id)]
        return max(held, key=lambda pair: stamp_ns_of(pair[1])) if held else None

    def _why_no_image(self, frame_id: str) -> str:
        cameras = self._node.cameras
        if not cameras:
            return "the node is not active: activate it"
        topics = ", ".join(camera.topic for camera in cameras)
        frames = {camera.newest.header.frame_id for camera in cameras if camera.newest is not None}
        if frame_id and frames:
            return f"no image of camera {frame_id!r}: ask for one of {', '.join(sorted(frames))}"
        return f"no image on {topics}: start the camera, or set the parameter image_topics"

    def _fill(self, response: Localize.Response, attempt: Attempt, most: int) -> None:
        result = attempt.localization
        response.status, response.message = int(result.status), result.message
        response.header = header_at(result.stamp_ns, attempt.engine.lidar_map.manifest.map_frame)
        response.hypotheses = [hypothesis_to_message(h) for h in result.hypotheses[: most or None]]
        response.latency_ms = float(result.latency_ms)

    def _refuse(self, response: Localize.Response, status: Status, message: str) -> None:
        response.status, response.message = int(status), message

    def _on_load_map(self, request: LoadMap.Request, response: LoadMap.Response) -> LoadMap.Response:
        node = self._node
        try:
            if node.engine is None:
                raise NotReadyError("the node is not configured")
            engine = node.engine.with_map(request.path, node.settings)
            node.use_map(engine)
        except LiplocError as error:
            node.load_refusal = str(error)
            response.message = f"{error}; the old map stays in use"
            node.get_logger().error(response.message)
        except Exception:
            node.load_refusal = node.internal_error("~/load_map")
            response.message = f"internal error: {node.load_refusal}; the old map stays in use"
        else:
            node.load_refusal = ""
            response.success, response.message = True, f"{request.path}: {engine.lidar_map.manifest.places} places"
            response.map_info = map_to_message(engine.lidar_map, node.get_clock().now().nanoseconds)
            node.get_logger().info(f"map {response.message}")
        return response
