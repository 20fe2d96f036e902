"""Images that must not be accepted: of places that are not on the map, and those that show nothing of use."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.localization.singles import WRONG
from benchmarks.localization.tracks import follow
from benchmarks.localization.world import Replay, Scenery, errors
from liploc_ros.datasets import open_sources
from liploc_ros.geometry import MountedCamera, pose_from_yaw
from liploc_ros.geometry.se2 import PoseSE2, se2_of
from liploc_ros.localization import Localizer, Status
from liploc_ros.localization.tracking.result import TrackingState

SPLITS = ("training", "testing", "unknown_split")
BLURS = (8, 20, 40)  # pixels, sigma
NOISES = 40
REPEATS = 100
SENSOR_NOISE = 3.0  # grey levels
TREMBLING = 0.005  # m

Shown = tuple[NDArray[np.uint8], MountedCamera, PoseSE2 | None]


def singles_of(kitti: Path) -> Iterator[Shown]:
    """Yield the single frames of KITTI's object benchmark, which are of other streets."""
    for split in SPLITS:
        for drive in open_sources(kitti / "object" / split):
            name = next(iter(drive.cameras))
            for frame in drive.images():
                yield frame.images[name](), drive.cameras[name], None


def images_of(scenery: Scenery, *, on_map: bool = False) -> Iterator[Shown]:
    """Yield the images of a drive."""
    for query in scenery.queries:
        yield query.image, scenery.mounted, query.truth if on_map else None


def blurred(scenery: Scenery, *, on_map: bool) -> Iterator[Shown]:
    """Yield every fifth image, blurred more and more."""
    for query in scenery.queries[::5]:
        for sigma in BLURS:
            yield (
                np.asarray(cv2.GaussianBlur(query.image, (0, 0), sigma)),
                scenery.mounted,
                query.truth if on_map else None,
            )


def nothing(scenery: Scenery) -> Iterator[Shown]:
    """Yield black, white, grey, ramps, and noise fine and coarse."""
    shape = scenery.queries[0].image.shape
    for grey in (0, 128, 255):
        yield np.full(shape, grey, np.uint8), scenery.mounted, None
    ramp = np.linspace(0, 255, shape[1]).astype(np.uint8)[None, :, None]
    yield np.ascontiguousarray(np.broadcast_to(ramp, shape)), scenery.mounted, None
    rng = np.random.default_rng(0)
    for i in range(NOISES):
        coarse = 1 << (i % 6)
        noise = rng.integers(0, 256, (shape[0] // coarse + 1, shape[1] // coarse + 1, 3), dtype=np.uint8)
        yield np.asarray(cv2.resize(noise, (shape[1], shape[0]))), scenery.mounted, None


def accepted_wrongly(localizer: Replay, shown: Iterator[Shown]) -> tuple[int, int]:
    """Return how many images are accepted elsewhere than where they were taken, and how many there are."""
    wrong = total = 0
    for image, mounted, truth in shown:
        result = localizer.localize(image, mounted, 0)
        total += 1
        if result.status is Status.SUCCESS and result.best is not None:
            wrong += truth is None or float(errors(se2_of(result.best.T_map_base), truth)[0]) > WRONG
    return wrong, total


def tracked_wrongly(localizer: Replay, sceneries: Sequence[Scenery], by_odometry: bool) -> tuple[int, int]:
    """Return after how many images of drives that are not on the map the vehicle is localized, and of how many."""
    wrong = total = 0
    for scenery in sceneries:
        localizer.tracker.forget()
        steps = follow(localizer, scenery, scenery.queries, by_odometry)
        wrong += sum(step.state is TrackingState.LOCALIZED for step in steps)
        total += len(steps)
    return wrong, total


def repeated_wrongly(localizer: Localizer, scenery: Scenery, every: int) -> tuple[int, int]:
    """Return how many images of a drive that is not on the map are localized when shown 100 times, and of how many.

    Each time with other noise of the sensor, and with odometry that trembles while the vehicle stands.
    """
    wrong = total = 0
    rng = np.random.default_rng(0)
    for query in scenery.queries[::every]:
        localizer.tracker.forget()
        states = []
        for i in range(REPEATS):
            noisy = query.image + SENSOR_NOISE * rng.standard_normal(query.image.shape, dtype=np.float32)
            x, y = TREMBLING * rng.standard_normal(2)
            T_odom_base = pose_from_yaw(float(x), float(y), 0.0, 0.0)
            stamp_ns = query.stamp_ns + i * 100_000_000
            image = np.clip(noisy, 0, 255).astype(np.uint8)
            states.append(localizer.track(image, scenery.mounted, stamp_ns, T_odom_base).state)
        wrong += any(state is TrackingState.LOCALIZED for state in states)
        total += 1
    return wrong, total
