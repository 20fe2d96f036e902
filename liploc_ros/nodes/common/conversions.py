# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""ROS messages from arrays. Messages are read by ``ros_libraries`` and ``datasets.pose_message``."""

from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, PoseArray, PoseStamped, PoseWithCovariance, PoseWithCovarianceStamped, Quaternion
from geometry_msgs.msg import Pose as PoseMsg
from nav_msgs.msg import Path
from numpy.typing import NDArray
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from liploc_ros.geometry import Pose, quaternion_of
from liploc_ros.localization import Hypothesis, Localization, TrackingResult
from liploc_ros.mapping import LidarMap
from liploc_ros.msg import Belief, MapInfo, PoseHypothesis, PoseHypothesisArray

NANOSECONDS = 1_000_000_000


def stamp_ns_of(msg: Any) -> int:
    """Return the stamp of a message's header in nanoseconds."""
    return int(msg.header.stamp.sec) * NANOSECONDS + int(msg.header.stamp.nanosec)


def header_at(stamp_ns: int, frame_id: str) -> Header:
    """Return a header with this stamp and frame."""
    return Header(stamp=Time(sec=stamp_ns // NANOSECONDS, nanosec=stamp_ns % NANOSECONDS), frame_id=frame_id)


def pose_to_message(T: Pose) -> PoseMsg:
    """Return a pose as geometry_msgs/Pose."""
    qx, qy, qz, qw = map(float, quaternion_of(T))
    return PoseMsg(position=point_to_message(T[:3, 3]), orientation=Quaternion(x=qx, y=qy, z=qz, w=qw))


def point_to_message(point: NDArray[np.floating]) -> Point:
    """Return (3,) coordinates as geometry_msgs/Point."""
    return Point(x=float(point[0]), y=float(point[1]), z=float(point[2]))


def hypothesis_to_message(hypothesis: Hypothesis) -> PoseHypothesis:
    """Return a hypothesis as liploc_ros/PoseHypothesis."""
    return PoseHypothesis(
        pose=_with_covariance(hypothesis),
        score=hypothesis.score,
        probability=hypothesis.probability,
        confidence=hypothesis.confidence,
        place_id=hypothesis.place_id,
        camera=hypothesis.camera,
    )


def hypotheses_to_message(result: Localization, lidar_map: LidarMap, camera: str) -> PoseHypothesisArray:
    """Return the hypotheses of an image of a camera as liploc_ros/PoseHypothesisArray."""
    return PoseHypothesisArray(
        header=header_at(result.stamp_ns, lidar_map.manifest.map_frame),
        child_frame_id=lidar_map.manifest.base_frame,
        map_id=lidar_map.id,
        camera=camera,
        status=int(result.status),
        message=result.message,
        whole_map=result.whole_map,
        hypotheses=[hypothesis_to_message(h) for h in result.hypotheses],
    )


def belief_to_message(tracking: TrackingResult, lidar_map: LidarMap, camera: str) -> Belief:
    """Return the result of tracking after an image of a camera as liploc_ros/Belief."""
    return Belief(
        header=header_at(tracking.stamp_ns, lidar_map.manifest.map_frame),
        child_frame_id=lidar_map.manifest.base_frame,
        map_id=lidar_map.id,
        camera=camera,
        state=int(tracking.state),
        message=tracking.message,
        probability_lost=tracking.probability_lost,
        hypotheses=[hypothesis_to_message(h) for h in tracking.hypotheses],
    )


def hypothesis_to_pose_message(hypothesis: Hypothesis, header: Header) -> PoseWithCovarianceStamped:
    """Return the pose of a hypothesis as geometry_msgs/PoseWithCovarianceStamped."""
    return PoseWithCovarianceStamped(header=header, pose=_with_covariance(hypothesis))


def poses_to_message(result: Localization, header: Header) -> PoseArray:
    """Return the poses of all hypotheses as geometry_msgs/PoseArray."""
    return PoseArray(header=header, poses=[pose_to_message(h.T_map_base) for h in result.hypotheses])


def path_to_message(poses: Sequence[tuple[int, Pose]], header: Header) -> Path:
    """Return stamped poses as nav_msgs/Path."""
    return Path(
        header=header,
        poses=[PoseStamped(header=header_at(t, header.frame_id), pose=pose_to_message(T)) for t, T in poses],
    )


def image_to_message(pixels: NDArray[np.uint8], header: Header) -> Image:
    """Return an image (h, w, 3) RGB as sensor_msgs/Image."""
    height, width, channels = pixels.shape
    message = Image(header=header, height=height, width=width, encoding="rgb8", step=channels * width)
    message.data = array("B", pixels.tobytes())  # rclpy checks the bytes of other sequences one by one
    return message


def map_to_message(lidar_map: LidarMap, stamp_ns: int) -> MapInfo:
    """Return the description of a map as liploc_ros/MapInfo."""
    manifest = lidar_map.manifest
    lower, upper = lidar_map.bounds
    return MapInfo(
        header=header_at(stamp_ns, manifest.map_frame),
        path=str(lidar_map.path or ""),
        map_id=lidar_map.id,
        model_id=manifest.model_id,
        base_frame=manifest.base_frame,
        datum=manifest.datum,
        keyframes=manifest.keyframes,
        places=manifest.places,
        headings=manifest.headings,
        place_spacing=lidar_map.place_spacing[0],
        lateral_spacing=lidar_map.place_spacing[1],
        path_length=manifest.path_length,
        size_bytes=lidar_map.size_bytes,
        min_corner=point_to_message(lower),
        max_corner=point_to_message(upper),
    )


def _with_covariance(hypothesis: Hypothesis) -> PoseWithCovariance:
    covariance = np.ascontiguousarray(hypothesis.covariance, np.float64).ravel()
    return PoseWithCovariance(pose=pose_to_message(hypothesis.T_map_base), covariance=covariance)
