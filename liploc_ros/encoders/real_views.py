"""Real images and scans that come with the package: what every backend is checked on, whatever the bundle's views."""

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

FILE = Path(__file__).parent.parent / "models" / "views" / "views.npz"
COUNT = 2
METRES = 64  # steps a metre of the stored coordinates
REFLECTANCE = 255
HEADINGS_OF_A_SCAN = 2


def real_inputs(spec: ModelSpec, part: Part) -> NDArray[np.float32]:
    """Return (N, 3, H, W): inputs of one encoder of a bundle, drawn from the real images or scans.

    Raises:
        ModelError: the file of the package is missing or damaged.
    """
    stored = _stored(FILE)
    if part == "camera":
        width, height = map(int, stored["size"])
        camera = PinholeCamera(width, height, stored["K"])
        mounted = MountedCamera("", camera, stored["T_base_camera"])
        whole = spec.method == "liploc"
        viewer = WholeImageViewer(mounted, spec.inputs.image_side) if whole else CameraViewer(spec.grid, mounted)
        return np.stack([camera_input(viewer.draw(_image(stored, i)), spec.inputs) for i in range(COUNT)])
    panoramas = [draw_panorama(_scan(stored, i), spec.grid) for i in range(COUNT)]
    if spec.method == "liploc":
        around = [lidar_input(panorama, spec.grid, spec.inputs) for panorama in panoramas]
        return np.concatenate([heading_inputs(a, spec, np.arange(HEADINGS_OF_A_SCAN)) for a in around])
    return np.stack([panorama_input(p, spec) for p in panoramas])


def _image(stored: dict[str, Any], number: int) -> NDArray[np.uint8]:
    decoded = cv2.imdecode(stored[f"image_{number}"], cv2.IMREAD_COLOR)
    return np.ascontiguousarray(np.asarray(decoded, np.uint8)[..., ::-1])


def _scan(stored: dict[str, Any], number: int) -> NDArray[np.float32]:
    points = np.asarray(stored[f"points_{number}"], np.float32) / METRES
    reflectance = np.asarray(stored[f"reflectance_{number}"], np.float32) / REFLECTANCE
    return np.ascontiguousarray(np.column_stack([points, reflectance]), np.float32)


@lru_cache(maxsize=1)
def _stored(path: Path) -> dict[str, Any]:
    try:
        with np.load(path) as arrays:
            return dict(arrays)
    except (OSError, ValueError, EOFError) as error:
        raise ModelError(f"{path}: cannot be read ({error}): install liploc_ros again") from error
