# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Sources of transforms between the frames of a vehicle: tf2_ros, or the buffer of this package."""

import threading
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from rclpy.time import Time

from liploc_ros.datasets.drive import DatasetError
from liploc_ros.datasets.pose_message import frame_name, pose_of_stamped_transform, pose_of_transform
from liploc_ros.datasets.transforms import StaticTransforms
from liploc_ros.errors import LiplocError
from liploc_ros.geometry import Pose, PoseError
from liploc_ros.nodes.common.logging import ThrottledLog

AUTHORITY = "liploc_ros"
"""Where transforms come from, for messages of tf2."""


class TransformError(LiplocError):
    """A transform that is not available."""


class TransformSource(Protocol):
    """Transforms by the names of their frames."""

    def lookup(self, target_frame: str, source_frame: str) -> Pose:
        """Return the transform that takes coordinates in the source frame to the target frame.

        Raises:
            TransformError: it is not known; the message is a reason without a remedy.
        """


class NoTransforms:
    """Used where tf2_msgs is not installed."""

    def lookup(self, target_frame: str, source_frame: str) -> Pose:
        """Raise TransformError."""
        raise TransformError("tf2_msgs is not installed, so /tf and /tf_static cannot be received")


class ReceivedTransforms:
    """The transforms in a buffer that subscriptions fill."""

    def __init__(self, buffer: TransformSource, mismatch: Callable[[], str]) -> None:
        """Take the buffer; ``mismatch`` tells which publisher the subscriptions do not match, if there is one."""
        self._buffer, self._mismatch = buffer, mismatch

    def lookup(self, target_frame: str, source_frame: str) -> Pose:
        """See :meth:`TransformSource.lookup`."""
        try:
            return self._buffer.lookup(target_frame, source_frame)
        except TransformError as error:
            if mismatch := self._mismatch():
                raise TransformError(f"{error}; {mismatch}") from error
            raise


class TransformBuffer:
    """The latest transforms from the messages on /tf and /tf_static."""

    def __init__(self, log: ThrottledLog | None = None) -> None:
        """Start empty; invalid transforms are reported to ``log``."""
        self._log = log
        self._lock = threading.Lock()  # other threads look up
        self._transforms = StaticTransforms()

    def add(self, msg: Any) -> None:
        """Add the valid transforms of a tf2_msgs/TFMessage."""
        with self._lock:
            for item, T_parent_child in _valid(msg, self._log):
                self._transforms.add(frame_name(item.header.frame_id), frame_name(item.child_frame_id), T_parent_child)

    add_static = add

    def lookup(self, target_frame: str, source_frame: str) -> Pose:
        """See :meth:`TransformSource.lookup`."""
        try:
            with self._lock:
                return self._transforms.lookup(target_frame, source_frame)
        except DatasetError as error:
            known = ", ".join(self._transforms.frames) or "none"
            raise TransformError(f"/tf and /tf_static do not contain it (known frames: {known})") from error


class Tf2Transforms:
    """Transforms in a tf2_ros.Buffer; of those on /tf the latest is taken."""

    def __init__(self, buffer: Any, log: ThrottledLog | None = None) -> None:
        """Take the buffer; invalid transforms are reported to ``log``."""
        self._buffer, self._log = buffer, log

    def add(self, msg: Any) -> None:
        """Add the valid transforms of a tf2_msgs/TFMessage on /tf."""
        for item, _ in _valid(msg, self._log):
            self._buffer.set_transform(item, AUTHORITY)

    def add_static(self, msg: Any) -> None:
        """Add the valid transforms of a tf2_msgs/TFMessage on /tf_static."""
        for item, _ in _valid(msg, self._log):
            self._buffer.set_transform_static(item, AUTHORITY)

    def lookup(self, target_frame: str, source_frame: str) -> Pose:
        """See :meth:`TransformSource.lookup`."""
        try:
            # tf2 does not accept names with a leading slash.
            found = self._buffer.lookup_transform(target_frame.lstrip("/"), source_frame.lstrip("/"), Time())
            return pose_of_transform(found.transform)
        except Exception as error:  # the exception classes of tf2 are known only where it is installed
            reason = " ".join(str(error).split()) or type(error).__name__
            raise TransformError(f"tf2 does not know it ({reason})") from error


def _valid(msg: Any, log: ThrottledLog | None) -> Iterator[tuple[Any, Pose]]:
    """Yield the valid transforms of a tf2_msgs/TFMessage, also as poses."""
    for item in msg.transforms:
        try:
            yield item, pose_of_stamped_transform(item)
        except PoseError as error:
            child = frame_name(item.child_frame_id)
            if log is not None:
                log.warn(f"transform {child}", f"transform of the frame {child!r} is ignored: {error}")
