# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""ROS libraries that a ROS 2 installation has and its PyPI wheels lack: cv_bridge, sensor_msgs_py, tf2_ros, tf2_msgs.

Each is used where it works, and replaced by code of this package where it does not. The choice is made here, and logged
once per process. Both ways give the same pixels, points and poses.
"""

import importlib
import logging
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from sensor_msgs.msg import Image

from liploc_ros.datasets.image_message import image_from_message, is_raw
from liploc_ros.datasets.point_cloud import points_from_cloud2, points_from_records
from liploc_ros.nodes.common.logging import ThrottledLog
from liploc_ros.nodes.common.subscription import TransformTopics
from liploc_ros.nodes.common.transforms import (
    NoTransforms,
    ReceivedTransforms,
    Tf2Transforms,
    TransformBuffer,
    TransformSource,
)

Replacement = TypeVar("Replacement")

ReadImage = Callable[[Any, str], NDArray[np.uint8]]
"""Image message and topic to (h, w, 3) RGB or (h, w) grey; raises ImageError."""

ReadPoints = Callable[[Any, str], NDArray[np.float32]]
"""PointCloud2 and topic to (N, 4) x, y, z [m] and intensity 0 to 1; raises PointsError."""

CV_BRIDGE_ENCODINGS = {
    "mono8": 1,
    "rgb8": 3,
    "bgr8": 3,
    "rgba8": 4,
    "bgra8": 4,
    "yuv422": 2,
    "yuv422_yuy2": 2,
    "bayer_rggb8": 1,
    "bayer_bggr8": 1,
    "bayer_gbrg8": 1,
    "bayer_grbg8": 1,
}
"""Encodings that cv_bridge converts, with their bytes per pixel.

This package converts the others: cv_bridge rounds 16 bits differently, and does not convert 8UC3.
"""

logged_lines: set[str] = set()


def image_reader(logger: Any) -> ReadImage:
    """Return what reads sensor_msgs/Image and CompressedImage: cv_bridge or this package.

    Compressed images are always decoded by this package: cv_bridge accepts a JPEG that is cut off.
    """
    try:
        from cv_bridge import CvBridge

        bridge = CvBridge()
        reader = _cv_bridge_reader(bridge)
        probe = Image(height=1, width=1, encoding="bgr8", step=3, data=bytes([1, 2, 3]))
        if bridge.imgmsg_to_cv2(probe, "rgb8").tolist() != [[[3, 2, 1]]]:  # loads the compiled part
            raise ImportError("its conversion from bgr8 to rgb8 is wrong")
    except Exception as error:
        return _own(image_from_message, "raw images", "cv_bridge", error, logger)
    _log_once(logger, "raw images are converted by cv_bridge")
    return reader


def points_reader(logger: Any) -> ReadPoints:
    """Return what reads sensor_msgs/PointCloud2: sensor_msgs_py or this package."""
    try:
        from sensor_msgs_py.point_cloud2 import read_points

        reader = _sensor_msgs_py_reader(read_points)
    except Exception as error:
        return _own(points_from_cloud2, "points", "sensor_msgs_py", error, logger)
    _log_once(logger, "points are read by sensor_msgs_py")
    return reader


def transform_source(node: Node, log: ThrottledLog, group: CallbackGroup) -> TransformSource:
    """Subscribe to /tf and /tf_static for the life of the node, and keep the transforms in tf2_ros or this package.

    The subscriptions are those of this package, not of tf2_ros.TransformListener: their quality of service can be set
    by parameters, and a bad message does not end the node.

    Args:
        node: the node.
        log: gets warnings of invalid transforms.
        group: of the subscriptions.
    """
    logger = node.get_logger()
    message = tf_message_type()
    if message is None:
        _log_once(logger, "transforms are not received: tf2_msgs is not installed")
        return NoTransforms()
    buffer: TransformBuffer | Tf2Transforms
    try:
        import tf2_ros

        buffer = Tf2Transforms(tf2_ros.Buffer(), log)
    except Exception as error:
        buffer = _own(TransformBuffer(log), "transforms", "tf2_ros", error, logger)
    else:
        _log_once(logger, "transforms are read by tf2_ros")
    topics = TransformTopics(node, message, buffer.add, buffer.add_static, log.warn, group)
    return ReceivedTransforms(buffer, topics.mismatch)


def tf_message_type() -> Any | None:
    """Return tf2_msgs/TFMessage, or None if tf2_msgs is not installed."""
    try:
        from tf2_msgs.msg import TFMessage
    except Exception:
        return None
    return TFMessage


def message_type(name: str) -> Any | None:
    """Return the class of a message type such as ``sensor_msgs/msg/Image``, or None if it is not installed."""
    package, _, message = name.partition("/msg/")
    try:
        return getattr(importlib.import_module(f"{package}.msg"), message)
    except (ImportError, AttributeError, ValueError):
        return None


def _cv_bridge_reader(bridge: Any) -> ReadImage:
    def read(msg: Any, source: str) -> NDArray[np.uint8]:
        pixel_bytes = CV_BRIDGE_ENCODINGS.get(msg.encoding) if is_raw(msg) else None
        # cv_bridge shifts the rows if their padding is not a multiple of a pixel.
        if pixel_bytes is not None and msg.step % pixel_bytes == 0:
            try:
                target = "mono8" if msg.encoding == "mono8" else "rgb8"
                image = np.ascontiguousarray(bridge.imgmsg_to_cv2(msg, target), np.uint8)
                if image.size and image.shape[:2] == (msg.height, msg.width):
                    return image
            except Exception as error:
                logging.getLogger(__name__).debug("%s: cv_bridge: %s", source, error)
        return image_from_message(msg, source)  # which explains what is wrong with a message

    return read


def _sensor_msgs_py_reader(read_points: Callable[[Any], NDArray[Any]]) -> ReadPoints:
    def read(msg: Any, source: str) -> NDArray[np.float32]:
        # sensor_msgs_py ignores padding of rows, and swaps the bytes of big-endian points in the message itself.
        if not msg.is_bigendian and (msg.height <= 1 or msg.row_step == msg.width * msg.point_step):
            try:
                records = read_points(msg)
                if {field.name for field in msg.fields} <= set(records.dtype.names or ()):  # fields of one number
                    return points_from_records(records)
            except Exception as error:
                logging.getLogger(__name__).debug("%s: sensor_msgs_py: %s", source, error)
        return points_from_cloud2(msg, source)  # which explains what is wrong with a message

    return read


def _own(replacement: Replacement, subject: str, library: str, error: Exception, logger: Any) -> Replacement:
    """Log why a library is not used, and return what replaces it."""
    is_missing = isinstance(error, ModuleNotFoundError) and error.name == library.partition(".")[0]
    reason = "is not installed" if is_missing else f"cannot be used ({' '.join(str(error).split())})"
    _log_once(logger, f"{subject} are read by liploc_ros: {library} {reason}")
    return replacement


def _log_once(logger: Any, line: str) -> None:
    if line not in logged_lines:
        logged_lines.add(line)
        logger.info(line)
