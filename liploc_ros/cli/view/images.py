# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The images of a recording that ``liploc view`` shows."""

from pathlib import Path

from liploc_ros.cli.inputs.images import IMAGES
from liploc_ros.cli.recording import RecordingOptions
from liploc_ros.datasets import DatasetError, Drive, open_drive
from liploc_ros.datasets.drive import RecordedImage
from liploc_ros.errors import LiplocError


def open_recording(bag: Path, recording: RecordingOptions, odometry: bool | None) -> tuple[Drive, str]:
    """Open a recording; returns it, and why its poses are not used as odometry: empty if they are.

    Args:
        bag: the recording.
        recording: options for bags.
        odometry: whether its poses are required; None: they are used if there are any.

    Raises:
        LiplocError: it cannot be read.
    """
    why_not = "none: --no-odometry" if odometry is False else ""
    if not why_not:
        try:
            drive = open_drive(bag, recording.topics(), needs=("images", "odometry"), options=recording.options())
            has_poses = any(frame.T_map_base is not None for frame in drive.images())
            return drive, "" if has_poses else f"none: {drive.pose_problem}"
        except LiplocError as error:
            if odometry:
                raise
            why_not = f"none: {error}"
    return open_drive(bag, recording.topics(), needs=IMAGES, options=recording.options()), why_not


def images_of_camera(drive: Drive, camera: str | None) -> list[RecordedImage]:
    """Return the images of one camera, by default of the first one that has images.

    Raises:
        DatasetError: it has none.
    """
    images = list(drive.recorded_images())
    found = list(dict.fromkeys(image.frame_id for image in images))
    if not found:
        raise DatasetError(f"{drive.source}: has no images: give a recording with images")
    if camera is not None and camera not in found:
        raise DatasetError(f"{drive.source}: has no images of camera {camera!r}: choose one of {', '.join(found)}")
    return [image for image in images if image.frame_id == (camera or found[0])]
