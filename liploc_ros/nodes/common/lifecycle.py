# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""A lifecycle node that can configure and activate itself, without a lifecycle manager."""

import traceback
from abc import ABC, abstractmethod
from typing import Any

from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from liploc_ros.errors import LiplocError

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


class StartError(LiplocError):
    """The node cannot start."""


class AutostartNode(LifecycleNode, ABC):
    """Configures and activates itself, or waits for a lifecycle manager. A failure is reported once in both cases."""

    def __init__(self, name: str, **arguments: Any) -> None:
        """Make the node; ``arguments`` are those of rclpy's Node."""
        super().__init__(name, **arguments)
        self._failure = ""

    @abstractmethod
    def is_autostarted(self) -> bool:
        """Return whether the node starts itself."""

    def start(self) -> None:
        """Configure and activate the node, unless a lifecycle manager does so.

        Raises:
            StartError: the node cannot be configured or activated.
        """
        if not self.is_autostarted():
            return
        for trigger in (self.trigger_configure, self.trigger_activate):
            if trigger() != SUCCESS:
                raise StartError(self._failure)

    @abstractmethod
    def close(self) -> None:
        """Stop the node and free its resources."""

    def why_no_result(self) -> str:
        """Return why the node has no result after it was closed; empty if it has one."""
        return ""

    def fail(self, reason: str) -> TransitionCallbackReturn:
        """Return the failure of a transition. The reason is logged here, or raised by :meth:`start`."""
        self._failure = reason
        if not self.is_autostarted():
            self.get_logger().error(reason)
        return FAILURE

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop the node and free its resources."""
        self.close()
        return SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free all resources, so that the node can be configured again."""
        self.close()
        return SUCCESS


def reason_of(error: Exception) -> str:
    """Return why a transition failed; called while the exception is handled."""
    return str(error) if isinstance(error, LiplocError) else f"internal error: {traceback.format_exc()}"
