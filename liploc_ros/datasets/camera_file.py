# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Camera calibration files in the YAML format of ROS 2's camera_calibration."""

from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from pydantic import FiniteFloat, ValidationError

from liploc_ros.datasets.drive import DatasetError
from liploc_ros.datasets.left_out import warn_once
from liploc_ros.files import expand_path
from liploc_ros.geometry import CameraError, MountedCamera, PoseError, camera_from_model, checked_pose
from liploc_ros.geometry.cameras import describe_implausible
from liploc_ros.schema import FrozenModel, first_fault

# Quaternion x, y, z, w of an optical frame (x right, y down, z forward) that looks along the x axis of the base frame.
FORWARD_QUATERNION = (-0.5, 0.5, -0.5, 0.5)
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
        DatasetError: the file cannot be read, a key is missing or misspelt, or ``mount`` is not a pose.
        CameraError: the numbers are not a valid calibration.
    """
    path = expand_path(path)
    try:
        values = _CameraFile.model_validate(_known_keys(_read_yaml(path), path))
    except ValidationError as error:
        raise DatasetError(f"{path}: {first_fault(error)}: {REMEDY}") from error
    if len(values.camera_matrix.data) != 9:
        raise DatasetError(f"{path}: camera_matrix has {len(values.camera_matrix.data)} numbers instead of 9: {REMEDY}")
    try:
        T_base_camera = checked_pose(values.mount.translation, values.mount.rotation)
    except PoseError as error:
        raise DatasetError(f"{path}: mount: {error}: give rotation as x, y, z, w") from error
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
    if warning := describe_implausible(camera):
        warn_once(f"{path}: {warning}")
    return MountedCamera(values.camera_name, camera, T_base_camera)


def _read_yaml(path: Path) -> Any:
    """Return the content of the file: its only document, or the first of them that is not empty."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror}): {REMEDY}") from error
    except ValueError as error:
        raise DatasetError(f"{path}: not a text file: {REMEDY}") from error
    if text.startswith("%YAML:1.0") or "!!opencv-matrix" in text:
        raise DatasetError(f"{path}: a file of OpenCV's FileStorage: {REMEDY}")
    try:
        return next((document for document in yaml.safe_load_all(text) if document is not None), None)
    except (yaml.YAMLError, ValueError) as error:
        raise DatasetError(f"{path}: not valid YAML: {REMEDY}") from error


def _known_keys(values: Any, path: Path) -> Any:
    """Return the keys that are used. Other keys are ignored, unless they look like a misspelt one.

    Raises:
        DatasetError: a key is misspelt, or the file is one of Kalibr.
    """
    if not isinstance(values, dict):
        return values
    if any(isinstance(v, dict) and {"camera_model", "intrinsics"} <= v.keys() for v in [values, *values.values()]):
        raise DatasetError(f"{path}: a camera chain of Kalibr: {REMEDY}")
    known = _CameraFile.model_fields
    for key in map(str, values.keys() - known.keys()):
        if near := get_close_matches(key, [name for name in known if name not in values], 1, 0.8):
            raise DatasetError(f"{path}: unknown key {key}: did you mean {near[0]}?")
    return {key: value for key, value in values.items() if key in known}
