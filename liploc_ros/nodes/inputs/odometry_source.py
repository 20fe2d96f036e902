"""Odometry of a node: from a topic of nav_msgs/Odometry, or from the transforms on /tf."""

from collections.abc import Callable
from typing import Any

from geometry_msgs.msg import PoseWithCovariance
from nav_msgs.msg import Odometry
from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.qos import QoSProfile

from liploc_ros.datasets.pose_message import frame_name
from liploc_ros.nodes.common.conversions import pose_to_message
from liploc_ros.nodes.common.qos import TF, TF_STATIC
from liploc_ros.nodes.common.ros_libraries import tf_message_type
from liploc_ros.nodes.common.subscription import OnFault, subscribe
from liploc_ros.nodes.common.transforms import TransformBuffer, TransformError

TF_NAME = "tf"
ODOMETRY_TYPE, TF_TYPE = "nav_msgs/msg/Odometry", "tf2_msgs/msg/TFMessage"
TF_STATIC_TOPIC = "/tf_static"


class OdometrySource:
    """Subscribes to odometry. A topic called ``tf`` has transforms, all others have nav_msgs/Odometry."""

    def __init__(self, odometry_frame: str, base_frame: str) -> None:
        """Take the frames between which the pose is read from transforms."""
        self._odometry_frame, self._base_frame = odometry_frame, base_frame

    @staticmethod
    def type_of(topic: str) -> str:
        """Return the type of the messages on a topic."""
        return TF_TYPE if topic.rpartition("/")[2] == TF_NAME else ODOMETRY_TYPE

    def subscribe(
        self,
        node: Node,
        topic: str,
        callback: Callable[[Any], None],
        profile: QoSProfile,
        on_fault: OnFault,
        group: CallbackGroup,
    ) -> list[Any]:
        """Call ``callback`` with each nav_msgs/Odometry, and return the subscriptions.

        Raises:
            TransformError: transforms are wanted, and tf2_msgs is not installed.
        """
        if self.type_of(topic) == ODOMETRY_TYPE:
            return [subscribe(node, Odometry, topic, callback, profile, on_fault, group)]
        message_type = tf_message_type()
        if message_type is None:
            raise TransformError(
                f"odometry_topic = {topic} needs tf2_msgs, which is not installed: "
                "apt install ros-$ROS_DISTRO-tf2-msgs, or name a topic of nav_msgs/Odometry"
            )
        reader = TfOdometry(self._odometry_frame, self._base_frame, callback)
        return [
            subscribe(node, message_type, TF_STATIC_TOPIC, reader.add_static, TF_STATIC, on_fault, group),
            subscribe(node, message_type, topic, reader.add, TF, on_fault, group),
        ]


class TfOdometry:
    """Poses of the base frame in the odometry frame from transforms, as nav_msgs/Odometry."""

    def __init__(self, odometry_frame: str, base_frame: str, callback: Callable[[Any], None]) -> None:
        """Start without transforms."""
        self._odometry_frame, self._base_frame = frame_name(odometry_frame), frame_name(base_frame)
        self._callback = callback
        self._buffer = TransformBuffer()
        self._parents: dict[str, str] = {}

    def add_static(self, msg: Any) -> None:
        """Add the transforms of a tf2_msgs/TFMessage on /tf_static."""
        self._buffer.add(msg)
        self._parents |= {frame_name(t.child_frame_id): frame_name(t.header.frame_id) for t in msg.transforms}

    def add(self, msg: Any) -> None:
        """Add the transforms of a tf2_msgs/TFMessage; the first that moves the base frame gives an odometry message."""
        self.add_static(msg)
        chain = self._chain()
        moved = next((item for item in msg.transforms if frame_name(item.child_frame_id) in chain), None)
        if moved is None:
            return
        try:
            T_odom_base = self._buffer.lookup(self._odometry_frame, self._base_frame)
        except TransformError:  # one of them is not valid
            return
        odometry = Odometry(child_frame_id=self._base_frame, pose=PoseWithCovariance(pose=pose_to_message(T_odom_base)))
        odometry.header.stamp, odometry.header.frame_id = moved.header.stamp, self._odometry_frame
        self._callback(odometry)

    def _chain(self) -> list[str]:
        """Return the frames from the base frame up to below the odometry frame; empty if that is not above."""
        chain = [self._base_frame]
        while (parent := self._parents.get(chain[-1])) != self._odometry_frame:
            if parent is None or parent in chain:
                return []
            chain.append(parent)
        return chain
