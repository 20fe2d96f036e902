"""Points of sensor_msgs/PointCloud2 messages of rclpy or rosbags."""

from collections.abc import Collection, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from liploc_ros.views.panorama import PointsError

FIELD_DTYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 8: "f8"}
"""NumPy dtype of each datatype constant of sensor_msgs/PointField."""

INTENSITY_NAMES = ("intensity", "reflectivity", "reflectance", "i")


class PointFieldLike(Protocol):
    """A sensor_msgs/PointField of rclpy or rosbags."""

    name: Any
    offset: Any
    datatype: Any
    count: Any


class PointCloudLike(Protocol):
    """A sensor_msgs/PointCloud2 of rclpy or rosbags."""

    height: Any
    width: Any
    fields: Any
    is_bigendian: Any
    point_step: Any
    row_step: Any
    data: Any


def points_from_cloud2(msg: PointCloudLike, source: str) -> NDArray[np.float32]:
    """Return points (N, 4) float32: x, y, z [m], which may be NaN, and intensity 0 to 1.

    Intensity is the first field named intensity, reflectivity, reflectance or i; without such a field it is 0. Bytes
    are divided by 255. Other numbers are kept if all are at most 1; otherwise they are divided by 255 and clipped to 1.
    ``source`` names the topic in errors.

    Raises:
        PointsError: x, y or z is missing, a field lies outside its point, or the message has too little data.
    """
    fields = {str(field.name): field for field in msg.fields}
    missing = [name for name in "xyz" if name not in fields]
    if missing:
        raise PointsError(
            f"{source}: PointCloud2 has no field {', '.join(missing)}, only {', '.join(fields) or 'none'}: "
            "choose a topic with x, y and z"
        )
    intensity = _intensity_name(fields)
    names = [*"xyz", *([intensity] if intensity else [])]
    point = _point_type([fields[name] for name in names], int(msg.point_step), bool(msg.is_bigendian), source)
    return points_from_records(_rows(msg, source).view(point).ravel())


def points_from_records(records: NDArray[np.void]) -> NDArray[np.float32]:
    """Return (N, 4) float32 as :func:`points_from_cloud2` does, from (N,) records with the fields of a PointCloud2."""
    intensity = _intensity_name(records.dtype.names or ())
    points = np.zeros((len(records), 4), np.float32)
    with np.errstate(over="ignore", invalid="ignore"):  # a double beyond float32 becomes infinite
        for column, name in enumerate([*"xyz", *([intensity] if intensity else [])]):
            points[:, column] = records[name]
    if intensity:
        _normalise(points[:, 3], is_byte=records.dtype[intensity].itemsize == 1)
    return points


def _intensity_name(names: Collection[str]) -> str | None:
    return next((name for name in INTENSITY_NAMES if name in names), None)


def _point_type(
    fields: Sequence[PointFieldLike], point_step: int, is_bigendian: bool, source: str
) -> np.dtype[np.void]:
    formats = []
    for field in fields:
        if int(field.datatype) not in FIELD_DTYPES:
            raise PointsError(
                f"{source}: field {field.name} has datatype {field.datatype}, not 1 to 8 of PointField: "
                "fix the driver that publishes it"
            )
        formats.append(np.dtype((">" if is_bigendian else "<") + FIELD_DTYPES[int(field.datatype)]))
        if int(field.offset) < 0 or int(field.offset) + formats[-1].itemsize > point_step:
            raise PointsError(
                f"{source}: field {field.name} at byte {field.offset} does not fit in a point_step of {point_step}: "
                "fix the driver that publishes it"
            )
    return np.dtype(
        {
            "names": [str(field.name) for field in fields],
            "formats": formats,
            "offsets": [int(field.offset) for field in fields],
            "itemsize": point_step,
        }
    )


def _rows(msg: PointCloudLike, source: str) -> NDArray[np.uint8]:
    """Return the bytes (height, width * point_step) without row padding."""
    height, row_bytes, row_step = int(msg.height), int(msg.width) * int(msg.point_step), int(msg.row_step)
    if height == 0 or row_bytes == 0:
        return np.empty((0, int(msg.point_step)), np.uint8)
    if row_step < row_bytes:
        row_step = row_bytes  # some drivers do not set it, because a single row does not need it
    data = np.frombuffer(msg.data, np.uint8)
    needed = (height - 1) * row_step + row_bytes
    if len(data) < needed:
        raise PointsError(
            f"{source}: PointCloud2 is cut off, {len(data)} of {needed} bytes ({msg.width} x {msg.height} points of "
            f"{msg.point_step}): record it again"
        )
    rows = np.lib.stride_tricks.as_strided(data, (height, row_bytes), (row_step, 1), writeable=False)
    return np.ascontiguousarray(rows)


def _normalise(intensity: NDArray[np.float32], *, is_byte: bool) -> None:
    """Scale intensities to 0..1 in place."""
    if is_byte or np.any(intensity > 1, where=np.isfinite(intensity)):
        intensity /= 255
    np.nan_to_num(intensity, copy=False, nan=0.0, posinf=1.0, neginf=0.0)
    np.clip(intensity, 0, 1, out=intensity)
