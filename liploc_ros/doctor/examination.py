# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""What is examined: model, map and cameras are read once, and the ROS graph is listened to once."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from liploc_ros.datasets.camera_file import read_camera_file
from liploc_ros.encoders import ModelBundle
from liploc_ros.errors import LiplocError
from liploc_ros.geometry import MountedCamera
from liploc_ros.mapping import Manifest
from liploc_ros.mapping.manifest import read_manifest

if TYPE_CHECKING:
    from liploc_ros.doctor.graph.snapshot import GraphSnapshot

DURATION = 5.0


@dataclass(frozen=True)
class DoctorRequest:
    """What to examine.

    Attributes:
        lidar_map: folder of a map; None: no map.
        model: folder of the model bundle; None: the default model.
        cameras: calibration files.
        duration: time to listen to the ROS graph [s]; 0: not at all.
        domain_id: of DDS; None takes ROS_DOMAIN_ID.
    """

    lidar_map: Path | None = None
    model: Path | None = None
    cameras: tuple[Path, ...] = ()
    duration: float = DURATION
    domain_id: int | None = None


class Examination:
    """Opens what several checks need. What cannot be opened is an error instead of a value."""

    def __init__(self, request: DoctorRequest, listen: Callable[[DoctorRequest], GraphSnapshot]) -> None:
        """Open nothing yet; ``listen`` listens to the ROS graph."""
        self.request, self._listen = request, listen

    @cached_property
    def bundle(self) -> ModelBundle | LiplocError:
        """The model."""
        try:
            return ModelBundle.load(self.request.model)
        except LiplocError as failure:
            return failure

    @cached_property
    def manifest(self) -> Manifest | LiplocError | None:
        """The manifest of the map; None without a map."""
        if self.request.lidar_map is None:
            return None
        try:
            return read_manifest(self.request.lidar_map)
        except LiplocError as failure:
            return failure

    @cached_property
    def cameras(self) -> dict[Path, MountedCamera | LiplocError]:
        """The cameras by calibration file."""
        cameras: dict[Path, MountedCamera | LiplocError] = {}
        for path in self.request.cameras:
            try:
                cameras[path] = read_camera_file(path)
            except LiplocError as failure:
                cameras[path] = failure
        return cameras

    @property
    def has_ros(self) -> bool:
        """Whether rclpy and the messages of this package are installed."""
        return all(importlib.util.find_spec(name) for name in ("rclpy", "liploc_ros.msg", "liploc_ros.srv"))

    @cached_property
    def graph(self) -> GraphSnapshot | LiplocError | None:
        """The ROS graph, after listening to it; None without ROS, or if it is not to be listened to."""
        if self.request.duration <= 0 or not self.has_ros:
            return None
        try:
            return self._listen(self.request)
        except LiplocError as failure:
            return failure
