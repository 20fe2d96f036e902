# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""A ROS 2 node of its own, in a thread of its own, through which clients talk to other nodes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Any, TypeVar

import rclpy
from rclpy.context import Context
from rclpy.exceptions import InvalidHandle
from rclpy.executors import ExternalShutdownException, ShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy

from liploc_ros.client.errors import NodeNotFoundError, NoResponseError
from liploc_ros.client.stream import Stream
from liploc_ros.nodes.common.qos import NO_SUBSCRIPTION_EVENTS

Item = TypeVar("Item")
RELIABLE = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)
WAIT_STEP = 0.02  # s


class Connection:
    """A node that is spun in the background, as a context.

    It has its own rclpy context: programs need no rclpy.init, and calls may also be made from callbacks of other nodes.
    """

    def __init__(self, name: str = "liploc_client", namespace: str = "/", domain_id: int | None = None) -> None:
        """Create the node and spin it.

        Args:
            name: of the node.
            namespace: of the node; relative names of nodes and topics are in it.
            domain_id: of DDS; None takes ROS_DOMAIN_ID.
        """
        self._context = Context()
        rclpy.init(args=[], context=self._context, domain_id=domain_id)
        self.node: Node = Node(name, namespace=namespace, context=self._context, use_global_arguments=False)
        self.while_waiting: Callable[[], None] = lambda: None
        """Called again and again while a call waits. It may raise an error to end the call."""
        self._clients: dict[tuple[Any, str], Any] = {}
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._spin, name=name, daemon=True)
        self._thread.start()

    def __enter__(self) -> Connection:
        """Return the connection."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        self.close()

    def close(self) -> None:
        """Destroy the node. A second call has no effect."""
        if self._context.ok():
            self._executor.shutdown(timeout_sec=2)
            self._thread.join(timeout=2)
            self.node.destroy_node()
            rclpy.try_shutdown(context=self._context)

    def full_name(self, name: str) -> str:
        """Return a name with its namespace."""
        return name if name.startswith("/") else f"{self.node.get_namespace().rstrip('/')}/{name}"

    def wait_until(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Return whether a condition becomes true in time [s]."""
        deadline = time.monotonic() + timeout
        while not condition():
            self.while_waiting()
            if time.monotonic() > deadline:
                return False
            time.sleep(WAIT_STEP)
        return True

    def wait_for_service(self, service_type: Any, node: str, service: str, timeout: float) -> Any:
        """Return the rclpy client of a service of a node, once it is offered.

        Args:
            service_type: class of the service.
            node: full name of the node.
            service: name without that of the node.
            timeout: [s].

        Raises:
            NodeNotFoundError: it is not offered in time.
        """
        name = f"{node}/{service}"
        client = self._clients.get((service_type, name))
        if client is None:
            client = self._clients[service_type, name] = self.node.create_client(service_type, name)
        if not self.wait_until(client.service_is_ready, timeout):
            raise NodeNotFoundError(self._why_not_offered(node, service, timeout))
        return client

    def call(
        self, service_type: Any, node: str, service: str, request: Any, timeout: float, discovery_timeout: float
    ) -> Any:
        """Call a service of a node, and return its response.

        Args:
            service_type: class of the service.
            node: full name of the node.
            service: name without that of the node.
            request: of this type.
            timeout: for the response [s].
            discovery_timeout: until the service is offered [s].

        Raises:
            NodeNotFoundError: the service is not offered.
            NoResponseError: there is no response in time.
        """
        client = self.wait_for_service(service_type, node, service, discovery_timeout)
        future = client.call_async(request)
        if not self.wait_until(future.done, timeout):
            client.remove_pending_request(future)
            raise NoResponseError(
                f"{node}/{service}: no response for {timeout:g} s: the node is busy or has ended; see its log, or give "
                "a longer timeout"
            )
        return future.result()

    def subscribe(
        self, message_type: Any, topic: str, callback: Callable[[Any], None], profile: QoSProfile = RELIABLE
    ) -> Callable[[], None]:
        """Call a function with each message, in the thread of the connection.

        An exception of the function is logged; the subscription continues.

        Returns:
            A function that unsubscribes.
        """
        name = self.full_name(topic)

        def receive(msg: Any) -> None:
            try:
                callback(msg)
            except Exception as error:  # would end the thread, and with it all subscriptions
                self.node.get_logger().error(f"{name}: a message was not used: {type(error).__name__}: {error}")

        subscription = self.node.create_subscription(
            message_type, name, receive, profile, event_callbacks=NO_SUBSCRIPTION_EVENTS
        )
        return partial(self._unsubscribe, subscription)

    def stream(
        self,
        message_type: Any,
        topic: str,
        convert: Callable[[Any], Item],
        timeout: float | None,
        profile: QoSProfile = RELIABLE,
    ) -> Stream[Item]:
        """Return an iterator over the messages that arrive from now on; see :class:`Stream`."""
        stream: Stream[Item] = Stream(self.full_name(topic), timeout, lambda: self.while_waiting())
        return stream.on_close(self.subscribe(message_type, topic, lambda msg: stream.put(convert(msg)), profile))

    def _unsubscribe(self, subscription: Any) -> None:
        if self._context.ok():
            self.node.destroy_subscription(subscription)

    def _why_not_offered(self, node: str, service: str, timeout: float) -> str:
        """Return one line about a service that is not offered."""
        problem = f"{node}/{service} is not offered after {timeout:g} s"
        names = {f"{namespace.rstrip('/')}/{name}" for name, namespace in self.node.get_node_names_and_namespaces()}
        if node in names:
            return (
                f"{problem}: the node runs, but is not configured: ros2 lifecycle set {node} configure, or see its log"
            )
        offered = sorted(
            name.removesuffix(f"/{service}")
            for name, _ in self.node.get_service_names_and_types()  # also those that only have clients
            if name.endswith(f"/{service}") and name != f"{node}/{service}"
        )
        others = f"; nodes that offer it: {', '.join(offered)}" if offered else ""
        executable = node.rpartition("/")[2]
        return (
            f"{problem}: there is no node {node}{others}: start it (ros2 run liploc_ros {executable}), or check its "
            f"name, its namespace and ROS_DOMAIN_ID"
        )

    def _spin(self) -> None:
        while True:
            try:
                self._executor.spin()
                return
            except InvalidHandle:  # a subscription was destroyed while the executor waited for it
                continue
            except (ExternalShutdownException, ShutdownException):
                return
