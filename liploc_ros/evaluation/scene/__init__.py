# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""A drive as it is evaluated: the pass that the map is drawn from, and the camera that takes the images."""

from liploc_ros.evaluation.scene.camera_conditions import CameraConditions
from liploc_ros.evaluation.scene.mapped_pass import MappedPass
from liploc_ros.evaluation.scene.queries import Queries
from liploc_ros.evaluation.scene.scene import Scene
from liploc_ros.evaluation.scene.simulated_pass import PassConditions

__all__ = ["CameraConditions", "MappedPass", "PassConditions", "Queries", "Scene"]
