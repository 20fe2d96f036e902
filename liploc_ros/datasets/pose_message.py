# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Poses and frame names of ROS messages of rclpy or rosbags.

The same rules hold for recordings and nodes.
"""

from typing import Any, NamedTuple

from liploc_ros.geometry import Pose, PoseError, checked_pose

DEFAULT_BASE_FRAME = "base_link"
"""Base frame of odometry without a child_frame_id."""


class OdometryPose(NamedTuple):
    """A pose of a vehicle.

    Attributes:
        frame_id: of the pose.
        child_frame_id: of the frame that moves; None if the type of the message does not name it.
        T: the pose.
    """

    frame_id: str
    child_frame_id: str | None
    T: Pose


def odometry_pose(msg: Any) -> OdometryPose:
    """Return the pose in a nav_msgs/Odometry, geometry_msgs/PoseStamped or PoseWithCovarianceStamped.

    Raises:
        PoseError: it is not finite, or its quaternion is not of length 1.
    """
    pose = msg.pose if hasattr(msg.pose, "position") else msg.pose.pose
    child = frame_name(msg.child_frame_id) if hasattr(msg, "child_frame_id") else None
    return OdometryPose(frame_name(msg.header.frame_id), child, pose_of(pose))


def pose_of(msg: Any) -> Pose:
    """Return a geometry_msgs/Pose as an array.

    Raises:
        PoseError: it is not finite, or its quaternion is not of length 1.
    """
    return _pose(msg.position, msg.orientation)


def pose_of_transform(msg: Any) -> Pose:
    """Return a geometry_msgs/Transform as an array.

    Raises:
        PoseError: it is not finite, or its quaternion is not of length 1.
    """
    return _pose(msg.translation, msg.rotation)


def pose_of_stamped_transform(msg: Any) -> Pose:
    """Return the pose of the child frame of a geometry_msgs/TransformStamped in its parent frame as an array.

    Raises:
        PoseError: as in :func:`pose_of_transform`, or the frames are not two names.
    """
    parent, child = frame_name(msg.header.frame_id), frame_name(msg.child_frame_id)
    if not parent or not child or parent == child:
        raise PoseError(f"frames {parent!r} and {child!r} are not two names")
    return pose_of_transform(msg.transform)


def frame_name(frame_id: Any) -> str:
    """Return a frame_id without the leading slash of ROS 1."""
    return str(frame_id).strip().lstrip("/")


def check_same_frame(frame_id: str, first: str) -> None:
    """Check that odometry is in the frame of the first one; an empty name is that of no other frame.

    Raises:
        PoseError: it is in another frame: a map made of both would be wrong.
    """
    if frame_id and first and frame_id != first:
        raise PoseError(
            f"odometry in the frame {frame_id!r}, earlier it was in {first!r}: a map has one frame, give odometry of "
            "one source"
        )


def base_frame_of(child_frame_id: Any, wanted: str | None = None) -> str:
    """Return the frame whose poses odometry with this ``child_frame_id`` gives.

    Args:
        child_frame_id: of the message; it may be empty, or None if the message does not name it.
        wanted: the base frame that the user has chosen, which an empty child_frame_id stands for.
    """
    return frame_name(child_frame_id or "") or frame_name(wanted or "") or DEFAULT_BASE_FRAME


def _pose(position: Any, rotation: Any) -> Pose:
    return checked_pose(
        (position.x, position.y, position.z),
        (rotation.x, rotation.y, rotation.z, rotation.w),
    )
