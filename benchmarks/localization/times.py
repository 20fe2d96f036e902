# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The time per image on the map of all drives, and the time that tracking adds."""

import time

import numpy as np

from benchmarks.localization.scenes import DriveScene
from liploc_ros.encoders import ModelBundle
from liploc_ros.localization import Localizer
from liploc_ros.mapping import LidarMap

ROUNDS = 4


def times_of(lidar_map: LidarMap, bundle: ModelBundle, scene: DriveScene) -> dict[str, object]:
    """Return p50 and p99 [ms] of localizing and of tracking, in alternation."""
    localizer = Localizer(lidar_map, bundle)
    localizer.warm_up()
    single, tracked, steps = [], [], []
    for _ in range(ROUNDS):
        localizer.tracker.reset()
        for query in scene.queries:
            start = time.perf_counter()
            result = localizer.localize(query.image, scene.mounted, query.stamp_ns)
            middle = time.perf_counter()
            localizer.track(query.image, scene.mounted, query.stamp_ns, query.T_odom_base)
            single.append(1e3 * (middle - start))
            tracked.append(1e3 * (time.perf_counter() - middle))
            steps.append(result.timings)
    added = np.array(tracked) - np.array(single)
    return {
        "places": len(lidar_map.features),
        "images": len(single),
        "image to hypotheses": _percentiles(np.array(single)),
        "tracked": _percentiles(np.array(tracked)),
        "added by tracking": _percentiles(added),
        "steps, median": {name: round(float(np.median([s[name] for s in steps])), 2) for name in steps[0]},
    }


def _percentiles(times: np.ndarray) -> dict[str, float]:
    return {"p50": round(float(np.percentile(times, 50)), 2), "p99": round(float(np.percentile(times, 99)), 2)}
