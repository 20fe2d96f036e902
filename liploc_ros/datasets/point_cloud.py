# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Points of sensor_msgs/PointCloud2 messages of rclpy or rosbags."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from liploc_ros.datasets.reflectance import (
    REFLECTANCE_FIELDS,
    ReflectanceScale,
    ReflectanceSettings,
    detect_scale,
    normalize,
)
from liploc_ros.views.panorama import PointsError

FIELD_DTYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 8: "f8"}
"""NumPy dtype of each datatype constant of sensor_msgs/PointField."""


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


def points_from_cloud2(msg: PointCloudLike, source: str, scale: ReflectanceScale | None = None) -> NDArray[np.float32]:
    """Return points (N, 4) float32: x, y, z [m], which may be NaN, and reflectance 0 to 1.

    Args:
        msg: the message.
        source: names the topic in errors.
        scale: field and range of the reflectance; see :func:`reflectance_scale`. None detects it from this scan alone.

    Raises:
        PointsError: x, y or z is missing, a field lies outside its point, or the message has too little data.
    """
    scale = reflectance_scale([msg], source) if scale is None else scale
    names = [*"xyz", *([scale.field] if scale.field in _fields(msg) else [])]
    return points_from_records(read_fields(msg, names, source), scale)


def points_from_records(records: NDArray[np.void], scale: ReflectanceScale | None = None) -> NDArray[np.float32]:
    """Return (N, 4) float32 as :func:`points_from_cloud2` does, from (N,) records with the fields of a PointCloud2."""
    names = records.dtype.names or ()
    scale = detect_scale({name: records[name] for name in names if name not in "xyz"}) if scale is None else scale
    points = np.zeros((len(records), 4), np.float32)
    with np.errstate(over="ignore", invalid="ignore"):  # a double beyond float32 becomes infinite
        for column, name in enumerate("xyz"):
            points[:, column] = records[name]
        if scale.field in names:
            points[:, 3] = normalize(np.asarray(records[scale.field], np.float32), scale)
    return points


def reflectance_scale(
    clouds: Sequence[PointCloudLike],
    source: str,
    settings: ReflectanceSettings = ReflectanceSettings(),  # noqa: B008  frozen
) -> ReflectanceScale:
    """Return which field of these clouds holds the reflectance, and its range.

    A few scans of a topic are enough. All scans of a map should be read with the same scale.

    Raises:
        PointsError: the field of the settings does not exist, or a cloud is damaged.
    """
    values: dict[str, list[NDArray[Any]]] = {}
    for msg in clouds:
        fields = _fields(msg)
        if settings.field and settings.field not in fields:
            raise PointsError(
                f"{source}: PointCloud2 has no field {settings.field!r} for the reflectance: "
                f"choose one of {', '.join(fields) or 'none'}"
            )
        for name in (settings.field,) if settings.field else REFLECTANCE_FIELDS:
            if name in fields:
                values.setdefault(name, []).append(read_fields(msg, [name], source)[name])
    return detect_scale({name: np.concatenate(parts) for name, parts in values.items()}, settings)


def _fields(msg: PointCloudLike) -> dict[str, PointFieldLike]:
    return {str(field.name): field for field in msg.fields}


def read_fields(msg: PointCloudLike, names: Sequence[str], source: str) -> NDArray[np.void]:
    """Return a structured array (N,) with these fields.

    Raises:
        PointsError: a field is missing or lies outside its point, or the message has too little data.
    """
    fields = _fields(msg)
    missing = [name for name in names if name not in fields]
    if missing:
        raise PointsError(
            f"{source}: PointCloud2 has no field {', '.join(missing)}, only {', '.join(fields) or 'none'}: "
            "choose a topic with x, y and z"
        )
    point = _point_type([fields[name] for name in names], int(msg.point_step), bool(msg.is_bigendian), source)
    return np.asarray(_rows(msg, source).view(point).ravel())


def _point_type(
    fields: Sequence[PointFieldLike], point_step: int, is_bigendian: bool, source: str
) -> np.dtype[np.void]:
    if point_step > np.iinfo(np.int32).max:  # the limit of NumPy's structured types
        raise PointsError(f"{source}: point_step is {point_step} bytes: the message is damaged")
    formats = []
    for field in fields:
        if int(field.datatype) not in FIELD_DTYPES:
            raise PointsError(
                f"{source}: field {field.name} has datatype {field.datatype}, not 1 to 8 of PointField: "
                "the message is damaged"
            )
        formats.append(np.dtype((">" if is_bigendian else "<") + FIELD_DTYPES[int(field.datatype)]))
        if int(field.offset) < 0 or int(field.offset) + formats[-1].itemsize > point_step:
            raise PointsError(
                f"{source}: field {field.name} at byte {field.offset} does not fit in a point_step of {point_step}: "
                "the message is damaged"
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
            f"{msg.point_step}): the message is damaged"
        )
    rows = np.lib.stride_tricks.as_strided(data, (height, row_bytes), (row_step, 1), writeable=False)
    return np.ascontiguousarray(rows)
