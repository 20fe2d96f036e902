# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""What the clients of all nodes have in common."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, TypeVar

from diagnostic_msgs.msg import DiagnosticArray

from liploc_ros.client.connection import Connection
from liploc_ros.client.errors import NodeNotFoundError
from liploc_ros.client.messages import status_items
from liploc_ros.client.results import NodeStatus, StatusItem

Client = TypeVar("Client", bound="NodeClient")
CALL_TIMEOUT = 10.0
DIAGNOSTICS_PERIOD = 1.0


class NodeClient:
    """The client of one node, as a context.

    Attributes:
        connection: through which it talks.
        node: full name of the node.
        discovery_timeout: time to wait until the node is found [s].
    """

    def __init__(self, node: str, connection: Connection | None = None, discovery_timeout: float = 5.0) -> None:
        """Connect.

        Args:
            node: name of the node, with its namespace if it has one, for example ``/front/localizer``.
            connection: to be shared by several clients; by default the client has its own, and closes it.
            discovery_timeout: see above.
        """
        self._is_owner = connection is None
        self.connection = connection or Connection()
        self.node = self.connection.full_name(node)
        self.discovery_timeout = discovery_timeout

    def __enter__(self: Client) -> Client:
        """Return the client."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the client."""
        self.close()

    def close(self) -> None:
        """End the connection, unless it was given."""
        if self._is_owner:
            self.connection.close()

    def status(self, timeout: float = 3.0) -> NodeStatus:
        """Return the diagnostic statuses of the node; it publishes them every second.

        Raises:
            NodeNotFoundError: none arrive in time [s].
        """
        received: list[tuple[StatusItem, ...]] = []

        def add(msg: Any) -> None:
            if items := status_items(msg, self.node):
                received.append(items)

        unsubscribe = self.connection.subscribe(DiagnosticArray, "/diagnostics", add)
        try:
            found = self.connection.wait_until(lambda: bool(received), timeout)
        finally:
            unsubscribe()
        if not found:
            raise NodeNotFoundError(
                f"{self.node} publishes nothing on /diagnostics for {timeout:g} s: start it, or check its name, its "
                "namespace and ROS_DOMAIN_ID"
            )
        return NodeStatus(self.node, received[-1])

    def _call(self, service_type: Any, service: str, request: Any, timeout: float = CALL_TIMEOUT) -> Any:
        return self.connection.call(service_type, self.node, service, request, timeout, self.discovery_timeout)

    def _topic(self, name: str) -> str:
        return f"{self.node}/{name}"


def remaining(deadline: float) -> float:
    """Return the time until a monotonic deadline [s], at least 0."""
    return max(0.0, deadline - time.monotonic())
