# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Images that must not be accepted: of places that are not on the map, and images without useful content."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.localization.scenes import DriveScene, errors
from benchmarks.localization.single_images import FALSE_DISTANCE
from benchmarks.localization.tracking import follow
from liploc_ros.datasets import open_sources
from liploc_ros.geometry import MountedCamera, pose_from_yaw
from liploc_ros.geometry.se2 import PoseSE2, se2_of
from liploc_ros.localization import Localizer, Status, TrackingState

SPLITS = ("training", "testing", "unknown_split")
BLURS = (8, 20, 40)  # pixels, sigma
NOISES = 40
REPEATS = 100
SENSOR_NOISE = 3.0  # grey levels
ODOMETRY_NOISE = 0.005  # m

TestImage = tuple[NDArray[np.uint8], MountedCamera, PoseSE2 | None]


def singles_of(kitti: Path) -> Iterator[TestImage]:
    """Yield the single frames of KITTI's object benchmark, which show other streets."""
    for split in SPLITS:
        for drive in open_sources(kitti / "object" / split):
            name = next(iter(drive.cameras))
            for frame in drive.images():
                yield frame.images[name](), drive.cameras[name], None


def images_of(scene: DriveScene, *, on_map: bool = False) -> Iterator[TestImage]:
    """Yield the images of a drive."""
    for query in scene.queries:
        yield query.image, scene.mounted, query.truth if on_map else None


def blurred(scene: DriveScene, *, on_map: bool) -> Iterator[TestImage]:
    """Yield every fifth image with three degrees of blur."""
    for query in scene.queries[::5]:
        for sigma in BLURS:
            yield (
                np.asarray(cv2.GaussianBlur(query.image, (0, 0), sigma)),
                scene.mounted,
                query.truth if on_map else None,
            )


def without_content(scene: DriveScene) -> Iterator[TestImage]:
    """Yield black, grey and white images, a ramp, and noise of several grain sizes."""
    shape = scene.queries[0].image.shape
    for grey in (0, 128, 255):
        yield np.full(shape, grey, np.uint8), scene.mounted, None
    ramp = np.linspace(0, 255, shape[1]).astype(np.uint8)[None, :, None]
    yield np.ascontiguousarray(np.broadcast_to(ramp, shape)), scene.mounted, None
    rng = np.random.default_rng(0)
    for i in range(NOISES):
        coarse = 1 << (i % 6)
        noise = rng.integers(0, 256, (shape[0] // coarse + 1, shape[1] // coarse + 1, 3), dtype=np.uint8)
        yield np.asarray(cv2.resize(noise, (shape[1], shape[0]))), scene.mounted, None


def count_false_accepts(localizer: Localizer, images: Iterator[TestImage]) -> tuple[int, int]:
    """Return the number of images accepted at a wrong place, and the number of images."""
    wrong = total = 0
    for image, mounted, truth in images:
        result = localizer.localize(image, mounted, 0)
        total += 1
        if result.status is Status.SUCCESS and result.best is not None:
            wrong += truth is None or float(errors(se2_of(result.best.T_map_base), truth)[0]) > FALSE_DISTANCE
    return wrong, total


def count_false_localized(localizer: Localizer, scenes: Sequence[DriveScene], with_odometry: bool) -> tuple[int, int]:
    """Return the number of off-map images after which tracking is LOCALIZED, and the number of images."""
    wrong = total = 0
    for scene in scenes:
        localizer.tracker.reset()
        steps = follow(localizer, scene, scene.queries, with_odometry)
        wrong += sum(step.state is TrackingState.LOCALIZED for step in steps)
        total += len(steps)
    return wrong, total


def count_false_localized_by_repetition(localizer: Localizer, scene: DriveScene, every: int) -> tuple[int, int]:
    """Return the number of off-map images that are LOCALIZED when repeated 100 times, and the number of images.

    Each repetition has new sensor noise, and new noise of odometry while the vehicle stands.
    """
    wrong = total = 0
    rng = np.random.default_rng(0)
    for query in scene.queries[::every]:
        localizer.tracker.reset()
        states = []
        for i in range(REPEATS):
            noisy = query.image + SENSOR_NOISE * rng.standard_normal(query.image.shape, dtype=np.float32)
            x, y = ODOMETRY_NOISE * rng.standard_normal(2)
            T_odom_base = pose_from_yaw(float(x), float(y), 0.0, 0.0)
            stamp_ns = query.stamp_ns + i * 100_000_000
            image = np.clip(noisy, 0, 255).astype(np.uint8)
            states.append(localizer.track(image, scene.mounted, stamp_ns, T_odom_base).state)
        wrong += any(state is TrackingState.LOCALIZED for state in states)
        total += 1
    return wrong, total
