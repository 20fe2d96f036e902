# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Services of the localizer: ~/localize and ~/load_map."""

import threading
import time
from typing import TYPE_CHECKING

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup

from liploc_ros.errors import LiplocError
from liploc_ros.localization import PosePrior, Status
from liploc_ros.mapping import LidarMap
from liploc_ros.nodes.common.conversions import header_at, hypothesis_to_message, map_to_message
from liploc_ros.nodes.common.mounts import MountError
from liploc_ros.nodes.localizer.camera import CameraInput, NotReadyError, ReceivedImage
from liploc_ros.nodes.localizer.outcome import ImageOutcome
from liploc_ros.nodes.localizer.prior.messages import prior_of
from liploc_ros.nodes.subscriptions.stamps import StampFault
from liploc_ros.srv import LoadMap, Localize

if TYPE_CHECKING:
    from liploc_ros.nodes.localizer.node import LocalizerNode

MAX_WAIT = 0.1  # s until ~/localize tries again: a CameraInfo or a transform does not notify it


class LocalizerServices:
    """Handles service requests. Each service has its own callback group, so that waiting blocks nothing else."""

    def __init__(self, node: "LocalizerNode") -> None:
        """Create the services."""
        self._node = node
        self._image_arrived = threading.Condition()
        groups = [MutuallyExclusiveCallbackGroup() for _ in range(2)]
        self._services = [
            node.create_service(Localize, "~/localize", self._on_localize, callback_group=groups[0]),
            node.create_service(LoadMap, "~/load_map", self._on_load_map, callback_group=groups[1]),
        ]

    def close(self) -> None:
        """Destroy the services."""
        for service in self._services:
            self._node.destroy_service(service)

    def notify_image(self) -> None:
        """Wake up a request that waits for an image."""
        with self._image_arrived:
            self._image_arrived.notify_all()

    def _on_localize(self, request: Localize.Request, response: Localize.Response) -> Localize.Response:
        try:
            self._localize(request, response)
        except Exception:
            self._refuse(response, Status.INTERNAL_ERROR, self._node.internal_error("~/localize"))
        return response

    def _localize(self, request: Localize.Request, response: Localize.Response) -> None:
        """Try the latest image, and newer ones as they arrive, until one can be used or the time is over."""
        timeout = request.timeout.sec + 1e-9 * request.timeout.nanosec or self._node.settings.localize_timeout
        deadline = time.monotonic() + timeout
        try:
            prior = prior_of(request.prior) if request.has_prior else None
        except LiplocError as error:
            self._refuse(response, Status.INVALID_REQUEST, f"prior: {error}")
            return
        while True:
            status, message = self._try_latest(request, response, prior)
            remaining = deadline - time.monotonic()
            if status is None:
                return
            if remaining <= 0:
                self._refuse(response, status, message)
                return
            with self._image_arrived:
                self._image_arrived.wait(min(remaining, MAX_WAIT))

    def _try_latest(
        self, request: Localize.Request, response: Localize.Response, prior: PosePrior | None
    ) -> tuple[Status | None, str]:
        """Fill the response and return None as status, or return why no image can be used yet."""
        found = self._latest_image(request.camera)
        if found is None:
            return Status.NO_IMAGE, self._why_no_image(request.camera)
        camera, received = found
        if received.stamp_error is not None:
            is_old = received.stamp_error.fault is StampFault.OLD
            return Status.STALE_IMAGE if is_old else Status.INTERNAL_ERROR, str(received.stamp_error)
        age = 1e-9 * (self._node.get_clock().now().nanoseconds - received.stamp_ns)
        max_age = self._node.settings.max_image_age
        if max_age and age > max_age:
            return Status.STALE_IMAGE, (
                f"the latest image on {camera.topic} is {age:.1f} s old, the limit is {max_age:.1f} s: check the "
                "camera, set use_sim_time when a bag is played, or set the parameter max_image_age"
            )
        try:
            outcome = self._node.localize_image(camera, received, prior, whole_map=True)
        except (NotReadyError, MountError) as error:
            camera.report_missing(error)
            return Status.INTERNAL_ERROR, str(error)
        except LiplocError as error:
            camera.report_fault(error)
            return Status.INTERNAL_ERROR, str(error)
        self._fill(response, outcome, request.max_hypotheses)
        return None, ""

    def _latest_image(self, frame_id: str) -> tuple[CameraInput, ReceivedImage] | None:
        """Return the latest image of a camera, or of all if ``frame_id`` is empty; refused stamps come last."""
        images = [(camera, camera.latest) for camera in self._node.cameras if camera.latest is not None]
        images = [(camera, received) for camera, received in images if frame_id in ("", received.frame_id)]
        return max(images, key=lambda pair: (pair[1].stamp_error is None, pair[1].stamp_ns)) if images else None

    def _why_no_image(self, frame_id: str) -> str:
        cameras = self._node.cameras
        if not cameras:
            return "the node is not active: activate it"
        topics = ", ".join(camera.topic for camera in cameras)
        frames = {camera.latest.frame_id for camera in cameras if camera.latest is not None}
        if frame_id and frames:
            return f"no image of camera {frame_id!r}: request one of {', '.join(sorted(frames))}"
        return f"no image on {topics}: start the camera, or set the parameter image_topics"

    def _fill(self, response: Localize.Response, outcome: ImageOutcome, max_hypotheses: int) -> None:
        localization = outcome.localization
        response.status, response.message = int(localization.status), localization.message
        lidar_map = outcome.engine.lidar_map
        response.header = header_at(localization.stamp_ns, lidar_map.manifest.map_frame)
        response.camera = outcome.camera
        self._describe_map(response, lidar_map)
        hypotheses = localization.hypotheses[: max_hypotheses or None]
        response.hypotheses = [hypothesis_to_message(hypothesis) for hypothesis in hypotheses]
        response.latency_ms = float(localization.latency_ms)

    def _refuse(self, response: Localize.Response, status: Status, message: str) -> None:
        response.status, response.message = int(status), message
        if self._node.engine is not None:
            self._describe_map(response, self._node.engine.lidar_map)

    def _describe_map(self, response: Localize.Response, lidar_map: LidarMap) -> None:
        response.header.frame_id = lidar_map.manifest.map_frame
        response.child_frame_id, response.map_id = lidar_map.manifest.base_frame, lidar_map.id

    def _on_load_map(self, request: LoadMap.Request, response: LoadMap.Response) -> LoadMap.Response:
        node = self._node
        try:
            if node.engine is None:
                raise NotReadyError("the node is not configured: configure it")
            engine = node.engine.with_map(request.path, node.settings)
            node.use_map(engine)
        except LiplocError as error:
            node.load_error = str(error)
            response.message = f"{error}; the old map stays in use"
            node.get_logger().error(response.message)
        except Exception:
            node.load_error = node.internal_error("~/load_map")
            response.message = f"internal error: {node.load_error}; the old map stays in use"
        else:
            node.load_error = ""
            response.success, response.message = (
                True,
                f"{engine.lidar_map.path}: {engine.lidar_map.manifest.places} places",
            )
            response.map_info = map_to_message(engine.lidar_map, node.get_clock().now().nanoseconds)
            node.get_logger().info(f"map {response.message}")
        return response
