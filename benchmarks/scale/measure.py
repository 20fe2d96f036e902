# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Open one map and search all queries in it; run as a process of its own, so that its memory is that of the map.

    python -m benchmarks.scale.measure MAP MODEL QUERIES X Y

X and Y are where the drive begins. Prints a line of JSON.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.scale.queries import PERIOD_NS, Queries
from liploc_ros.encoders import ModelBundle
from liploc_ros.geometry import angle_difference
from liploc_ros.geometry.se2 import se2_of
from liploc_ros.localization import Localization, Localizer, LocalizerConfig, Status, TrackingState
from liploc_ros.localization.config import MatchingConfig
from liploc_ros.localization.long_map.focus import COARSE_CANDIDATES
from liploc_ros.localization.long_map.localizer import LongMapLocalizer, localizer_on
from liploc_ros.mapping.features import describe
from liploc_ros.mapping.tiled_map import TiledMap
from liploc_ros.threads import limit_threads

NEAR = 3.0  # m, of a candidate from where the image was taken
MAX_ERROR, MAX_ANGLE = 2.0, np.deg2rad(5.0)  # of an image that is found [m, rad]
CONFIG = LocalizerConfig(matching=MatchingConfig(tilt_reach=0.0))  # one view per image
ROUNDS = 3  # of tracking the drive


def main(
    folder: Annotated[Path, typer.Argument(help="The map.")],
    model: Annotated[Path, typer.Argument(help="Model that built it.")],
    queries: Annotated[Path, typer.Argument(help="Encoded views.")],
    x: Annotated[float, typer.Argument(help="Where the drive begins [m].")],
    y: Annotated[float, typer.Argument(help="Where the drive begins [m].")],
    track: Annotated[bool, typer.Option(help="Also track the drive.")] = True,
    stand_ins: Annotated[bool, typer.Option(help="Most tiles have the files of another one: time only.")] = False,
) -> None:
    """Measure a map."""
    limit_threads()
    stored, bundle = Queries.load(queries), ModelBundle.load(model)
    before = resident_megabytes()
    start = time.perf_counter()
    localizer = localizer_on(folder, bundle, CONFIG)
    values: dict[str, object] = {"load [s]": round(time.perf_counter() - start, 3)}
    stored.use_in(localizer)
    truths = stored.truth(np.array([x, y]))
    single = search_all(lambda n: localizer.localize(stored.image(n), stored.camera, 0), truths)
    values |= {name: value for name, value in single.items() if name.startswith("lost") or not stand_ins}
    if isinstance(localizer, LongMapLocalizer):
        again = search_all(lambda n: localizer.localize(stored.image(n), stored.camera, 0), truths)
        values["lost again p50, p99 [ms]"] = again["lost p50, p99 [ms]"]  # all tiles are open
        values |= search_coarse(TiledMap.open(folder, bundle), stored, truths)
    if track:
        values |= track_all(localizer, stored, truths)
    values["resident [MB]"] = round(resident_megabytes() - before)
    typer.echo(json.dumps(values))


def search_all(localize: Callable[[int], Localization], truths: NDArray[np.float64]) -> dict[str, object]:
    """Search every image alone in the whole map, and compare with where they were taken (Q, 3)."""
    found, accepted, times, log_odds = [], [], [], []
    for number, truth in enumerate(truths):
        start = time.perf_counter()
        result = localize(number)
        times.append(1e3 * (time.perf_counter() - start))
        found.append(result.best is not None and is_found(se2_of(result.best.T_map_base), truth))
        accepted.append(result.status is Status.SUCCESS)
        confidence = np.clip(result.confidence, 1e-12, 1 - 1e-12)
        log_odds.append(float(np.log(confidence / (1 - confidence))))
    p50, p99 = np.quantile(times, (0.5, 0.99))
    right = np.array(found) & np.array(accepted)
    return {
        "found": round(float(np.mean(found)), 3),
        "accepted": round(float(np.mean(right)), 3),
        "accepted and wrong": int(sum(accepted) - right.sum()),
        "log-odds p50, p98": [round(float(v), 2) for v in np.quantile(log_odds, (0.5, 0.98))],
        "lost p50, p99 [ms]": [round(float(p50), 1), round(float(p99), 1)],
    }


def search_coarse(tiled: TiledMap, stored: Queries, truths: NDArray[np.float64]) -> dict[str, object]:
    """Search every image in the coarse index only."""
    index, found, times = tiled.coarse_index(), [], []
    for features, truth in zip(stored.features, truths, strict=True):
        start = time.perf_counter()
        query = describe(features, tiled.manifest.pool) @ tiled.coding.descriptors.components
        candidates = index.search(query, COARSE_CANDIDATES)
        times.append(1e3 * (time.perf_counter() - start))
        found.append(bool((np.hypot(*(candidates.xy - truth[:2]).T) < NEAR).any()))
    p50, p99 = np.quantile(times, (0.5, 0.99))
    return {
        "among coarse candidates": round(float(np.mean(found)), 3),
        "coarse p50, p99 [ms]": [round(float(p50), 1), round(float(p99), 1)],
    }


def track_all(localizer: Localizer, stored: Queries, truths: NDArray[np.float64]) -> dict[str, object]:
    """Track the drive from its first image, with odometry. Images come at the rate of the camera."""
    times: list[float] = []
    errors, localized, wrong = [], 0, 0
    for repeat in range(ROUNDS):
        localizer.tracker.reset()
        begun = time.perf_counter()
        for number, truth in enumerate(truths):
            time.sleep(max(0.0, begun + 1e-9 * PERIOD_NS * number - time.perf_counter()))
            start = time.perf_counter()
            stamp = (repeat * len(truths) + number + 1) * PERIOD_NS
            result = localizer.track(stored.image(number), stored.camera, stamp, stored.odometry(number))
            elapsed = 1e3 * (time.perf_counter() - start)
            if result.state is not TrackingState.LOCALIZED or result.best is None:
                continue
            times.append(elapsed)
            localized += 1
            error = float(np.linalg.norm(result.best.T_map_base[:2, 3] - truth[:2]))
            errors.append(error)
            wrong += error > MAX_ERROR
    p50, p99 = np.quantile(times, (0.5, 0.99)) if times else (np.nan, np.nan)
    return {
        "localized": round(localized / (ROUNDS * len(truths)), 3),
        "localized and wrong": wrong,
        "tracked p50, p99 [ms]": [round(float(p50), 1), round(float(p99), 1)],
        "median error [m]": round(float(np.median(errors)), 3) if errors else None,
    }


def is_found(pose: NDArray[np.float64], truth: NDArray[np.float64]) -> bool:
    """Return whether a pose (3,) is within 2 m and 5 degrees of the truth."""
    apart = np.hypot(*(pose[:2] - truth[:2]))
    return bool(apart < MAX_ERROR and abs(angle_difference(pose[2], truth[2])) < MAX_ANGLE)


def resident_megabytes() -> float:
    """Return the memory of this process, with the parts of mapped files that were read."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1e3 for line in lines if line.startswith("VmRSS"))


if __name__ == "__main__":
    typer.run(main)
