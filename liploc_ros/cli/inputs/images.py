# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The images that ``liploc localize`` reads: files, or those of a recording."""

from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from liploc_ros.cli.recording import RecordingOptions
from liploc_ros.datasets import DatasetError, open_drive
from liploc_ros.datasets.bag.topics import DataKind
from liploc_ros.datasets.camera_file import read_camera_file
from liploc_ros.datasets.file_kind import check_kind, is_bag
from liploc_ros.datasets.kitti.rectified_camera import OPTICAL_FRAMES
from liploc_ros.geometry import MountedCamera
from liploc_ros.views import read_image

IMAGES: tuple[DataKind, ...] = ("images",)


class ImageInput(NamedTuple):
    """An image that is read when it is needed.

    Attributes:
        name: file name, or stamp in a recording.
        stamp_ns: acquisition time [ns]; 0 for a file.
        camera: returns the camera, or raises a LiplocError.
        read: returns the pixels, or raises a LiplocError.
    """

    name: str
    stamp_ns: int
    camera: Callable[[], MountedCamera]
    read: Callable[[], NDArray[np.uint8]]


def open_images(paths: Sequence[Path], camera: Path | None, recording: RecordingOptions) -> list[ImageInput]:
    """Open recordings and list their images together with image files.

    Image files are not read yet, so that a damaged one does not stop the others.

    Args:
        paths: image files and recordings.
        camera: calibration file for the image files.
        recording: options for bags.

    Raises:
        LiplocError: a recording or the calibration file cannot be read, or an option does not apply to a path.
    """
    mounted = None if camera is None else read_camera_file(camera)
    images: list[ImageInput] = []
    for path in paths:
        check_kind(path)
        if not path.is_dir() and not is_bag(path):
            if given := recording.given():
                raise DatasetError(f"{path}: {', '.join(given)} applies to bags: leave it out for image files")
            images.append(ImageInput(path.name, 0, partial(_camera_of, path, mounted), partial(read_image, path)))
            continue
        if mounted is not None:
            raise DatasetError(
                f"{path}: has its own calibration: leave out --camera, which applies to image files, or give the file "
                "as --calibration"
            )
        drive = open_drive(path, recording.topics(), needs=IMAGES, options=recording.options())
        images += [ImageInput(f"{r.stamp_ns / 1e9:.3f}", r.stamp_ns, r.camera, r.read) for r in drive.recorded_images()]
    return images


def _camera_of(path: Path, mounted: MountedCamera | None) -> MountedCamera:
    """Return the camera of an image file.

    Raises:
        LiplocError: no calibration was given, and the file is not in a KITTI raw drive.
    """
    if mounted is not None:
        return mounted
    folder = path.resolve().parent
    drive_folder = folder.parent.parent
    if folder.name == "data" and (drive_folder / "oxts").is_dir():
        frame_id = OPTICAL_FRAMES.get(folder.parent.name.removeprefix("image_"), "")
        cameras = _open_drive_once(drive_folder).cameras
        if frame_id in cameras:
            return cameras[frame_id]
    read_image(path)  # a missing or damaged image is reported before the missing calibration
    raise DatasetError(f"{path}: no calibration for this image: give --camera CALIBRATION.yaml")


_open_drive_once = cache(open_drive)
