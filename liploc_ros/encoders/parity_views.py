# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The views on which runtimes are compared, drawn from real images and scans that come with the package."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from liploc_ros.encoders.encoder import ModelError
from liploc_ros.encoders.inputs import camera_input, heading_inputs, lidar_input, panorama_input
from liploc_ros.encoders.spec import ModelSpec, Part
from liploc_ros.geometry import MountedCamera, PinholeCamera
from liploc_ros.views import CameraViewer, WholeImageViewer, draw_panorama

PARITY_FILE = Path(__file__).parent.parent / "models" / "views" / "views.npz"
VIEW_COUNT = 2  # images and scans in the file
STEPS_PER_METRE = 64  # of the stored coordinates, which are integers
REFLECTANCE_STEPS = 255
HEADINGS_PER_SCAN = 2


def parity_inputs(spec: ModelSpec, part: Part) -> NDArray[np.float32]:
    """Return inputs (N, 3, H, W) of one encoder of a bundle, drawn from the stored images or scans.

    Raises:
        ModelError: the file of the package is missing or damaged.
    """
    stored = _read(PARITY_FILE)
    if part == "camera":
        width, height = map(int, stored["size"])
        camera = PinholeCamera(width, height, stored["K"])
        mounted = MountedCamera("", camera, stored["T_base_camera"])
        whole = spec.embeds_whole_image
        viewer = WholeImageViewer(mounted, spec.inputs.image_side) if whole else CameraViewer(spec.grid, mounted)
        return np.stack([camera_input(viewer.draw(_image(stored, i)), spec.inputs) for i in range(VIEW_COUNT)])
    panoramas = [draw_panorama(_scan(stored, i), spec.grid) for i in range(VIEW_COUNT)]
    if spec.embeds_whole_image:
        channels = [lidar_input(panorama, spec.grid, spec.inputs) for panorama in panoramas]
        return np.concatenate([heading_inputs(c, spec, np.arange(HEADINGS_PER_SCAN)) for c in channels])
    return np.stack([panorama_input(panorama, spec) for panorama in panoramas])


def _image(stored: dict[str, Any], index: int) -> NDArray[np.uint8]:
    decoded = cv2.imdecode(stored[f"image_{index}"], cv2.IMREAD_COLOR)
    return np.ascontiguousarray(np.asarray(decoded, np.uint8)[..., ::-1])


def _scan(stored: dict[str, Any], index: int) -> NDArray[np.float32]:
    points = np.asarray(stored[f"points_{index}"], np.float32) / STEPS_PER_METRE
    reflectance = np.asarray(stored[f"reflectance_{index}"], np.float32) / REFLECTANCE_STEPS
    return np.ascontiguousarray(np.column_stack([points, reflectance]), np.float32)


@lru_cache(maxsize=1)
def _read(path: Path) -> dict[str, Any]:
    try:
        with np.load(path) as arrays:
            return dict(arrays)
    except (OSError, ValueError, EOFError) as error:
        raise ModelError(f"{path}: cannot be read ({error}): install liploc_ros again") from error
