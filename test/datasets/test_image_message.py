"""Images of sensor_msgs/Image and CompressedImage."""

from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liploc_ros.datasets.bag import messages
from liploc_ros.datasets.image_message import ENCODINGS, image_from_message
from liploc_ros.errors import LiplocError
from liploc_ros.views import ImageError

RGB = np.random.default_rng(0).integers(0, 255, (8, 12, 3), dtype=np.uint8)


def image(encoding: str, data: Any, width: int, height: int, **other: Any) -> SimpleNamespace:
    return SimpleNamespace(
        encoding=encoding, data=data, width=width, height=height, **{"is_bigendian": 0, "step": 0, **other}
    )


def test_an_image_survives_a_round_trip() -> None:
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
def test_colour_images_with_padded_rows_become_rgb(encoding: str, pixels: np.ndarray) -> None:
    rows = [np.ascontiguousarray(row).tobytes() + b"\xab" * 5 for row in pixels]
    msg = image(encoding, b"".join(rows), 12, 8, step=len(rows[0]))
    assert np.array_equal(image_from_message(msg, "t"), RGB)


@pytest.mark.parametrize(("encoding", "dtype", "big"), [("mono8", "u1", 0), ("mono16", "<u2", 0), ("mono16", ">u2", 1)])
def test_grey_images_stay_grey_and_keep_their_upper_8_bits(encoding: str, dtype: str, big: int) -> None:
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


def test_an_unknown_encoding_is_refused_with_the_supported_ones() -> None:
    with pytest.raises(ImageError, match=r"^/camera/image_raw: image encoding '32FC7' is not supported: .*rgb8, bgr8"):
        image_from_message(image("32FC7", b"", 4, 4), "/camera/image_raw")


def test_a_truncated_image_is_refused() -> None:
    with pytest.raises(ImageError, match=r"^/camera: image is cut off, 100 bytes"):
        image_from_message(image("rgb8", bytes(100), 12, 8), "/camera")


def test_a_truncated_compressed_image_is_refused() -> None:
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
def test_a_random_image_is_read_or_refused_with_a_liploc_error(
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
def test_a_random_compressed_image_is_read_or_refused_with_a_liploc_error(data: bytes) -> None:
    with suppress(LiplocError):
        image_from_message(SimpleNamespace(format="jpeg", data=data), "t")
