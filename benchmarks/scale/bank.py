# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Real features: panoramas to build streets from, and a held-out drive with its images and its map."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liploc_ros.datasets import open_drive
from liploc_ros.datasets.kitti.object_frames import read_kitti_object
from liploc_ros.encoders import ModelBundle
from liploc_ros.evaluation.evaluator import Evaluator
from liploc_ros.evaluation.options import EvaluationOptions
from liploc_ros.geometry.se2 import se2_of
from liploc_ros.localization import Localizer
from liploc_ros.mapping import MapConfig, build_map
from liploc_ros.mapping.build import draw_places
from liploc_ros.mapping.features import quantize_features
from liploc_ros.views import Scan

MIN_RUN = 8  # places in a row
PROTOCOL = "gap-8"


@dataclass(frozen=True)
class Bank:
    """Features of one model.

    Attributes:
        features: (B, h, columns, D) int8 of real panoramas.
        run: (B,) number of the run of each; those of one run are 1 m apart, in driving order. -1: not used.
        true_features: (T, h, columns, D) of the held-out drive's map.
        true_poses: (T, 3) x, y [m] and yaw [rad] of its places.
        true_station: (T,) of its places.
        true_lateral: (T,) of its places [m].
        views: (Q, h, w, D) features of its images.
        view_heading: (Q,) of the camera in the base frame [rad].
        view_poses: (Q, 3) where the base was.
    """

    features: NDArray[np.int8]
    run: NDArray[np.int32]
    true_features: NDArray[np.int8]
    true_poses: NDArray[np.float64]
    true_station: NDArray[np.intp]
    true_lateral: NDArray[np.float64]
    views: NDArray[np.float32]
    view_heading: NDArray[np.float64]
    view_poses: NDArray[np.float64]

    @property
    def runs(self) -> list[NDArray[np.int32]]:
        """Rows of the panoramas of each run."""
        order = np.argsort(self.run, kind="stable")
        used = order[self.run[order] >= 0]
        return [np.asarray(part, np.int32) for part in np.split(used, np.flatnonzero(np.diff(self.run[used])) + 1)]

    def save(self, path: Path) -> None:
        """Write all arrays."""
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, **vars(self))

    @classmethod
    def load(cls, path: Path) -> "Bank":
        """Read what :meth:`save` wrote."""
        with np.load(path) as file:
            return cls(**file)


def draw_bank(bundle: ModelBundle, held_out: Path, drives: Sequence[Path], singles: Sequence[Path]) -> Bank:
    """Draw and encode everything.

    Args:
        bundle: a model that was not trained on ``held_out``.
        held_out: folder of the drive whose images are localized.
        drives: folders of other drives.
        singles: folders of single frames.
    """
    encoders = bundle.encoders()
    features, run, count = [], [], 0
    for folder in drives:
        drawn = build_map(open_drive(folder), bundle, MapConfig(code_features=False), encoders=encoders)
        order = np.lexsort((drawn.lattice.station, drawn.lattice.lateral))
        features.append(np.asarray(drawn.features)[order])
        numbers = run_numbers(drawn.lattice.station[order], drawn.lattice.lateral[order])
        run.append(np.where(numbers < 0, -1, numbers + count))
        count += int(numbers.max()) + 1
    for folder in singles:
        for drive in read_kitti_object(folder):
            T_base_lidar = np.eye(4) if drive.T_base_lidar is None else drive.T_base_lidar
            for frame in drive.scans():
                if frame.read_points is None:
                    continue
                scan = Scan(frame.read_points(), T_base_lidar)
                panorama = next(iter(draw_places([[scan]], np.eye(4)[None], T_base_lidar[:3, 3], bundle.spec.grid)))
                features.append(quantize_features(encoders.encode_panorama(panorama))[None])
                run.append(np.array([count]))
                count += 1
    evaluator = Evaluator(open_drive(held_out), bundle, EvaluationOptions(headings="all"))
    true, scene = evaluator.map_of(PROTOCOL), evaluator.scene
    localizer = Localizer(true, bundle, encoders=encoders)
    views = [localizer.encode(scene.image(query), scene.mounted) for query in range(len(scene.query_rows))]
    seen = [row for row, view in enumerate(views) if view is not None]
    return Bank(
        features=np.concatenate(features),
        run=np.concatenate(run).astype(np.int32),
        true_features=np.asarray(true.features),
        true_poses=se2_of(true.T_map_base),
        true_station=true.lattice.station,
        true_lateral=true.lattice.lateral,
        views=np.stack([view.features for view in views if view is not None]),
        view_heading=np.array([view.heading for view in views if view is not None]),
        view_poses=se2_of(scene.path[scene.query_rows])[seen],
    )


def run_numbers(station: NDArray[np.integer], lateral: NDArray[np.floating]) -> NDArray[np.int32]:
    """Return the run of each place (P,): places in a row along one lateral offset; -1 in runs that are too short."""
    run, count = np.full(len(station), -1, np.int32), 0
    for offset in np.unique(lateral):
        rows = np.flatnonzero(lateral == offset)
        rows = rows[np.argsort(station[rows])]
        for part in np.split(rows, np.flatnonzero(np.diff(station[rows]) != 1) + 1):
            if len(part) >= MIN_RUN:
                run[part] = count
                count += 1
    return run
