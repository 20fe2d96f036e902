# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The client of the map builder."""

from __future__ import annotations

from collections.abc import Callable

from std_srvs.srv import Trigger

from liploc_ros.client.connection import Connection
from liploc_ros.client.errors import RefusedError
from liploc_ros.client.messages import build_progress
from liploc_ros.client.node_client import NodeClient
from liploc_ros.client.results import BuildProgress, SavedMap
from liploc_ros.client.stream import Stream
from liploc_ros.msg import MapProgress
from liploc_ros.srv import SaveMap

SAVE_TIMEOUT = 600.0


class MapBuilderClient(NodeClient):
    """Saves maps, and follows how they are built. Errors are those of LocalizerClient."""

    def __init__(
        self, node: str = "map_builder", connection: Connection | None = None, discovery_timeout: float = 5.0
    ) -> None:
        """Connect; see :class:`~liploc_ros.client.node_client.NodeClient`."""
        super().__init__(node, connection, discovery_timeout)

    def wait(self, timeout: float = 60.0) -> None:
        """Wait until the map builder runs.

        Raises:
            NodeNotFoundError: there is no such node in time [s].
        """
        self.connection.wait_for_service(SaveMap, self.node, "save_map", timeout)

    def save_map(self, path: str = "", timeout: float = SAVE_TIMEOUT) -> SavedMap:
        """Build and write the map from the scans received so far.

        Args:
            path: folder on the computer of the node; empty: the node's parameter ``map_path``.
            timeout: [s]; the time grows with the length of the map.

        Raises:
            RefusedError: the map cannot be written; the last one stays.
            NodeNotFoundError: there is no such node.
            NoResponseError: it does not respond in time.
        """
        response = self._call(SaveMap, "save_map", SaveMap.Request(path=str(path)), timeout)
        if not response.success:
            raise RefusedError(f"{self.node}: {response.message}")
        return SavedMap(str(response.path), int(response.places), int(response.size_bytes), str(response.message))

    def pause(self) -> str:
        """Use no scan until :meth:`resume`; returns the node's message. It may be paused already.

        Raises:
            RefusedError, NodeNotFoundError, NoResponseError: as in :meth:`save_map`.
        """
        return self._trigger("pause")

    def resume(self) -> str:
        """Use scans again; returns the node's message.

        Raises:
            RefusedError, NodeNotFoundError, NoResponseError: as in :meth:`save_map`.
        """
        return self._trigger("resume")

    def progress(self, timeout: float | None = 5.0) -> Stream[BuildProgress]:
        """Iterate over the progress, which comes every second and on changes.

        Args:
            timeout: longest time between two messages [s], after which NoResponseError is raised; None for no limit.
        """
        return self.connection.stream(MapProgress, self._topic("progress"), build_progress, timeout)

    def on_progress(self, callback: Callable[[BuildProgress], None]) -> Callable[[], None]:
        """Call a function with the progress, in the thread of the connection; returns how to stop that."""
        return self.connection.subscribe(
            MapProgress, self._topic("progress"), lambda msg: callback(build_progress(msg))
        )

    def _trigger(self, service: str) -> str:
        response = self._call(Trigger, service, Trigger.Request())
        if not response.success:
            raise RefusedError(f"{self.node}: {response.message}")
        return str(response.message)
