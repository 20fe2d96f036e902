"""Camera calibration files in the YAML format of ROS 2's camera_calibration."""

import math
from pathlib import Path

import numpy as np
import yaml
from pydantic import FiniteFloat, ValidationError

from liploc_ros.datasets.drive import DatasetError
from liploc_ros.geometry import CameraError, MountedCamera, camera_from_model, pose_from
from liploc_ros.schema import FrozenModel, first_fault

# Quaternion x, y, z, w of an optical frame (x right, y down, z forward) that looks along the x axis of the base frame.
FORWARD_QUATERNION = (-0.5, 0.5, -0.5, 0.5)
MAX_NORM_ERROR = 0.01  # of a unit quaternion
REMEDY = "give a YAML file as camera_calibration writes it"


class _Matrix(FrozenModel, extra="ignore"):  # ignores rows and cols
    data: tuple[FiniteFloat, ...]


class _Mount(FrozenModel):
    translation: tuple[FiniteFloat, FiniteFloat, FiniteFloat] = (0.0, 0.0, 0.0)
    rotation: tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat] = FORWARD_QUATERNION


class _CameraFile(FrozenModel):
    image_width: int
    image_height: int
    camera_name: str = "camera"
    camera_matrix: _Matrix
    distortion_model: str = ""
    distortion_coefficients: _Matrix = _Matrix(data=())
    rectification_matrix: _Matrix | None = None  # accepted but not used: images are not rectified
    projection_matrix: _Matrix | None = None
    mount: _Mount = _Mount()


def read_camera_file(path: Path) -> MountedCamera:
    """Return the camera of a calibration file.

    In addition to the keys of camera_calibration, ``mount`` can give the pose of the optical frame in the base frame:
    ``translation`` x, y, z [m] and ``rotation`` x, y, z, w. The default is the origin of the base frame, looking
    forward.

    Raises:
        DatasetError: the file cannot be read, a key is missing or unknown, or ``mount`` is not a pose.
        CameraError: the numbers are not a valid calibration.
    """
    try:
        values = _CameraFile.model_validate(yaml.safe_load(Path(path).read_text(encoding="utf-8")))
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror}): {REMEDY}") from error
    except ValidationError as error:
        raise DatasetError(f"{path}: {first_fault(error)}: {REMEDY}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise DatasetError(f"{path}: not valid YAML: {REMEDY}") from error
    if len(values.camera_matrix.data) != 9:
        raise DatasetError(f"{path}: camera_matrix has {len(values.camera_matrix.data)} numbers instead of 9: {REMEDY}")
    rotation = values.mount.rotation
    if abs(math.hypot(*rotation) - 1) > MAX_NORM_ERROR:
        raise DatasetError(f"{path}: mount.rotation {list(rotation)} is not a unit quaternion: give x, y, z, w")
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
