# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Drives on which localization is measured; their places are drawn from scans at least 8 m from each image."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liploc_ros.datasets import open_drive
from liploc_ros.datasets.drive import Drive
from liploc_ros.encoders import ModelBundle
from liploc_ros.evaluation.evaluator import Evaluator
from liploc_ros.evaluation.options import EvaluationOptions
from liploc_ros.geometry import MountedCamera, Pose, inverse, pose_from_yaw
from liploc_ros.geometry.se2 import PoseSE2, compose, se2_of
from liploc_ros.localization import EncodedView, Localizer
from liploc_ros.localization.tilt import NO_TILT, Tilt
from liploc_ros.mapping import LidarMap
from liploc_ros.mapping.feature_table import PlainFeatures
from liploc_ros.mapping.lattice import PlaceLattice
from liploc_ros.mapping.search.map_features import index_of

DRIVES = ("0001", "0005", "0013")
PROTOCOL = "gap-8"
DRIVE_SEPARATION = 2000.0  # metres between drives in the joined map
SCALE_ERROR, HEADING_DRIFT = (
    1.02,
    0.0015,
)  # of simulated odometry: factor, and rad/m


@dataclass(frozen=True)
class Query:
    """An image, where it was taken, and the pose of odometry at that time.

    Attributes:
        image: (h, w, 3).
        stamp_ns: when.
        truth: (3,) x, y [m], yaw [rad] of the base on the joined map.
        T_odom_base: (4, 4) of simulated odometry that drifts.
        distance: driven since the first image [m].
    """

    image: NDArray[np.uint8]
    stamp_ns: int
    truth: PoseSE2
    T_odom_base: Pose
    distance: float


@dataclass(frozen=True)
class DriveScene:
    """A drive: its images, the camera, and its places as a map."""

    name: str
    queries: tuple[Query, ...]
    mounted: MountedCamera
    lidar_map: LidarMap


class CachingLocalizer(Localizer):
    """A localizer that encodes an image once, however often it is given; everything else is computed each time."""

    def __init__(self, lidar_map: LidarMap, bundle: ModelBundle) -> None:
        super().__init__(lidar_map, bundle)
        self._encoded: dict[tuple[int, Tilt], tuple[NDArray[np.uint8], EncodedView | None]] = {}

    def encode(self, image: NDArray[np.uint8], camera: MountedCamera, tilt: Tilt = NO_TILT) -> EncodedView | None:
        """Return the view of an earlier call, or encode the image."""
        key = id(image), tilt
        if key not in self._encoded:
            # The image is kept, so that its id stays unique.
            self._encoded[key] = image, super().encode(image, camera, tilt)
        return self._encoded[key][1]


def drive_at(kitti: Path, name: str) -> Drive:
    """Open a KITTI raw drive of 2011-09-26 by its number."""
    return open_drive(kitti / "2011_09_26" / f"2011_09_26_drive_{name}_sync")


def scene_of(kitti: Path, name: str, bundle: ModelBundle, *, reverse: bool = False) -> DriveScene:
    """Return a drive, at its position in the joined map.

    With ``reverse`` the scans are those of a vehicle that drove in the opposite direction.
    """
    drive = drive_at(kitti, name)
    frames = [frame for frame in drive.images() if frame.T_map_base is not None]
    camera = next(iter(drive.cameras))
    offset = np.array([DRIVE_SEPARATION * DRIVES.index(name), 0.0, 0.0])
    truth = np.stack([se2_of(frame.T_map_base) for frame in frames if frame.T_map_base is not None])
    distance = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(truth[:, :2], axis=0).T))])
    queries = [
        Query(frame.images[camera](), frame.stamp_ns, pose + offset, T_odom_base, float(driven))
        for frame, pose, T_odom_base, driven in zip(frames, truth, drifting_odometry(truth), distance, strict=True)
    ]
    lidar_map = Evaluator(drive, bundle, EvaluationOptions()).map_of(f"{PROTOCOL}+reverse" if reverse else PROTOCOL)
    moved = lidar_map.T_map_base.copy()
    moved[:, :3, 3] += offset
    return DriveScene(name, tuple(queries), drive.cameras[camera], replace(lidar_map, T_map_base=moved))


def joined_map(scenes: Sequence[DriveScene], bundle: ModelBundle) -> LidarMap:
    """Return one map with the places of all drives."""
    maps, spec = [scene.lidar_map for scene in scenes], bundle.spec
    features = np.concatenate([np.asarray(m.features) for m in maps])
    length = sum(m.manifest.path_length for m in maps)
    manifest = maps[0].manifest.model_copy(update={"places": len(features), "path_length": length})
    poses, lattice = np.concatenate([m.T_map_base for m in maps]), PlaceLattice.joined([m.lattice for m in maps])
    index = index_of(features, lattice, spec, EvaluationOptions().map_config())
    return replace(
        maps[0], manifest=manifest, T_map_base=poses, lattice=lattice, features=PlainFeatures(features), index=index
    )


def drifting_odometry(poses: PoseSE2) -> list[Pose]:
    """Return (N, 4, 4) poses of odometry for true poses (N, 3): 2 % too long, with a drift of 0.0015 rad/m."""
    T = [pose_from_yaw(float(x), float(y), 0.0, float(yaw)) for x, y, yaw in poses]
    steps = [se2_of(inverse(before) @ after) for before, after in pairwise(T)]
    here, measured = np.zeros(3), [np.zeros(3)]
    for step in steps:
        distance = float(np.hypot(step[0], step[1]))
        here = compose(here, np.array([*(SCALE_ERROR * step[:2]), step[2] + HEADING_DRIFT * distance]))
        measured.append(here)
    return [pose_from_yaw(float(x), float(y), 0.0, float(yaw)) for x, y, yaw in measured]


def errors(found: PoseSE2, truth: PoseSE2) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return position [m] and heading [rad] errors (...) of poses (..., 3)."""
    heading = np.abs((found[..., 2] - truth[..., 2] + np.pi) % (2 * np.pi) - np.pi)
    return np.hypot(found[..., 0] - truth[..., 0], found[..., 1] - truth[..., 1]), heading
