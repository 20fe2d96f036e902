# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""``make bench``: times of the slow steps on the demo's data, compared with reference algorithms.

The results are written as JSON: name -> value, unit, baseline, ratio.
"""

import argparse
import json
import platform
import time
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.reference import blurred_remap, exhaustive_search, sorted_range_and_intensity, sorted_range_image
from benchmarks.timing import medians_ms
from liploc_ros.datasets import Drive, open_drive
from liploc_ros.encoders import ModelBundle
from liploc_ros.files import write_file
from liploc_ros.geometry import inverse
from liploc_ros.localization import Localizer
from liploc_ros.mapping import MapConfig, build_map
from liploc_ros.mapping.features import describe, describe_headings
from liploc_ros.package_share import share_folder
from liploc_ros.threads import limit_threads
from liploc_ros.views import CameraViewer, draw_panorama

SCAN_POINTS = 120_000
NEIGHBORS = 32
ROUNDS = 5


class Results:
    """The measured times; each is printed when it is added."""

    def __init__(self) -> None:
        self._times: dict[str, dict[str, object]] = {}

    def add(self, name: str, ms: float, baseline: str = "", baseline_ms: float | None = None) -> None:
        """Add the time of a step [ms], and that of the reference algorithm."""
        ratio = None if baseline_ms is None else round(baseline_ms / ms, 2)
        self._times[name] = {
            "value": round(ms, 3),
            "unit": "ms",
            "baseline": None if baseline_ms is None else {"name": baseline, "value": round(baseline_ms, 3)},
            "ratio": ratio,
        }
        comparison = "" if baseline_ms is None else f"   {ratio:6.1f} x faster than {baseline} ({baseline_ms:.2f} ms)"
        print(f"{name:32s} {ms:8.2f} ms{comparison}", flush=True)

    def write(self, path: Path) -> None:
        """Write all times as JSON, with the machine."""
        machine = {"machine": platform.processor() or platform.machine(), "python": platform.python_version()}
        write_file(path, json.dumps(self._times | {"_machine": machine}, indent=2) + "\n")


def times_over_the_drive(localizer: Localizer, drive: Drive) -> tuple[float, float]:
    """Return the median times [ms] of localizing and of tracking the images of a drive, in alternation."""
    name, mounted = next(iter(drive.cameras.items()))
    frames = [(frame, frame.images[name]()) for frame in drive.images()]
    times = []
    for _ in range(ROUNDS):
        localizer.tracker.reset()
        for frame, image in frames:
            start = time.perf_counter()
            localizer.localize(image, mounted, frame.stamp_ns)
            middle = time.perf_counter()
            localizer.track(image, mounted, frame.stamp_ns, frame.T_map_base)
            times.append((middle - start, time.perf_counter() - middle))
    single, tracked = 1e3 * np.median(times, axis=0)
    return float(single), float(tracked)


def main() -> None:
    """Run every benchmark and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/bench.json"))
    args = parser.parse_args()
    limit_threads()
    drive = open_drive(share_folder() / "demo" / "kitti_0013_excerpt.mcap")
    bundle = ModelBundle.load()
    grid = bundle.spec.grid
    frame = next(drive.images())
    name, read_image = next(iter(frame.images.items()))
    image, mounted = read_image(), drive.cameras[name]
    scans = [f.read_points() for f in drive.scans() if f.read_points is not None]
    # The excerpt's scans are thinned near the LiDAR. Points of the next scan fill up to the size of a full scan.
    points = np.concatenate(scans[:2])[:SCAN_POINTS]
    results = Results()

    ours, theirs = medians_ms(lambda: draw_panorama(points, grid), lambda: sorted_range_image(points))
    results.add("panorama of 120,000 points", ours, "sort by depth and scatter (LIP-Loc)", theirs)
    # The ratio depends on the channels that the baseline draws and on the order of the points.
    ours, theirs = medians_ms(lambda: draw_panorama(points, grid), lambda: sorted_range_and_intensity(points))
    results.add("the same", ours, "sort and scatter of range and intensity alone", theirs)
    shuffled = np.random.default_rng(0).permutation(points)
    ours, theirs = medians_ms(lambda: draw_panorama(shuffled, grid), lambda: sorted_range_image(shuffled))
    results.add("the same, points in random order", ours, "sort by depth and scatter (LIP-Loc)", theirs)

    viewer = CameraViewer(grid, mounted)
    rays = grid.rays() @ inverse(mounted.T_base_camera)[:3, :3].T
    pixels = mounted.camera.project(rays)[0].astype(np.float32)
    ours, theirs = medians_ms(lambda: viewer.draw(image), lambda: blurred_remap(image, pixels))
    results.add("camera view", ours, "blur and remap", theirs)

    encoders = bundle.encoders()
    view, panorama = viewer.draw(image), draw_panorama(points, grid)
    results.add("camera encoder", medians_ms(lambda: encoders.encode_camera(view))[0])
    results.add("panorama encoder", medians_ms(lambda: encoders.encode_panorama(panorama))[0])

    lidar_map = build_map(drive, bundle, MapConfig(code_features=False))
    features = encoders.encode_camera(view)
    query = describe(features, bundle.spec.pool)
    descriptors = describe_headings(np.asarray(lidar_map.features), bundle.spec)
    ours, theirs = medians_ms(
        lambda: lidar_map.index.search(features, NEIGHBORS), lambda: exhaustive_search(descriptors, query, NEIGHBORS)
    )
    results.add("search of all places and headings", ours, "exhaustive search", theirs)

    for name, searched in (("not coded", lidar_map), ("coded", build_map(drive, bundle, MapConfig()))):
        localizer = Localizer(searched, bundle)
        localizer.warm_up()
        duration = medians_ms(partial(localizer.localize, image, mounted, 0))[0]
        results.add(f"image to hypotheses, map {name}", duration)
        single, tracked = times_over_the_drive(localizer, drive)
        results.add(f"images of the drive, map {name}", single)
        results.add(f"tracked with odometry, map {name}", tracked)

    results.write(args.out)
    print(args.out)


if __name__ == "__main__":
    main()
