# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Why a call of a client has no result."""

from liploc_ros.errors import LiplocError


class ClientError(LiplocError):
    """A node could not be reached, or did not do what it was asked to."""


class NodeNotFoundError(ClientError):
    """No node of this name offers the service or the topic."""


class NoResponseError(ClientError):
    """The node did not respond, or nothing arrived, in time."""


class RefusedError(ClientError):
    """The node refused a request; the message is its reason."""
