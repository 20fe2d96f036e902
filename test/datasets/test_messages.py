import array
import struct
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liploc_ros.datasets.bag import messages
from liploc_ros.datasets.camera_info import camera_from_info, mounted_camera_from_info
from liploc_ros.datasets.image_message import ENCODINGS, image_from_message
from liploc_ros.datasets.point_cloud import NUMBER_TYPES, points_from_cloud2
from liploc_ros.errors import LiplocError
from liploc_ros.geometry import CameraError, MountedCamera, PinholeCamera
from liploc_ros.views import ImageError, PointsError

RGB = np.random.default_rng(0).integers(0, 255, (8, 12, 3), dtype=np.uint8)


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


def image(encoding: str, data: Any, width: int, height: int, **other: Any) -> SimpleNamespace:
    return SimpleNamespace(
        encoding=encoding, data=data, width=width, height=height, **{"is_bigendian": 0, "step": 0, **other}
    )


XYZI = [("x", 0, 7), ("y", 4, 7), ("z", 8, 7), ("intensity", 12, 7)]


def test_points_come_back_as_they_were_sent() -> None:
    points = np.random.default_rng(1).random((100, 4)).astype(np.float32)
    assert np.array_equal(points_from_cloud2(messages.point_cloud(0, "lidar", points), "/points"), points)


@pytest.mark.parametrize(
    "container", [bytes, lambda raw: array.array("B", raw), lambda raw: np.frombuffer(raw, np.uint8)]
)
def test_points_are_read_from_every_container_of_bytes(container: Any) -> None:
    raw = struct.pack("<8f", 1, 2, 3, 0.5, 4, 5, 6, 1)
    assert points_from_cloud2(cloud(XYZI, container(raw), 2), "t").tolist() == [[1, 2, 3, 0.5], [4, 5, 6, 1]]


@settings(deadline=None, max_examples=50)
@given(
    datatypes=st.tuples(*[st.sampled_from(sorted(NUMBER_TYPES))] * 4),
    is_bigendian=st.booleans(),
    gap=st.integers(0, 5),
    height=st.integers(1, 3),
    row_gap=st.integers(0, 7),
    values=st.lists(st.tuples(*[st.integers(0, 100)] * 4), min_size=1, max_size=5),
)
def test_points_of_any_layout_equal_those_unpacked_one_by_one(
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
def test_intensity_of_any_name_becomes_0_to_1(
    name: str, datatype: str, sent: list[float], expected: list[float]
) -> None:
    number = {"B": 2, "H": 4, "f": 7}[datatype]
    raw = b"".join(struct.pack("<3f" + datatype, 1, 2, 3, v).ljust(16, b"\0") for v in sent)
    points = points_from_cloud2(cloud([*XYZI[:3], (name, 12, number)], raw, len(sent)), "t")
    assert points[:, 3] == pytest.approx(expected)


def test_an_infinite_intensity_does_not_darken_the_others() -> None:
    sent = np.array([[1, 2, 3, 0.25], [1, 2, 3, np.inf], [1, 2, 3, 1]], np.float32)
    assert points_from_cloud2(cloud(XYZI, sent.tobytes(), 3), "t")[:, 3].tolist() == [0.25, 1, 1]


def test_a_cloud_without_xyz_is_refused_with_the_fields_it_has() -> None:
    with pytest.raises(PointsError, match=r"^/radar: .*no field y, z, only x, doppler: choose a topic"):
        points_from_cloud2(cloud([("x", 0, 7), ("doppler", 4, 7)], b"", 0), "/radar")


def test_a_cloud_with_less_data_than_points_is_refused() -> None:
    with pytest.raises(PointsError, match="cut off, 40 of 48 bytes"):
        points_from_cloud2(cloud(XYZI, bytes(40), 3), "/points")


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
def test_no_cloud_however_odd_escapes_as_another_error(
    fields: list[tuple[str, int, int]], data: bytes, sizes: tuple[int, ...], is_bigendian: bool
) -> None:
    width, height, point_step, row_step = sizes
    msg = cloud(fields, data, width, height=height, point_step=point_step, row_step=row_step, is_bigendian=is_bigendian)
    try:
        points = points_from_cloud2(msg, "t")
    except LiplocError:
        return
    assert points.shape[1] == 4


def test_an_image_comes_back_as_it_was_sent() -> None:
    assert np.array_equal(image_from_message(messages.image(0, "camera", RGB), "/image"), RGB)


@pytest.mark.parametrize(
    ("encoding", "pixels"),
    [
        ("rgb8", RGB),
        ("bgr8", RGB[..., ::-1]),
        ("8UC3", RGB[..., ::-1]),
        ("rgba8", np.dstack([RGB, RGB[..., :1]])),
        ("bgra8", np.dstack([RGB[..., ::-1], RGB[..., :1]])),
        ("rgb16", RGB.astype("<u2") * 256 + 17),
    ],
)
def test_colour_images_become_rgb_whatever_pads_their_rows(encoding: str, pixels: np.ndarray) -> None:
    rows = [np.ascontiguousarray(row).tobytes() + b"\xab" * 5 for row in pixels]
    msg = image(encoding, b"".join(rows), 12, 8, step=len(rows[0]))
    assert np.array_equal(image_from_message(msg, "t"), RGB)


@pytest.mark.parametrize(("encoding", "dtype", "big"), [("mono8", "u1", 0), ("mono16", "<u2", 0), ("mono16", ">u2", 1)])
def test_grey_images_stay_grey_with_their_upper_8_bits(encoding: str, dtype: str, big: int) -> None:
    grey = RGB[..., 0]
    sent = grey if dtype == "u1" else (grey.astype(np.uint16) * 256 + 99).astype(dtype)
    assert np.array_equal(image_from_message(image(encoding, sent.tobytes(), 12, 8, is_bigendian=big), "t"), grey)


@pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
def test_a_bayer_pattern_of_one_colour_becomes_that_colour(pattern: str) -> None:
    value = {"r": 200, "g": 100, "b": 50}
    tile = np.array([[value[pattern[0]], value[pattern[1]]], [value[pattern[2]], value[pattern[3]]]], np.uint8)
    rgb = image_from_message(image(f"bayer_{pattern}8", np.tile(tile, (8, 8)).tobytes(), 16, 16), "t")
    assert np.all(rgb[2:-2, 2:-2] == [200, 100, 50])


@pytest.mark.parametrize(("encoding", "order"), [("yuv422", "UYVY"), ("yuv422_yuy2", "YUYV")])
def test_yuv_images_become_rgb(encoding: str, order: str) -> None:
    # ITU-R BT.601: this is a strong red.
    value = {"Y": 81, "U": 90, "V": 240}
    data = bytes(value[letter] for letter in order) * (4 * 8)
    rgb = image_from_message(image(encoding, data, 8, 8), "t").astype(int)
    assert np.abs(rgb - [254, 0, 0]).max() <= 3


def test_a_compressed_image_is_decoded() -> None:
    smooth = cv2.resize(RGB, (64, 48), interpolation=cv2.INTER_CUBIC)
    decoded = image_from_message(messages.compressed_image(0, "camera", smooth, 95), "t")
    assert np.abs(decoded.astype(int) - smooth).mean() < 8


def test_an_unknown_encoding_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(ImageError, match=r"^/camera/image_raw: image encoding '32FC7' is not known: .*rgb8, bgr8"):
        image_from_message(image("32FC7", b"", 4, 4), "/camera/image_raw")


def test_an_image_with_less_data_than_pixels_is_refused() -> None:
    with pytest.raises(ImageError, match=r"^/camera: image is cut off, 100 bytes"):
        image_from_message(image("rgb8", bytes(100), 12, 8), "/camera")


def test_a_compressed_image_that_is_cut_off_is_refused() -> None:
    msg = messages.compressed_image(0, "camera", RGB, 90)
    msg.data = msg.data[:-40]
    with pytest.raises(ImageError, match="/camera: JPEG is cut off"):
        image_from_message(msg, "/camera")


@settings(deadline=None, max_examples=200)
@given(
    encoding=st.sampled_from([*ENCODINGS, "", "32FC1"]),
    data=st.binary(max_size=120),
    sizes=st.tuples(*[st.integers(0, 2**32 - 1) | st.integers(0, 6)] * 3),
    is_bigendian=st.booleans(),
)
def test_no_image_however_odd_escapes_as_another_error(
    encoding: str, data: bytes, sizes: tuple[int, ...], is_bigendian: bool
) -> None:
    width, height, step = sizes
    try:
        result = image_from_message(image(encoding, data, width, height, step=step, is_bigendian=is_bigendian), "t")
    except LiplocError:
        return
    assert result.shape[:2] == (height, width)


@settings(deadline=None, max_examples=100)
@given(data=st.binary(max_size=80) | st.binary(max_size=40).map(lambda b: b"\xff\xd8" + b + b"\xff\xd9"))
def test_no_compressed_image_however_odd_escapes_as_another_error(data: bytes) -> None:
    with suppress(LiplocError):
        image_from_message(SimpleNamespace(format="jpeg", data=data), "t")


CAMERA = MountedCamera(
    "camera", PinholeCamera(640, 480, np.array([[500.0, 0, 320], [0, 510, 240], [0, 0, 1]])), np.eye(4)
)


def test_a_camera_comes_back_as_it_was_sent() -> None:
    camera = camera_from_info(messages.camera_info(0, CAMERA), "/camera_info")
    assert (camera.width, camera.height) == (640, 480)
    assert np.array_equal(camera.K, CAMERA.camera.K)


def test_a_binned_region_of_interest_sees_the_same_rays() -> None:
    msg = messages.camera_info(0, CAMERA)
    msg.binning_x = msg.binning_y = 2
    msg.roi.x_offset, msg.roi.y_offset, msg.roi.width, msg.roi.height = 100, 50, 400, 300
    part = camera_from_info(msg, "t")
    ray = np.array([[0.05, -0.02, 1.0]])
    full_pixel, part_pixel = CAMERA.camera.project(ray)[0], part.project(ray)[0]
    assert (part.width, part.height) == (200, 150)
    assert part_pixel * 2 + 0.5 + [100, 50] == pytest.approx(full_pixel)


def test_a_rectified_camera_has_p_and_is_turned_by_r() -> None:
    msg = messages.camera_info(0, CAMERA)
    turn = cv2.Rodrigues(np.array([0, 0.1, 0]))[0]
    msg.r, msg.p, msg.d = turn.ravel(), np.array([400.0, 0, 300, 0, 0, 400, 200, 0, 0, 0, 1, 0]), np.full(5, 0.1)
    mounted = mounted_camera_from_info(msg, "camera", np.eye(4), "t", rectified=True)
    assert mounted.camera.K[0, 0] == 400
    assert not len(mounted.camera.distortion)
    assert mounted.T_base_camera[:3, :3] == pytest.approx(turn.T)


def test_a_camera_info_that_was_never_filled_in_is_refused() -> None:
    msg = messages.camera_info(0, CAMERA)
    msg.k = np.zeros(9)
    with pytest.raises(CameraError, match=r"^/camera_info: intrinsics K"):
        camera_from_info(msg, "/camera_info")
