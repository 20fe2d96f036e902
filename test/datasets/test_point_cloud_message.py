# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Points of sensor_msgs/PointCloud2."""

import array
import struct
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liploc_ros.datasets.bag import messages
from liploc_ros.datasets.point_cloud import FIELD_DTYPES, points_from_cloud2, reflectance_scale
from liploc_ros.datasets.reflectance import ReflectanceScale, ReflectanceSettings, describe_saturation, normalize
from liploc_ros.errors import LiplocError
from liploc_ros.views import PointsError

XYZI = [("x", 0, 7), ("y", 4, 7), ("z", 8, 7), ("intensity", 12, 7)]


def cloud(fields: list[tuple[str, int, int]], data: Any, width: int, **other: Any) -> SimpleNamespace:
    point_step = other.pop("point_step", 16)
    values = {"height": 1, "is_bigendian": False, "row_step": width * point_step, **other}
    return SimpleNamespace(
        width=width,
        point_step=point_step,
        data=data,
        fields=[SimpleNamespace(name=n, offset=o, datatype=d, count=1) for n, o, d in fields],
        **values,
    )


def test_points_survive_a_round_trip() -> None:
    points = np.random.default_rng(1).random((100, 4)).astype(np.float32)
    assert np.array_equal(points_from_cloud2(messages.point_cloud(0, "lidar", points), "/points"), points)


@pytest.mark.parametrize(
    "container", [bytes, lambda raw: array.array("B", raw), lambda raw: np.frombuffer(raw, np.uint8)]
)
def test_points_are_read_from_every_bytes_like_type(container: Any) -> None:
    raw = struct.pack("<8f", 1, 2, 3, 0.5, 4, 5, 6, 1)
    assert points_from_cloud2(cloud(XYZI, container(raw), 2), "t").tolist() == [[1, 2, 3, 0.5], [4, 5, 6, 1]]


@settings(deadline=None, max_examples=50)
@given(
    datatypes=st.tuples(*[st.sampled_from(sorted(FIELD_DTYPES))] * 4),
    is_bigendian=st.booleans(),
    gap=st.integers(0, 5),
    height=st.integers(1, 3),
    row_gap=st.integers(0, 7),
    values=st.lists(st.tuples(*[st.integers(0, 100)] * 4), min_size=1, max_size=5),
)
def test_points_of_any_layout_equal_points_unpacked_with_struct(
    datatypes: tuple[int, ...], is_bigendian: bool, gap: int, height: int, row_gap: int, values: list[tuple[int, ...]]
) -> None:
    letters = {1: "b", 2: "B", 3: "h", 4: "H", 5: "i", 6: "I", 7: "f", 8: "d"}
    order = ">" if is_bigendian else "<"
    fields, offset = [], gap
    for name, datatype in zip(("x", "y", "z", "ring"), datatypes, strict=True):
        fields.append((name, offset, datatype))
        offset += struct.calcsize(letters[datatype]) + gap
    row = b""
    for point in values:
        raw = bytearray(offset)
        for (_, at, datatype), value in zip(fields, point, strict=True):
            struct.pack_into(order + letters[datatype], raw, at, value)
        row += bytes(raw)
    msg = cloud(
        fields,
        (row + bytes(row_gap)) * height,
        len(values),
        point_step=offset,
        height=height,
        row_step=len(row) + row_gap,
        is_bigendian=is_bigendian,
    )
    expected = [[*point[:3], 0] for point in values] * height
    assert points_from_cloud2(msg, "t").tolist() == expected


@pytest.mark.parametrize(
    ("name", "datatype", "sent", "expected"),
    [
        ("intensity", "B", [0, 1, 255], [0, 1 / 255, 1]),
        ("reflectivity", "H", [0, 51, 300], [0, 0.2, 1]),
        ("reflectance", "f", [0.0, 0.25, 1.0], [0, 0.25, 1]),
        ("i", "f", [0.0, 127.5, float("nan")], [0, 0.5, 0]),
    ],
)
def test_intensity_of_every_supported_name_is_scaled_to_0_to_1(
    name: str, datatype: str, sent: list[float], expected: list[float]
) -> None:
    number = {"B": 2, "H": 4, "f": 7}[datatype]
    raw = b"".join(struct.pack("<3f" + datatype, 1, 2, 3, v).ljust(16, b"\0") for v in sent)
    points = points_from_cloud2(cloud([*XYZI[:3], (name, 12, number)], raw, len(sent)), "t")
    assert points[:, 3] == pytest.approx(expected)


def test_an_infinite_intensity_does_not_change_the_scale_of_the_others() -> None:
    sent = np.array([[1, 2, 3, 0.25], [1, 2, 3, np.inf], [1, 2, 3, 1]], np.float32)
    assert points_from_cloud2(cloud(XYZI, sent.tobytes(), 3), "t")[:, 3].tolist() == [0.25, 1, 1]


def test_a_cloud_without_xyz_is_refused_with_its_fields() -> None:
    with pytest.raises(PointsError, match=r"^/radar: .*no field y, z, only x, doppler: choose a topic"):
        points_from_cloud2(cloud([("x", 0, 7), ("doppler", 4, 7)], b"", 0), "/radar")


def test_a_truncated_cloud_is_refused() -> None:
    with pytest.raises(PointsError, match="cut off, 40 of 48 bytes"):
        points_from_cloud2(cloud(XYZI, bytes(40), 3), "/points")


def test_a_point_step_of_gigabytes_is_refused() -> None:
    with pytest.raises(PointsError, match="point_step is 2147483648 bytes: the message is damaged"):
        points_from_cloud2(cloud(XYZI, b"", 0, point_step=2**31), "/points")


def test_an_empty_cloud_has_no_points() -> None:
    assert points_from_cloud2(cloud(XYZI, b"", 0), "t").shape == (0, 4)


@settings(deadline=None, max_examples=200)
@given(
    fields=st.lists(
        st.tuples(st.sampled_from(["x", "y", "z", "intensity", "i", "ring"]), st.integers(-2, 40), st.integers(0, 9)),
        max_size=6,
    ),
    data=st.binary(max_size=200),
    sizes=st.tuples(*[st.integers(0, 2**32 - 1) | st.integers(0, 20)] * 4),
    is_bigendian=st.booleans(),
)
def test_a_random_cloud_is_read_or_refused_with_a_liploc_error(
    fields: list[tuple[str, int, int]], data: bytes, sizes: tuple[int, ...], is_bigendian: bool
) -> None:
    width, height, point_step, row_step = sizes
    msg = cloud(fields, data, width, height=height, point_step=point_step, row_step=row_step, is_bigendian=is_bigendian)
    try:
        points = points_from_cloud2(msg, "t")
    except LiplocError:
        return
    assert points.shape[1] == 4


AUTOMATIC = ReflectanceSettings()


def reflectance_of(settings: ReflectanceSettings = AUTOMATIC, **columns: np.ndarray) -> np.ndarray:
    """Return the reflectance of a cloud with these fields after x, y, z."""
    code = {np.dtype("u1"): 2, np.dtype("u2"): 4, np.dtype("f4"): 7}
    kind = np.dtype([(name, "<f4") for name in "xyz"] + [(name, values.dtype) for name, values in columns.items()])
    array = np.zeros(len(next(iter(columns.values()))), kind)
    for name, values in columns.items():
        array[name] = values
    fields = [(name, kind.fields[name][1], code[kind[name]]) for name in kind.names or ()]
    msg = cloud(fields, array.tobytes(), len(array), point_step=kind.itemsize)
    return points_from_cloud2(msg, "t", reflectance_scale([msg], "t", settings))[:, 3]


TRUE = np.linspace(0, 1, 1001)


def test_calibrated_reflectivity_goes_before_intensity_unless_it_is_empty() -> None:
    counts = (TRUE * 3000).astype("f4")
    calibrated = (TRUE * 255).astype("u2")
    assert reflectance_of(intensity=counts, reflectivity=calibrated) == pytest.approx(TRUE, abs=0.01)
    for empty in (calibrated * 0, -TRUE.astype("f4")):
        assert reflectance_of(intensity=TRUE.astype("f4"), reflectivity=empty) == pytest.approx(TRUE)


def test_counts_without_a_known_maximum_are_scaled_by_their_99_percent_quantile() -> None:
    counts = (TRUE * 3000).astype("f4")
    counts[-1] = 60_000
    assert reflectance_of(intensity=counts)[:900] == pytest.approx(TRUE[:900], rel=0.02)


def test_field_and_maximum_of_the_reflectance_can_be_given() -> None:
    settings = ReflectanceSettings(field="ambient", max=100)
    given = reflectance_of(settings, ambient=(TRUE * 100).astype("f4"), reflectivity=(TRUE * 9).astype("u1"))
    assert given == pytest.approx(TRUE, abs=1e-6)
    with pytest.raises(PointsError, match="no field 'ambient' for the reflectance: choose one of x, y, z, intensity"):
        reflectance_of(settings, intensity=TRUE.astype("f4"))


def test_a_range_that_is_too_small_or_too_large_is_reported() -> None:
    scale = ReflectanceScale("intensity", 10.0)
    assert describe_saturation([normalize(np.full(10, 20, np.float32), scale)], scale).startswith("100% of field")
    assert "are below" in describe_saturation([normalize(np.full(10, 0.1, np.float32), scale)], scale)
    assert describe_saturation([TRUE.astype(np.float32)], scale) == ""
    decibels = normalize(np.full(10, -20, np.float32), scale)
    assert describe_saturation([decibels], scale) == "field intensity is nowhere above 0: give another field"
    assert "no reflectance" in describe_saturation([], ReflectanceScale("", 1.0))
