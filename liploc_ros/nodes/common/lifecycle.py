"""A lifecycle node that starts by itself where no lifecycle manager is to do so."""

from typing import Any

from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from liploc_ros.errors import LiplocError

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


class StartError(LiplocError):
    """The node cannot start."""


class SelfStartingNode(LifecycleNode):
    """Goes through its life cycle alone, or is led; why a step failed is told once in either case."""

    def __init__(self, name: str, **arguments: Any) -> None:
        """Make the node; ``arguments`` are those of rclpy's Node."""
        super().__init__(name, **arguments)
        self._fault = ""

    def starts_itself(self) -> bool:
        """Say whether no lifecycle manager is to start the node."""
        raise NotImplementedError

    def start(self) -> None:
        """Configure and activate, unless a lifecycle manager is to do so.

        Raises:
            StartError: the node cannot be configured.
        """
        if not self.starts_itself():
            return
        for trigger in (self.trigger_configure, self.trigger_activate):
            if trigger() != SUCCESS:
                raise StartError(self._fault)

    def close(self) -> None:
        """Stop and free everything."""
        raise NotImplementedError

    def fail(self, reason: str) -> TransitionCallbackReturn:
        """Return that a step failed, and say why if :meth:`start` does not."""
        self._fault = reason
        if not self.starts_itself():
            self.get_logger().error(reason)
        return FAILURE

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop and free everything."""
        self.close()
        return SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Go back to the beginning."""
        self.close()
        return SUCCESS
