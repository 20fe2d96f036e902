# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""How camera and images differ from the recorded ones: another camera, a narrower or worse view, a wrong mount."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.spatial.transform import Rotation

from liploc_ros.datasets.drive import Drive, Frame
from liploc_ros.evaluation.options import EvaluationError
from liploc_ros.evaluation.scene.image_conditions import ImageConditions
from liploc_ros.geometry import MountedCamera

MAX_TILT = 45.0  # degrees
Change = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]


class CameraConditions(ImageConditions):
    """Which camera takes the images, what is used of them, and by how much its assumed mount is wrong.

    A wrong mount is one that the localizer is given; the images are as recorded.
    """

    camera: str | None = Field(None, description="optical frame, or a part of it that no other camera has")
    crop: float | None = Field(None, gt=0, lt=180, description="horizontal field of view that is used [degrees]")
    tilt: float | None = Field(
        None,
        ge=-MAX_TILT,
        le=MAX_TILT,
        description="by which the camera looks lower than its assumed mount says [degrees]",
    )
    roll: float | None = Field(
        None,
        ge=-MAX_TILT,
        le=MAX_TILT,
        description="by which the camera is turned clockwise, seen from behind, against its assumed mount [degrees]",
    )

    @property
    def is_recorded(self) -> bool:
        """Whether camera, images and mount are those of the recording."""
        return self == CameraConditions()

    def camera_of(self, drive: Drive, default: str | None) -> str | None:
        """Return the optical frame of the camera; ``default`` if the conditions name none.

        Raises:
            EvaluationError: no camera of the drive, or more than one, has this name.
        """
        if self.camera is None:
            return default
        exact = [name for name in drive.cameras if name == self.camera]
        found = exact or [name for name in drive.cameras if self.camera in name]
        if len(found) != 1:
            fault = "no camera" if not found else f"{len(found)} cameras"
            names = ", ".join(drive.cameras) or "none"
            raise EvaluationError(f"camera-{self.camera}: {drive.source} has {fault} of this name: it has {names}")
        return found[0]

    def apply(self, drive: Drive, name: str) -> Drive:
        """Return the drive as the localizer is given it: images of the camera cropped, its mount wrong.

        Raises:
            EvaluationError: the camera sees less than the part that is to be used.
        """
        mounted, frames = drive.cameras[name], drive.frames
        if self.crop is not None:
            mounted, columns = crop_camera(mounted, self.crop)
            frames = _with_changed_images(frames, name, lambda image: np.ascontiguousarray(image[:, columns]))
        if self.changes_images:
            frames = _with_changed_images(frames, name, self.change)
        mounted = replace(mounted, T_base_camera=mounted.T_base_camera @ self._assumed_mount())
        return replace(drive, frames=frames, cameras={**drive.cameras, name: mounted})

    def _assumed_mount(self) -> NDArray[np.float64]:
        """Return the assumed pose in the true optical frame, whose axes point right, down and forward."""
        T = np.eye(4)
        T[:3, :3] = Rotation.from_euler("zx", [-(self.roll or 0.0), self.tilt or 0.0], degrees=True).as_matrix()
        return T


def crop_camera(mounted: MountedCamera, field_of_view: float) -> tuple[MountedCamera, slice]:
    """Return the camera of a part of the image around the optical axis, and the columns of that part.

    Args:
        mounted: the camera.
        field_of_view: horizontal [degrees].

    Raises:
        EvaluationError: the camera sees less.
    """
    camera: Any = mounted.camera  # all models have K
    half = np.deg2rad(field_of_view / 2)
    rays = np.array([[-np.sin(half), 0.0, np.cos(half)], [np.sin(half), 0.0, np.cos(half)]])
    pixels, seen = camera.project(rays)
    if not seen.all():
        raise EvaluationError(
            f"crop-{field_of_view:g}: {mounted.frame_id} does not see {field_of_view / 2:g} degrees to both sides "
            "of its optical axis: choose a smaller field of view"
        )
    first, last = int(np.ceil(pixels[0, 0])), int(np.floor(pixels[1, 0]))
    K = camera.K.copy()
    K[0, 2] -= first
    columns = slice(first, last + 1)
    return replace(mounted, camera=replace(camera, width=last + 1 - first, K=K)), columns


def _with_changed_images(frames: Sequence[Frame], name: str, change: Change) -> tuple[Frame, ...]:
    """Return frames in which the images of a camera are changed when they are read."""
    return tuple(
        replace(frame, images={**frame.images, name: partial(_read_changed, frame.images[name], change)})
        if name in frame.images
        else frame
        for frame in frames
    )


def _read_changed(read: Callable[[], NDArray[np.uint8]], change: Change) -> NDArray[np.uint8]:
    return change(read())
