# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""From an image to hypotheses on the map of a drive, with the camera encoder on every backend."""

from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import numpy as np

from benchmarks.gpu.encoders import Skip, backends, opened
from benchmarks.gpu.rows import Row, durations
from liploc_ros.datasets.drive import Drive
from liploc_ros.encoders import Encoders, ModelBundle
from liploc_ros.encoders.backends import Choice
from liploc_ros.localization import Localizer
from liploc_ros.mapping import MapConfig, build_map


def localization_rows(
    drive: Drive, bundle: ModelBundle, cache: Path, runs: int, on_gpu: bool, skip: Skip
) -> Iterator[Row]:
    """Yield a row for each backend."""
    lidar_map = build_map(drive, bundle, MapConfig())
    frames = list(drive.images())
    images = [(read(), drive.cameras[name], f.stamp_ns) for f in frames for name, read in f.images.items()]
    for backend, encoder in opened(backends(bundle, "camera", cache, on_gpu), skip):
        encoders = Encoders(bundle)
        encoders.camera_choice = Choice(encoder, "chosen by the check")
        localizer, image = Localizer(lidar_map, bundle, encoders=encoders), cycle(images)
        times = durations(lambda: localizer.localize(*next(image)), runs)  # noqa: B023  called at once
        yield Row("from an image to hypotheses", backend, times, 1 / float(np.median(times)))
