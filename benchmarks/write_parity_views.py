"""Write the real views that every backend is checked on: ``python -m benchmarks.real_views``.

Two images of half size and two scans of the demo's excerpt, a third of their points.
"""

from pathlib import Path

import cv2
import numpy as np

from liploc_ros.datasets import open_drive
from liploc_ros.encoders.real_views import FILE, METRES, REFLECTANCE
from liploc_ros.geometry import PinholeCamera
from liploc_ros.package_share import share_folder

POINTS = 30_000
QUALITY = 90


def main() -> None:
    """Write them beside the models."""
    drive = open_drive(share_folder() / "demo" / "kitti_0013_excerpt.mcap")
    images, scans = list(drive.images()), [f.read_points() for f in drive.scans() if f.read_points is not None]
    rng = np.random.default_rng(0)
    mounted = next(iter(drive.cameras.values()))
    camera = mounted.camera
    if not isinstance(camera, PinholeCamera):
        raise SystemExit("the excerpt's camera is no pinhole camera any more: store what it is")
    size = (camera.width // 2, camera.height // 2)
    half = np.diag([size[0] / camera.width, size[1] / camera.height, 1.0])
    arrays: dict[str, np.ndarray] = {
        "K": half @ camera.K,
        "size": np.array(size),
        "T_base_camera": mounted.T_base_camera,
    }
    for number, place in enumerate((0.25, 0.75)):
        pixels = next(iter(images[int(place * len(images))].images.values()))()
        small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        _, encoded = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        scan = scans[int(place * len(scans))]
        kept = np.sort(rng.choice(len(scan), POINTS, replace=False))
        arrays[f"image_{number}"] = encoded
        arrays[f"points_{number}"] = np.round(scan[kept, :3] * METRES).astype(np.int16)
        arrays[f"reflectance_{number}"] = np.round(scan[kept, 3] * REFLECTANCE).astype(np.uint8)
    Path(FILE).parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(FILE, **arrays)  # type: ignore[arg-type]
    print(f"{FILE}: {FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
