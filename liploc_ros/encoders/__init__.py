# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The camera and the LiDAR encoder: their common interface, the runtimes, and the model bundle that holds both."""

from liploc_ros.encoders.backends import Backend, BackendSettings
from liploc_ros.encoders.bundle import DEFAULT_BUNDLE, Encoders, ModelBundle
from liploc_ros.encoders.encoder import Encoder, ModelError
from liploc_ros.encoders.inputs import camera_cell_mask, camera_input, lidar_cell_mask, lidar_input
from liploc_ros.encoders.spec import InputSpec, ModelSpec, Precision

__all__ = [
    "DEFAULT_BUNDLE",
    "Backend",
    "BackendSettings",
    "Encoder",
    "Encoders",
    "InputSpec",
    "ModelBundle",
    "ModelError",
    "ModelSpec",
    "Precision",
    "camera_cell_mask",
    "camera_input",
    "lidar_cell_mask",
    "lidar_input",
]
