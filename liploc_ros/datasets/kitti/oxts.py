"""GPS/IMU records of a KITTI raw drive, and the poses they give."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from liploc_ros.datasets.drive import DatasetError
from liploc_ros.datasets.kitti.files import frame_index
from liploc_ros.geometry import Pose

EARTH_RADIUS = 6378137.0  # m, as in KITTI's development kit and in pykitti
FIELDS = 30
TIME = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?)?", re.ASCII)  # empty: see NOT_A_TIME
NOT_A_TIME = np.datetime64("NaT").astype(np.int64)  # the published files have empty lines where a scan is missing


@dataclass(frozen=True)
class OxtsRecord:
    """One record of the GPS/IMU unit, whose frame (x forward, y left, z up) is the base frame.

    Attributes:
        index: number of the record in the drive, the same as that of image and scan.
        stamp_ns: nanoseconds since the epoch.
        T_map_base: axes east, north, up; the origin is the first record of the drive.
        velocity: (3,) forward, left, up [m/s].
        angular_rate: (3,) about x, y, z of the unit [rad/s].
        position_accuracy: as the unit estimates it [m].
        velocity_accuracy: as the unit estimates it [m/s].
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

    Positions are the Mercator projection of pykitti and of KITTI's development kit, scaled at the first latitude.

    Raises:
        DatasetError: a file is missing or damaged.
    """
    stamps = read_timestamps(folder / "timestamps.txt")
    files = sorted((folder / "data").glob("*.txt"))
    if not files:
        raise DatasetError(f"{folder / 'data'}: has no oxts records: unpack the drive's synced archive again")
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


def read_timestamps(path: Path) -> NDArray[np.int64]:
    """Return the stamps [ns] of a ``timestamps.txt``, one for each original frame of the drive.

    KITTI writes local time without a zone. It is taken for UTC, so that stamps are the same on every machine.

    Raises:
        DatasetError: the file is missing, or a line is not a time.
    """
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: timestamps cannot be read ({error}): unpack the drive again") from error
    stamps = np.empty(len(lines), np.int64)
    for number, line in enumerate(lines):
        try:
            if not TIME.fullmatch(line.strip()):
                raise ValueError(line)
            stamps[number] = np.datetime64(line.strip().replace(" ", "T"), "ns").astype(np.int64)
        except (ValueError, OverflowError) as error:
            shown = repr(line[:200])
            raise DatasetError(f"{path}: line {number + 1} is {shown}, not a time: unpack the drive again") from error
    return stamps


def stamp_of(index: int, stamps: NDArray[np.int64], path: Path) -> int:
    """Return the stamp [ns] of frame ``index``; ``path`` names the timestamps in errors.

    Raises:
        DatasetError: there are fewer stamps, or none for this frame.
    """
    if index >= len(stamps):
        raise DatasetError(f"{path}: has {len(stamps)} lines but frame {index:010d} needs one: unpack the drive again")
    if stamps[index] == NOT_A_TIME:
        raise DatasetError(f"{path}: the line of frame {index:010d} is empty: unpack the drive again")
    return int(stamps[index])


def _read_record(path: Path) -> NDArray[np.float64]:
    try:
        row = np.array(path.read_text(encoding="ascii").split(), dtype=np.float64)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: oxts record cannot be read ({error}): unpack the drive again") from error
    if len(row) != FIELDS or not np.all(np.isfinite(row)):
        raise DatasetError(
            f"{path}: oxts record has {np.isfinite(row).sum()} of {FIELDS} numbers, so it is cut off: "
            "unpack the drive again"
        )
    if not (abs(row[0]) < 90 and abs(row[1]) <= 180):
        raise DatasetError(
            f"{path}: latitude {row[0]} and longitude {row[1]} degrees are no place: unpack the drive again"
        )
    return row


def _poses_from(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the (N, 4, 4) poses of (N, 30) records: KITTI development kit, convertOxtsToPose.m."""
    latitude, longitude, altitude, roll, pitch, yaw = values[:, :6].T
    scale = np.cos(np.deg2rad(latitude[0]))
    x = scale * EARTH_RADIUS * np.deg2rad(longitude)
    y = scale * EARTH_RADIUS * np.log(np.tan(np.deg2rad(90 + latitude) / 2))
    poses = np.tile(np.eye(4), (len(values), 1, 1))
    poses[:, :3, :3] = Rotation.from_euler("ZYX", np.stack([yaw, pitch, roll], axis=1)).as_matrix()
    poses[:, :3, 3] = np.stack([x, y, altitude], axis=1)
    poses[:, :3, 3] -= poses[0, :3, 3].copy()
    return poses
