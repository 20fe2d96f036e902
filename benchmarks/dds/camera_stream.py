# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""A vehicle of the demo drive that publishes its images and odometry, and records the localizer's answers."""

import os
import threading
import time
from array import array
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import rclpy
from nav_msgs.msg import Odometry
from numpy.typing import NDArray
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from liploc_ros import open_drive
from liploc_ros.datasets.mounts import format_mount
from liploc_ros.demo.node_process import ParameterValues
from liploc_ros.msg import PoseHypothesisArray
from liploc_ros.nodes.bag_player.messages import BagMessages
from liploc_ros.nodes.common.conversions import NANOSECONDS, pose_to_message, stamp_ns_of
from liploc_ros.nodes.common.dds_profile import PROFILE_VARIABLES
from liploc_ros.package_share import share_folder
from liploc_ros.schema import FrozenModel

BAG = share_folder() / "demo" / "kitti_0013_excerpt.mcap"
MAX_FRAME_RATE = 10.0  # Hz
NOISE = 2  # grey levels
INFO = "/camera_color_left/camera_info"
RELIABILITIES = {"best_effort": ReliabilityPolicy.BEST_EFFORT, "reliable": ReliabilityPolicy.RELIABLE}


class Run(FrozenModel):
    """What is measured in one run."""

    lidar_map: Path
    images: int  # per camera
    rate: float  # images per second and camera
    reliability: Literal["best_effort", "reliable"] = "reliable"
    jpeg: bool = False
    tracked: bool = False  # with odometry
    cameras: int = 1
    localizer_has_profile: bool = True


class CameraStream:
    """Publishes the frames of the demo drive, forwards and backwards in turn, with present stamps.

    Attributes:
        node: of the publishers.
        sent: monotonic time [s] by camera and stamp [ns].
        answered: the same for received hypotheses.
    """

    def __init__(self, run: Run) -> None:
        """Create the publishers; rclpy must be initialized."""
        self._run = run
        drive = open_drive(BAG)
        name, mounted = next(iter(drive.cameras.items()))
        frames = list(drive.images())
        # The excerpt has an image every 4 m: at most 10 a second, or the vehicle would be too fast. Faster cameras see
        # each place several times, with other noise.
        copies = max(1, round(run.rate / MAX_FRAME_RATE))
        rng = np.random.default_rng(0)
        noises = [
            rng.integers(-NOISE, NOISE + 1, frames[0].images[name]().shape, np.int16) * (i > 0) for i in range(copies)
        ]
        self._images = [_message(f.images[name]() + noise, jpeg=run.jpeg) for f in frames for noise in noises]
        self._poses = [f.T_map_base for f in frames for _ in noises if f.T_map_base is not None]
        self._base_frame = drive.base_frame
        self._mounts = [format_mount(_frame(i), mounted.T_base_camera) for i in range(run.cameras)]
        bag = BagMessages(BAG)
        self._info = next(data for _, _, data in bag.messages(bag.choose([INFO])))
        self.node = rclpy.create_node("vehicle")
        if not run.localizer_has_profile:  # this process has read the profile; the localizer inherits the environment
            for variable in PROFILE_VARIABLES:
                os.environ.pop(variable, None)
        profile = QoSProfile(depth=5, reliability=RELIABILITIES[run.reliability])
        kind = CompressedImage if run.jpeg else Image
        self._publishers = [
            self.node.create_publisher(kind, f"/camera_{i}/image{'/compressed' * run.jpeg}", profile)
            for i in range(run.cameras)
        ]
        self._infos = [
            self.node.create_publisher(CameraInfo, f"/camera_{i}/camera_info", profile) for i in range(run.cameras)
        ]
        self._odometry = self.node.create_publisher(Odometry, "/odometry", 10)
        self.sent: dict[tuple[str, int], float] = {}
        self.answered: dict[tuple[str, int], float] = {}
        self.node.create_subscription(PoseHypothesisArray, "/localizer/hypotheses", self._on_hypotheses, 100)
        self._thread = threading.Thread(target=rclpy.spin, args=(self.node,), daemon=True)
        self._thread.start()

    @property
    def parameters(self) -> ParameterValues:
        """Of the localizer."""
        odometry: ParameterValues = {"odometry_topic": "/odometry"} if self._run.tracked else {}
        return {
            "map": str(self._run.lidar_map),
            "image_topics": [f"/camera_{i}/image" for i in range(self._run.cameras)],
            "sensor_mounts": self._mounts,
            "tracking.enabled": self._run.tracked,
            **odometry,
        }

    def wait_for_localizer(self) -> None:
        """Return when the localizer has subscribed to all cameras with its final quality of service."""
        while not all(publisher.get_subscription_count() for publisher in self._publishers):
            time.sleep(0.1)
        time.sleep(1.0)  # the subscriptions follow the publishers

    def publish(self, number: int) -> list[tuple[str, int]]:
        """Publish an image of each camera, a fraction of the period after one another; returns cameras and stamps."""
        published = []
        for camera in range(self._run.cameras):
            published.append(self._publish(camera, _there_and_back(number, len(self._images))))
            if camera + 1 < self._run.cameras:
                time.sleep(0.3 / self._run.rate / self._run.cameras)
        return published

    def _publish(self, camera: int, row: int) -> tuple[str, int]:
        message, frame_id = self._images[row], _frame(camera)
        now = self.node.get_clock().now().nanoseconds
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(now, NANOSECONDS)
        message.header.frame_id = frame_id
        self._infos[camera].publish(self._info)
        if camera == 0 and self._run.tracked:
            odometry = Odometry(child_frame_id=self._base_frame)
            odometry.header.stamp, odometry.header.frame_id = message.header.stamp, "odom"
            odometry.pose.pose = pose_to_message(self._poses[row])
            self._odometry.publish(odometry)
        self.sent[frame_id, now] = time.monotonic()
        self._publishers[camera].publish(message)
        return frame_id, now

    def _on_hypotheses(self, msg: PoseHypothesisArray) -> None:
        self.answered.setdefault((msg.camera, stamp_ns_of(msg)), time.monotonic())

    def latencies(self, images: list[tuple[str, int]]) -> NDArray[np.float64]:
        """Return the times from publishing to hypotheses of those images that were answered [ms]."""
        times = [1e3 * (self.answered[image] - self.sent[image]) for image in images if image in self.answered]
        return np.array(times)


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process [s]."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _frame(camera: int) -> str:
    return f"camera_{camera}"


def _there_and_back(number: int, count: int) -> int:
    """Return the row of an image when ``count`` rows are played forwards and backwards in turn."""
    row = number % (2 * count - 2)
    return min(row, 2 * count - 2 - row)


def _message(rgb: NDArray[np.int16], *, jpeg: bool) -> Any:
    pixels = np.clip(rgb, 0, 255).astype(np.uint8)
    if jpeg:
        _, data = cv2.imencode(".jpg", pixels[..., ::-1])
        return CompressedImage(format="bgr8; jpeg compressed bgr8", data=array("B", data.tobytes()))
    height, width, _ = pixels.shape
    return Image(height=height, width=width, encoding="rgb8", step=3 * width, data=array("B", pixels.tobytes()))
