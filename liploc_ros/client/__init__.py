# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Talk to the nodes from Python: localize, load and save maps, follow the belief. docs/client.md has examples."""

from liploc_ros.client.connection import Connection
from liploc_ros.client.errors import ClientError, NodeNotFoundError, NoResponseError, RefusedError
from liploc_ros.client.localizer import LocalizerClient
from liploc_ros.client.map_builder import MapBuilderClient
from liploc_ros.client.messages import pose_prior
from liploc_ros.client.results import (
    BeliefResult,
    BuildProgress,
    ImageResult,
    MapDescription,
    NodeStatus,
    PoseEstimate,
    SavedMap,
    StatusItem,
)
from liploc_ros.client.stream import Stream
from liploc_ros.localization import Hypothesis, PosePrior, Status, TrackingState

__all__ = [
    "BeliefResult",
    "BuildProgress",
    "ClientError",
    "Connection",
    "Hypothesis",
    "ImageResult",
    "LocalizerClient",
    "MapBuilderClient",
    "MapDescription",
    "NoResponseError",
    "NodeNotFoundError",
    "NodeStatus",
    "PoseEstimate",
    "PosePrior",
    "RefusedError",
    "SavedMap",
    "Status",
    "StatusItem",
    "Stream",
    "TrackingState",
    "pose_prior",
]
