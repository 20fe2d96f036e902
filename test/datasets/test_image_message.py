# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

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
    with pytest.raises(ImageError, match=r"^/camera/image_raw: image encoding 'rgb7' is not supported: .*rgb8, bgr8"):
        image_from_message(image("rgb7", b"", 4, 4), "/camera/image_raw")
    with pytest.raises(ImageError, match=r"^/camera/image_raw: 32FC7 is depth or another measure"):
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


SMOOTH = cv2.resize(RGB[:4, :6], (32, 24), interpolation=cv2.INTER_CUBIC)
I420 = cv2.cvtColor(SMOOTH, cv2.COLOR_RGB2YUV_I420)
LUMA, U, V = I420[:24], I420[24:30].reshape(12, 16), I420[30:].reshape(12, 16)


def interleaved(first: np.ndarray, second: np.ndarray, step: int) -> np.ndarray:
    """Return the luma plane and the chroma samples below it, in rows of ``step`` bytes."""
    rows = np.vstack([LUMA, np.stack([first, second], -1).reshape(12, 32)])
    return np.pad(rows, ((0, 0), (0, step - 32)))


@pytest.mark.parametrize("step", [32, 40])
@pytest.mark.parametrize(("encoding", "order"), [("nv12", (U, V)), ("nv21", (V, U))])
def test_yuv_images_with_a_luma_plane_become_rgb(encoding: str, order: tuple[np.ndarray, ...], step: int) -> None:
    msg = image(encoding, interleaved(*order, step).tobytes(), 32, 24, step=step)
    expected = cv2.cvtColor(I420, cv2.COLOR_YUV2RGB_I420)
    assert np.array_equal(image_from_message(msg, "t"), expected)


@pytest.mark.parametrize(("encoding", "order"), [("nv24", (U, V)), ("nv42", (V, U))])
def test_full_chroma_becomes_the_same_rgb(encoding: str, order: tuple[np.ndarray, ...]) -> None:
    full = np.stack([np.repeat(np.repeat(plane, 2, 0), 2, 1) for plane in order], -1)
    msg = image(encoding, LUMA.tobytes() + full.tobytes(), 32, 24)
    assert np.array_equal(image_from_message(msg, "t"), cv2.cvtColor(I420, cv2.COLOR_YUV2RGB_I420))


@pytest.mark.parametrize(("encoding", "planes"), [("i420", (U, V)), ("yuv420", (U, V)), ("yv12", (V, U))])
def test_yuv_images_of_three_planes_become_rgb(encoding: str, planes: tuple[np.ndarray, ...]) -> None:
    msg = image(encoding, b"".join(plane.tobytes() for plane in (LUMA, *planes)), 32, 24)
    assert np.array_equal(image_from_message(msg, "t"), cv2.cvtColor(I420, cv2.COLOR_YUV2RGB_I420))


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_unused_bits_of_a_16_bit_image_are_detected(bits: int, caplog: pytest.LogCaptureFixture) -> None:
    grey = RGB[..., 0].copy()
    grey[0, 0] = 255
    sent = (grey.astype("<u2") << (bits - 8)).tobytes()
    assert np.array_equal(image_from_message(image("mono16", sent, 12, 8), f"/cam{bits}"), grey)
    assert (f"/cam{bits}: mono16 uses {bits} of 16 bits" in caplog.text) == (bits < 16)
    assert np.array_equal(image_from_message(image("mono16", sent, 12, 8), "t", bits), grey)


@pytest.mark.parametrize(("bits", "shift"), [(16, 8), (12, 4), (10, 2)])
def test_bayer_images_of_more_than_8_bits_equal_those_of_8(bits: int, shift: int) -> None:
    raw = RGB[..., 0].copy()
    raw[0, 0] = 255
    deep = image(f"bayer_rggb{bits}", (raw.astype("<u2") << shift).tobytes(), 12, 8)
    assert np.array_equal(image_from_message(deep, "t"), image_from_message(image("bayer_rggb8", raw, 12, 8), "t"))


@pytest.mark.parametrize(("encoding", "channels"), [("rgba16", [0, 1, 2, 0]), ("bgra16", [2, 1, 0, 0])])
def test_four_channels_of_16_bits_become_rgb(encoding: str, channels: list[int]) -> None:
    sent = (RGB[..., channels].astype("<u2") * 257).tobytes()
    assert np.array_equal(image_from_message(image(encoding, sent, 12, 8), "t", 16), RGB)


@pytest.mark.parametrize(
    ("format_text", "data", "words"),
    [
        ("h264", b"\x00\x00\x00\x01\x67", "'h264' is video, whose packets are not images"),
        ("", b"\x00\x00\x01\x67", "is video"),
        ("16UC1; compressedDepth png", b"", "is depth"),
        ("32FC1; compressedDepth", b"", "is depth"),
        ("16UC1; png compressed ", b"\x89PNG", "is depth"),
    ],
)
def test_video_and_depth_are_refused_by_name(format_text: str, data: bytes, words: str) -> None:
    with pytest.raises(ImageError, match=words):
        image_from_message(SimpleNamespace(format=format_text, data=data), "t")


@pytest.mark.parametrize("encoding", ["16UC1", "32FC1", "16SC1"])
def test_raw_depth_is_refused_by_name(encoding: str) -> None:
    with pytest.raises(ImageError, match=f"{encoding} is depth"):
        image_from_message(image(encoding, bytes(400), 10, 10), "t")


def test_a_16_bit_png_is_reduced_to_its_used_bits() -> None:
    grey = RGB[..., 0].copy()
    grey[0, 0] = 255
    png = cv2.imencode(".png", grey.astype(np.uint16) << 4)[1].tobytes()
    decoded = image_from_message(SimpleNamespace(format="mono16; png compressed ", data=png), "t")
    assert np.array_equal(decoded, np.dstack([grey] * 3))
