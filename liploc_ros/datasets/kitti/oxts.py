# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""GPS/IMU records of a KITTI raw drive (OXTS unit), and the poses computed from them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from liploc_ros.datasets.drive import DatasetError
from liploc_ros.datasets.kitti.frame_files import frame_index
from liploc_ros.datasets.kitti.timestamps import read_timestamps, stamp_of
from liploc_ros.geometry import Pose

EARTH_RADIUS = 6378137.0  # [m], as in KITTI's development kit and pykitti
FIELD_COUNT = 30


@dataclass(frozen=True)
class OxtsRecord:
    """One record of the GPS/IMU unit, whose frame (x forward, y left, z up) is the base frame.

    Attributes:
        index: frame number of the record, the same as that of its image and scan.
        stamp_ns: nanoseconds since the epoch.
        T_map_base: pose of the unit; map axes are east, north, up, the origin is the first record of the drive.
        velocity: (3,) forward, left, up [m/s].
        angular_rate: (3,) about x, y, z of the unit [rad/s].
        position_accuracy: estimated by the unit [m].
        velocity_accuracy: estimated by the unit [m/s].
        geodetic: (3,) latitude [degrees], longitude [degrees], altitude [m].
    """

    index: int
    stamp_ns: int
    T_map_base: Pose
    velocity: NDArray[np.float64]
    angular_rate: NDArray[np.float64]
    position_accuracy: float
    velocity_accuracy: float
    geodetic: NDArray[np.float64]


def read_oxts(folder: Path) -> list[OxtsRecord]:
    """Read a drive's ``oxts`` folder: ``timestamps.txt`` and ``data/*.txt``, in order.

    Positions are the Mercator projection of KITTI's development kit and pykitti, with the scale of the first latitude.

    Raises:
        DatasetError: a file is missing or damaged.
    """
    stamps = read_timestamps(folder / "timestamps.txt")
    files = sorted((folder / "data").glob("*.txt"))
    if not files:
        raise DatasetError(f"{folder / 'data'}: has no OXTS records: unpack the drive's synced archive again")
    indices = [frame_index(path) for path in files]
    values = np.array([_read_record(path) for path in files])
    poses = _poses_from(values)
    records = []
    for index, row, T_map_base in zip(indices, values, poses, strict=True):
        records.append(
            OxtsRecord(
                index=index,
                stamp_ns=stamp_of(index, stamps, folder / "timestamps.txt"),
                T_map_base=T_map_base,
                velocity=row[8:11],
                angular_rate=row[17:20],
                position_accuracy=float(row[23]),
                velocity_accuracy=float(row[24]),
                geodetic=row[:3],
            )
        )
    return records


def _read_record(path: Path) -> NDArray[np.float64]:
    try:
        row = np.array(path.read_text(encoding="ascii").split(), dtype=np.float64)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: OXTS record cannot be read ({error}): unpack the drive again") from error
    if len(row) != FIELD_COUNT or not np.all(np.isfinite(row)):
        raise DatasetError(
            f"{path}: OXTS record is cut off, it has {np.isfinite(row).sum()} of {FIELD_COUNT} numbers: "
            "unpack the drive again"
        )
    if not (abs(row[0]) < 90 and abs(row[1]) <= 180):
        raise DatasetError(
            f"{path}: latitude {row[0]} and longitude {row[1]} degrees are not on earth: unpack the drive again"
        )
    return row


def _poses_from(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the poses (N, 4, 4) of records (N, 30), as convertOxtsToPose.m of KITTI's development kit."""
    latitude, longitude, altitude, roll, pitch, yaw = values[:, :6].T
    scale = np.cos(np.deg2rad(latitude[0]))
    x = scale * EARTH_RADIUS * np.deg2rad(longitude)
    y = scale * EARTH_RADIUS * np.log(np.tan(np.deg2rad(90 + latitude) / 2))
    poses = np.tile(np.eye(4), (len(values), 1, 1))
    poses[:, :3, :3] = Rotation.from_euler("ZYX", np.stack([yaw, pitch, roll], axis=1)).as_matrix()
    poses[:, :3, 3] = np.stack([x, y, altitude], axis=1)
    poses[:, :3, 3] -= poses[0, :3, 3].copy()
    return poses
