# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Create messages of the rosbags library from arrays."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rosbags.typesys import Stores, get_typestore

from liploc_ros.geometry import MountedCamera, PinholeCamera, Pose, quaternion_of

TYPES = get_typestore(Stores.ROS2_HUMBLE)
"""The common message types. Their definitions and hashes have not changed since Humble."""

# The classes are generated at run time, so a type checker does not know them.
MESSAGES: dict[str, Any] = dict(TYPES.types)
FLOAT32 = 7  # sensor_msgs/PointField


def header(stamp_ns: int, frame_id: str) -> Any:
    """Return a std_msgs/Header."""
    stamp = MESSAGES["builtin_interfaces/msg/Time"](sec=stamp_ns // 1_000_000_000, nanosec=stamp_ns % 1_000_000_000)
    return MESSAGES["std_msgs/msg/Header"](stamp=stamp, frame_id=frame_id)


def image(stamp_ns: int, frame_id: str, rgb: NDArray[np.uint8]) -> Any:
    """Return a sensor_msgs/Image of an image (h, w, 3), with encoding rgb8."""
    return MESSAGES["sensor_msgs/msg/Image"](
        header=header(stamp_ns, frame_id),
        height=rgb.shape[0],
        width=rgb.shape[1],
        encoding="rgb8",
        is_bigendian=0,
        step=3 * rgb.shape[1],
        data=np.ascontiguousarray(rgb).ravel(),
    )


def compressed_image(stamp_ns: int, frame_id: str, rgb: NDArray[np.uint8], quality: int) -> Any:
    """Return a sensor_msgs/CompressedImage of an image (h, w, 3), as JPEG with this quality (1 to 100)."""
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
    jpeg = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), options)[1]
    # Subscribers of image_transport read the encoding of the decoded image from the format.
    format_text = "rgb8; jpeg compressed bgr8"
    return MESSAGES["sensor_msgs/msg/CompressedImage"](
        header=header(stamp_ns, frame_id), format=format_text, data=np.asarray(jpeg, np.uint8).ravel()
    )


def camera_info(stamp_ns: int, mounted: MountedCamera) -> Any:
    """Return the sensor_msgs/CameraInfo of rectified images: a pinhole camera without distortion."""
    camera = mounted.camera
    K = camera.K if isinstance(camera, PinholeCamera) else np.zeros((3, 3))
    return MESSAGES["sensor_msgs/msg/CameraInfo"](
        header=header(stamp_ns, mounted.frame_id),
        height=camera.height,
        width=camera.width,
        distortion_model="plumb_bob",
        d=np.zeros(5),
        k=K.ravel(),
        r=np.eye(3).ravel(),
        p=np.c_[K, np.zeros(3)].ravel(),
        binning_x=0,
        binning_y=0,
        roi=MESSAGES["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, do_rectify=False),
    )


def point_cloud(stamp_ns: int, frame_id: str, points: NDArray[np.float32]) -> Any:
    """Return a sensor_msgs/PointCloud2 of points (N, 4), with float32 fields x, y, z, intensity."""
    fields = [
        MESSAGES["sensor_msgs/msg/PointField"](name=name, offset=4 * i, datatype=FLOAT32, count=1)
        for i, name in enumerate(("x", "y", "z", "intensity"))
    ]
    return MESSAGES["sensor_msgs/msg/PointCloud2"](
        header=header(stamp_ns, frame_id),
        height=1,
        width=len(points),
        fields=fields,
        is_bigendian=False,
        point_step=16,
        row_step=16 * len(points),
        data=np.ascontiguousarray(points, "<f4").view(np.uint8).ravel(),
        is_dense=bool(np.all(np.isfinite(points))),
    )


def odometry(
    stamp_ns: int, frame_id: str, child: str, T: Pose, twist: NDArray[np.float64], sigmas: Sequence[float]
) -> Any:
    """Return a nav_msgs/Odometry.

    Args:
        stamp_ns: nanoseconds since the epoch.
        frame_id: frame of the pose.
        child: the moving frame, in which the twist is given.
        T: pose of the child in ``frame_id``.
        twist: (6,) linear [m/s] and angular [rad/s] velocity.
        sigmas: 12 standard deviations: of x, y, z [m] and rotation about x, y, z [rad], then the same of the twist.
    """
    variances = np.square(np.array(sigmas, dtype=np.float64))
    return MESSAGES["nav_msgs/msg/Odometry"](
        header=header(stamp_ns, frame_id),
        child_frame_id=child,
        pose=MESSAGES["geometry_msgs/msg/PoseWithCovariance"](
            pose=MESSAGES["geometry_msgs/msg/Pose"](
                position=MESSAGES["geometry_msgs/msg/Point"](*map(float, T[:3, 3])), orientation=_quaternion(T)
            ),
            covariance=np.diag(variances[:6]).ravel(),
        ),
        twist=MESSAGES["geometry_msgs/msg/TwistWithCovariance"](
            twist=MESSAGES["geometry_msgs/msg/Twist"](linear=_vector(twist[:3]), angular=_vector(twist[3:])),
            covariance=np.diag(variances[6:]).ravel(),
        ),
    )


def transforms(stamp_ns: int, parent: str, children: dict[str, Pose]) -> Any:
    """Return a tf2_msgs/TFMessage with the pose of each child in the parent frame."""
    return MESSAGES["tf2_msgs/msg/TFMessage"](
        transforms=[
            MESSAGES["geometry_msgs/msg/TransformStamped"](
                header=header(stamp_ns, parent),
                child_frame_id=child,
                transform=MESSAGES["geometry_msgs/msg/Transform"](
                    translation=_vector(T[:3, 3]), rotation=_quaternion(T)
                ),
            )
            for child, T in children.items()
        ]
    )


def _vector(values: NDArray[np.float64]) -> Any:
    return MESSAGES["geometry_msgs/msg/Vector3"](*map(float, values))


def _quaternion(T: Pose) -> Any:
    return MESSAGES["geometry_msgs/msg/Quaternion"](*map(float, quaternion_of(T)))
