"""Camera calibration files as ROS 2's camera_calibration writes them."""

import math
from pathlib import Path

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, FiniteFloat, ValidationError

from liploc_ros.datasets.drive import DatasetError
from liploc_ros.geometry import CameraError, MountedCamera, camera_from_model, pose_from
from liploc_ros.schema import FrozenModel

FORWARD = (-0.5, 0.5, -0.5, 0.5)  # optical axes (x right, y down, z forward) of a camera that looks along the base's x
UNIT_TOLERANCE = 0.01


class _Matrix(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")  # rows and cols

    data: tuple[FiniteFloat, ...]


class _Mount(FrozenModel):
    translation: tuple[FiniteFloat, FiniteFloat, FiniteFloat] = (0.0, 0.0, 0.0)
    rotation: tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat] = FORWARD


class _CameraFile(FrozenModel):
    image_width: int
    image_height: int
    camera_name: str = "camera"
    camera_matrix: _Matrix
    distortion_model: str = ""
    distortion_coefficients: _Matrix = _Matrix(data=())
    rectification_matrix: _Matrix | None = None  # not needed: images are localized as they are taken
    projection_matrix: _Matrix | None = None
    mount: _Mount = _Mount()


def read_camera_file(path: Path) -> MountedCamera:
    """Return the camera of a calibration YAML.

    Beside the keys of camera_calibration, ``mount`` may say where the camera is in the base frame: ``translation``
    x, y, z [m] and ``rotation`` x, y, z, w of its optical frame. Without it the camera is at the base's origin and
    looks forward.

    Raises:
        DatasetError: the file cannot be read, or lacks a key or has an unknown one, or ``mount`` is no pose.
        CameraError: the numbers are no calibration.
    """
    try:
        values = _CameraFile.model_validate(yaml.safe_load(Path(path).read_text(encoding="utf-8")))
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror}): give a calibration YAML") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "the whole file"
        raise DatasetError(f"{path}: {key}: {first['msg']}: give a YAML as camera_calibration writes it") from error
    except (yaml.YAMLError, ValueError) as error:
        raise DatasetError(f"{path}: no YAML: give a calibration as camera_calibration writes it") from error
    if len(values.camera_matrix.data) != 9:
        raise DatasetError(f"{path}: camera_matrix has {len(values.camera_matrix.data)} numbers, expected 9")
    rotation = values.mount.rotation
    if abs(math.hypot(*rotation) - 1) > UNIT_TOLERANCE:
        raise DatasetError(f"{path}: mount.rotation {list(rotation)} is no unit quaternion: give x, y, z, w")
    try:
        camera = camera_from_model(
            values.distortion_model,
            values.image_width,
            values.image_height,
            np.array(values.camera_matrix.data).reshape(3, 3),
            np.array(values.distortion_coefficients.data),
        )
    except CameraError as error:
        raise CameraError(f"{path}: {error}") from error
    return MountedCamera(values.camera_name, camera, pose_from(values.mount.translation, rotation))
