# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Write the images and scans on which runtimes are compared: ``python -m benchmarks.write_parity_views``.

These are two images at half size and two scans, reduced to a third of their points, of the demo's excerpt.
"""

import io

import cv2
import numpy as np

from liploc_ros.datasets import open_drive
from liploc_ros.encoders.parity_views import PARITY_FILE, REFLECTANCE_STEPS, STEPS_PER_METRE
from liploc_ros.files import write_file
from liploc_ros.geometry import PinholeCamera
from liploc_ros.package_share import share_folder

POINTS = 30_000
JPEG_QUALITY = 90
POSITIONS = (0.25, 0.75)  # in the excerpt, from 0 to 1


def main() -> None:
    """Write the file next to the models."""
    drive = open_drive(share_folder() / "demo" / "kitti_0013_excerpt.mcap")
    images, scans = list(drive.images()), [f.read_points() for f in drive.scans() if f.read_points is not None]
    rng = np.random.default_rng(0)
    mounted = next(iter(drive.cameras.values()))
    camera = mounted.camera
    if not isinstance(camera, PinholeCamera):
        raise SystemExit(f"the excerpt's camera is a {type(camera).__name__}: only pinhole cameras can be stored")
    size = (camera.width // 2, camera.height // 2)
    scale = np.diag([size[0] / camera.width, size[1] / camera.height, 1.0])
    arrays: dict[str, np.ndarray] = {
        "K": scale @ camera.K,
        "size": np.array(size),
        "T_base_camera": mounted.T_base_camera,
    }
    for index, position in enumerate(POSITIONS):
        image = next(iter(images[int(position * len(images))].images.values()))()
        half_size = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        _, encoded = cv2.imencode(".jpg", half_size[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        scan = scans[int(position * len(scans))]
        kept = np.sort(rng.choice(len(scan), POINTS, replace=False))
        arrays[f"image_{index}"] = encoded
        arrays[f"points_{index}"] = np.round(scan[kept, :3] * STEPS_PER_METRE).astype(np.int16)
        arrays[f"reflectance_{index}"] = np.round(scan[kept, 3] * REFLECTANCE_STEPS).astype(np.uint8)
    data = io.BytesIO()
    np.savez_compressed(data, **arrays)  # type: ignore[arg-type]
    write_file(PARITY_FILE, data.getvalue())
    print(f"{PARITY_FILE}: {PARITY_FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
