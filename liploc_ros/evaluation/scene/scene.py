# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The parts of a drive that are evaluated: images to localize, scans to draw places from, and the path."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from liploc_ros.datasets.drive import Drive, Frame
from liploc_ros.datasets.left_out import warn_once
from liploc_ros.errors import LiplocError
from liploc_ros.evaluation.options import EvaluationError, EvaluationOptions
from liploc_ros.evaluation.scene.camera_conditions import CameraConditions
from liploc_ros.evaluation.scene.mapped_pass import MappedPass
from liploc_ros.evaluation.scene.simulated_pass import PassConditions
from liploc_ros.geometry import MountedCamera, Pose


@dataclass(frozen=True)
class Scene:
    """The frames of a drive that have poses; an image and a scan need not share a frame.

    Attributes:
        drive: the recording.
        camera: optical frame of the camera whose images are localized.
        posed: all frames with a pose, in order of time.
        query_rows: rows of ``posed`` with an image of the camera.
        scan_rows: rows of ``posed`` with a scan.
        recorded: the pass of the drive.
        mapped: the pass that places are drawn from: the recorded one, or one that is simulated from it.
    """

    drive: Drive
    camera: str
    posed: tuple[Frame, ...]
    query_rows: NDArray[np.intp]
    scan_rows: NDArray[np.intp]
    recorded: MappedPass
    mapped: MappedPass

    @classmethod
    def of(cls, drive: Drive, camera: str | None = None) -> "Scene":
        """Return the scene of a drive; without a camera the first one that has images.

        Images that cannot be read are left out with a warning.

        Raises:
            EvaluationError: no image, no scan, no pose, or no such camera.
        """
        posed = tuple(frame for frame in drive.frames if frame.T_map_base is not None)
        seen = [name for name in drive.cameras if any(name in frame.images for frame in posed)]
        if not seen:
            reason = drive.pose_problem or "there is nothing to localize"
            raise EvaluationError(f"{drive.source}: no image with a pose: {reason}")
        if camera is not None and camera not in seen:
            raise EvaluationError(f"{drive.source}: no camera {camera!r}: choose one of {', '.join(seen)}")
        name = seen[0] if camera is None else camera
        queries = [row for row, frame in enumerate(posed) if name in frame.images and _is_readable(frame, name)]
        if not queries:
            raise EvaluationError(f"{drive.source}: no image of {name} can be read: there is nothing to localize")
        scans = [row for row, frame in enumerate(posed) if frame.read_points is not None]
        if not scans or drive.T_base_lidar is None:
            raise EvaluationError(
                f"{drive.source}: no scan with a pose: {drive.pose_problem or 'there is nothing to localize in'}"
            )
        recorded = MappedPass.recorded(posed, drive.T_base_lidar)
        return cls(drive, name, posed, np.array(queries, np.intp), np.array(scans, np.intp), recorded, recorded)

    def under(self, mapped_pass: PassConditions, camera: CameraConditions, options: EvaluationOptions) -> "Scene":
        """Return the recorded scene under other conditions.

        Args:
            mapped_pass: of the pass that the map is drawn from.
            camera: of the images.
            options: whether moving objects are removed, and where places are.

        Raises:
            EvaluationError: the drive has no such camera, it sees less, or none of its images can be read.
        """
        name = camera.camera_of(self.drive, self.camera)
        recorded = mapped = self.recorded
        if not mapped_pass.is_recorded:
            mapped = mapped_pass.apply(recorded, remove_dynamic=options.remove_dynamic)
            mapped = mapped.seen_from(recorded) if options.places == "recorded" else mapped
        scene = self if name == self.camera else Scene.of(self.drive, name)
        scene = replace(scene, recorded=recorded, mapped=mapped)
        drive = camera.apply(self.drive, scene.camera)
        posed = tuple(frame for frame in drive.frames if frame.T_map_base is not None)
        return replace(scene, drive=drive, posed=posed)

    @property
    def mounted(self) -> MountedCamera:
        """The camera whose images are localized."""
        return self.drive.cameras[self.camera]

    @property
    def T_base_lidar(self) -> Pose:  # noqa: N802
        """Where the LiDAR is mounted."""
        return np.eye(4) if self.drive.T_base_lidar is None else self.drive.T_base_lidar

    @cached_property
    def path(self) -> NDArray[np.float64]:
        """(N, 4, 4) base poses of all frames with a pose."""
        return np.stack([np.eye(4) if f.T_map_base is None else f.T_map_base for f in self.posed])

    @cached_property
    def stamps(self) -> NDArray[np.float64]:
        """(N,) seconds since the first of them."""
        return np.array([(frame.stamp_ns - self.posed[0].stamp_ns) / 1e9 for frame in self.posed])

    def image(self, query: int) -> NDArray[np.uint8]:
        """Return the image (h, w, 3) of a query.

        Raises:
            LiplocError: it cannot be read.
        """
        frame: Frame = self.posed[self.query_rows[query]]
        return frame.images[self.camera]()


def _is_readable(frame: Frame, camera: str) -> bool:
    try:
        frame.images[camera]()
    except LiplocError as error:
        warn_once(f"{error}: the image is left out")
        return False
    return True
