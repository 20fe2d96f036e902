"""What localization is measured on: drives far apart in one map, drawn from scans at least 8 m from each image."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liploc_ros.datasets import open_drive
from liploc_ros.datasets.drive import Drive
from liploc_ros.encoders import ModelBundle
from liploc_ros.evaluation.evaluator import Evaluator
from liploc_ros.evaluation.options import EvaluationOptions
from liploc_ros.geometry import MountedCamera, Pose, inverse, pose_from_yaw, transform_points
from liploc_ros.geometry.se2 import PoseSE2, compose, se2_of
from liploc_ros.localization import Localizer
from liploc_ros.localization.timer import StepClock
from liploc_ros.mapping import LidarMap, PlaceIndex

DRIVES = ("0001", "0005", "0013")
PROTOCOL = "gap-8"
BETWEEN_DRIVES = 2000.0  # m
SCALE, DRIFT = 1.02, 0.0015  # what odometry errs by: share of the way, and rad/m; one wheel a little too large


@dataclass(frozen=True)
class Query:
    """An image, where it was taken, and where odometry had the vehicle.

    Attributes:
        image: (h, w, 3).
        stamp_ns: when.
        truth: (3,) x, y [m], yaw [rad] of the base on the joined map.
        T_odom_base: (4, 4) of odometry that drifts.
        along: way gone since the drive began [m].
    """

    image: NDArray[np.uint8]
    stamp_ns: int
    truth: PoseSE2
    T_odom_base: Pose
    along: float


@dataclass(frozen=True)
class Scenery:
    """A drive: its images, the camera, and its places as a map."""

    name: str
    queries: tuple[Query, ...]
    mounted: MountedCamera
    lidar_map: LidarMap


class Replay(Localizer):
    """A localizer that encodes an image once, however often it is shown; all else is done each time."""

    def __init__(self, lidar_map: LidarMap, bundle: ModelBundle, **settings: object) -> None:
        super().__init__(lidar_map, bundle, **settings)  # type: ignore[arg-type]
        self._remembered: dict[int, tuple[NDArray[np.uint8], NDArray[np.float32] | None]] = {}

    def _see(self, image: NDArray[np.uint8], mounted: MountedCamera, clock: StepClock) -> NDArray[np.float32] | None:
        if id(image) not in self._remembered:
            self._remembered[id(image)] = image, super()._see(image, mounted, clock)  # held, lest the id is used anew
        clock.finish("encode")
        return self._remembered[id(image)][1]


def drive_at(kitti: Path, name: str) -> Drive:
    """Open a KITTI raw drive of 2011-09-26 by its number."""
    return open_drive(kitti / "2011_09_26" / f"2011_09_26_drive_{name}_sync")


def scenery_of(kitti: Path, name: str, bundle: ModelBundle, *, turned_round: bool = False) -> Scenery:
    """Return a drive as a model sees it; its places lie where :func:`joined` puts them.

    With ``turned_round`` the scans are those of a vehicle that drove there the other way.
    """
    drive = drive_at(kitti, name)
    frames = [frame for frame in drive.images() if frame.T_map_base is not None]
    camera = next(iter(drive.cameras))
    away = np.array([BETWEEN_DRIVES * DRIVES.index(name), 0.0, 0.0])
    truth = np.stack([se2_of(frame.T_map_base) for frame in frames if frame.T_map_base is not None])
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(truth[:, :2], axis=0).T))])
    queries = [
        Query(frame.images[camera](), frame.stamp_ns, pose + away, T_odom_base, float(way))
        for frame, pose, T_odom_base, way in zip(frames, truth, drifting(truth), along, strict=True)
    ]
    seen = reversed_drive(drive) if turned_round else drive
    lidar_map = Evaluator(seen, bundle, EvaluationOptions()).map_of(PROTOCOL)
    moved = lidar_map.T_map_base.copy()
    moved[:, :3, 3] += away
    return Scenery(name, tuple(queries), drive.cameras[camera], replace(lidar_map, T_map_base=moved))


def joined(sceneries: Sequence[Scenery], bundle: ModelBundle) -> LidarMap:
    """Return one map of all places."""
    maps, spec = [scenery.lidar_map for scenery in sceneries], bundle.spec
    features = np.concatenate([np.asarray(m.features) for m in maps])
    index = PlaceIndex.build(features, spec, EvaluationOptions().index_size)
    length = sum(m.manifest.path_length for m in maps)
    manifest = maps[0].manifest.model_copy(update={"places": len(features), "path_length": length})
    poses = np.concatenate([m.T_map_base for m in maps])
    return replace(maps[0], manifest=manifest, T_map_base=poses, features=features, index=index)


def drifting(poses: PoseSE2) -> list[Pose]:
    """Return (N, 4, 4) what odometry makes of poses (N, 3): 2 % too long, and turning 0.0015 rad a metre too much."""
    T = [pose_from_yaw(float(x), float(y), 0.0, float(yaw)) for x, y, yaw in poses]
    steps = [se2_of(inverse(before) @ after) for before, after in pairwise(T)]
    here, measured = np.zeros(3), [np.zeros(3)]
    for step in steps:
        way = float(np.hypot(step[0], step[1]))
        here = compose(here, np.array([*(SCALE * step[:2]), step[2] + DRIFT * way]))
        measured.append(here)
    return [pose_from_yaw(float(x), float(y), 0.0, float(yaw)) for x, y, yaw in measured]


def reversed_drive(drive: Drive) -> Drive:
    """Return the scans of a vehicle that drove there the other way, upright; its LiDAR passed the same points."""
    T_base_lidar = np.eye(4) if drive.T_base_lidar is None else drive.T_base_lidar
    T_base_turned = pose_from_yaw(0.0, 0.0, 0.0, np.pi)
    T_base_turned[:3, 3] = T_base_lidar[:3, 3] - T_base_turned[:3, :3] @ T_base_lidar[:3, 3]
    T_turned_lidar = inverse(T_base_turned @ T_base_lidar) @ T_base_lidar
    frames = tuple(
        replace(
            frame,
            T_map_base=frame.T_map_base @ T_base_turned,
            read_points=None if frame.read_points is None else partial(_read_turned, frame.read_points, T_turned_lidar),
        )
        for frame in drive.frames
        if frame.T_map_base is not None
    )
    return replace(drive, frames=frames)


def _read_turned(read: Callable[[], NDArray[np.float32]], T: Pose) -> NDArray[np.float32]:
    points: NDArray[np.float32] = read().copy()
    points[:, :3] = transform_points(T, points)
    return points


def errors(found: PoseSE2, truth: PoseSE2) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return position [m] and heading [rad] errors (...) of poses (..., 3)."""
    turned = np.abs((found[..., 2] - truth[..., 2] + np.pi) % (2 * np.pi) - np.pi)
    return np.hypot(found[..., 0] - truth[..., 0], found[..., 1] - truth[..., 1]), turned
