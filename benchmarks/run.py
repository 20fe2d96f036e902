"""``make bench``: time the slow parts on the demo's data; writes name -> value, unit, baseline, ratio."""

import argparse
import json
import platform
from pathlib import Path

import numpy as np

from benchmarks.reference import blurred_remap, exhaustive_search, sorted_range_and_intensity, sorted_range_image
from benchmarks.timing import medians_ms
from liploc_ros.datasets import open_drive
from liploc_ros.encoders import ModelBundle
from liploc_ros.geometry import inverse
from liploc_ros.localization import Localizer
from liploc_ros.mapping import MapConfig, build_map
from liploc_ros.mapping.place_index import describe, describe_headings
from liploc_ros.package_share import share_folder
from liploc_ros.views import CameraViewer, draw_panorama

SCAN_POINTS = 120_000


def main() -> None:
    """Run every benchmark and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/bench.json"))
    args = parser.parse_args()
    drive = open_drive(share_folder() / "demo" / "kitti_0013_excerpt.mcap")
    bundle = ModelBundle.load()
    grid = bundle.spec.grid
    frame = next(drive.images())
    name, read = next(iter(frame.images.items()))
    image, mounted = read(), drive.cameras[name]
    scans = [f.read_points() for f in drive.scans() if f.read_points is not None]
    # The excerpt's scans are thinned near the LiDAR: a part of the next one fills up to the size of a whole one.
    points = np.concatenate(scans[:2])[:SCAN_POINTS]

    results: dict[str, dict[str, object]] = {}

    def record(what: str, ours: float, baseline: str = "", reference: float | None = None) -> None:
        ratio = None if reference is None else round(reference / ours, 2)
        results[what] = {
            "value": round(ours, 3),
            "unit": "ms",
            "baseline": None if reference is None else {"name": baseline, "value": round(reference, 3)},
            "ratio": ratio,
        }
        shown = "" if reference is None else f"   {ratio:6.1f} x faster than {baseline} ({reference:.2f} ms)"
        print(f"{what:32s} {ours:8.2f} ms{shown}", flush=True)

    ours, theirs = medians_ms(lambda: draw_panorama(points, grid), lambda: sorted_range_image(points))
    record("panorama of 120,000 points", ours, "sort by depth and scatter (LIP-Loc)", theirs)
    # The ratio hangs on what the baseline draws and on the order of the points: both are shown.
    ours, theirs = medians_ms(lambda: draw_panorama(points, grid), lambda: sorted_range_and_intensity(points))
    record("the same", ours, "sort and scatter of range and intensity alone", theirs)
    shuffled = np.random.default_rng(0).permutation(points)
    ours, theirs = medians_ms(lambda: draw_panorama(shuffled, grid), lambda: sorted_range_image(shuffled))
    record("the same, points in random order", ours, "sort by depth and scatter (LIP-Loc)", theirs)

    viewer = CameraViewer(grid, mounted)
    rays = grid.rays() @ inverse(mounted.T_base_camera)[:3, :3].T
    pixels = mounted.camera.project(rays)[0].astype(np.float32)
    ours, theirs = medians_ms(lambda: viewer.draw(image), lambda: blurred_remap(image, pixels))
    record("camera view", ours, "blur and remap", theirs)

    encoders = bundle.encoders()
    view, panorama = viewer.draw(image), draw_panorama(points, grid)
    record("camera encoder", medians_ms(lambda: encoders.encode_camera(view))[0])
    record("panorama encoder", medians_ms(lambda: encoders.encode_panorama(panorama))[0])

    lidar_map = build_map(drive, bundle, MapConfig())
    features = encoders.encode_camera(view)
    query = describe(features, bundle.spec.pool)
    descriptors = describe_headings(np.asarray(lidar_map.features), bundle.spec)
    ours, theirs = medians_ms(
        lambda: lidar_map.index.search(features, 32), lambda: exhaustive_search(descriptors, query, 32)
    )
    record("search of all places and headings", ours, "exhaustive search", theirs)

    localizer = Localizer(lidar_map, bundle)
    localizer.warm_up()
    record("image to hypotheses", medians_ms(lambda: localizer.localize(image, mounted, 0))[0])

    args.out.parent.mkdir(parents=True, exist_ok=True)
    machine = {"machine": platform.processor() or platform.machine(), "python": platform.python_version()}
    args.out.write_text(json.dumps(results | {"_machine": machine}, indent=2) + "\n")
    print(f"{args.out}")


if __name__ == "__main__":
    main()
