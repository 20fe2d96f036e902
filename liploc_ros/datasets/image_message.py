# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Images of sensor_msgs/Image and CompressedImage messages of rclpy or rosbags."""

from typing import Any, Protocol, TypeGuard

import cv2
import numpy as np
from numpy.typing import NDArray

from liploc_ros.datasets.image_encoding import (
    ENCODINGS,
    PLANAR_ENCODINGS,
    Encoding,
    PlanarEncoding,
    describe_depth,
    describe_video,
)
from liploc_ros.datasets.left_out import warn_once
from liploc_ros.views.image_file import ImageError, decode_16_bit_image, decode_image, is_16_bit_png

BIT_DEPTHS = (10, 12, 14, 16)
"""Used bits that cameras with 16-bit images have."""


class ImageLike(Protocol):
    """A sensor_msgs/Image of rclpy or rosbags."""

    height: Any
    width: Any
    encoding: Any
    is_bigendian: Any
    step: Any
    data: Any


class CompressedImageLike(Protocol):
    """A sensor_msgs/CompressedImage of rclpy or rosbags."""

    format: Any
    data: Any


def image_from_message(msg: ImageLike | CompressedImageLike, source: str, bits: int = 0) -> NDArray[np.uint8]:
    """Return the image as (h, w, 3) uint8 RGB, or (h, w) uint8 for grey encodings.

    16-bit channels are reduced to the upper 8 of the bits that are used. A CompressedImage is always RGB.

    Args:
        msg: the message.
        source: names the topic in errors.
        bits: used bits of 16-bit channels. 0 finds them: 10, 12, 14 or 16, whichever holds the largest value; a warning
            is logged if they are not 16.

    Raises:
        ImageError: the encoding is not supported, it is depth or video, or the message has too little data.
    """
    if is_raw(msg):
        return _image_from_raw(msg, source, bits)
    if reason := describe_depth(msg) or describe_video(msg):
        raise ImageError(f"{source}: {reason}, or choose a topic with JPEG, PNG or raw images")
    data = bytes(msg.data)
    if is_16_bit_png(data):
        return _to_8_bits(decode_16_bit_image(data, source), bits, f"{source}: PNG")
    return decode_image(data, source)


def is_raw(msg: ImageLike | CompressedImageLike) -> TypeGuard[ImageLike]:
    """Return whether this is an Image; a CompressedImage has no encoding."""
    return hasattr(msg, "encoding")


def used_bits(values: NDArray[np.uint16]) -> int:
    """Return how many bits of 16-bit channels are used: 10, 12, 14 or 16."""
    needed = int(values.max(initial=0)).bit_length()
    return next(bits for bits in BIT_DEPTHS if bits >= needed)


def _image_from_raw(msg: ImageLike, source: str, bits: int) -> NDArray[np.uint8]:
    name = str(msg.encoding)
    if name in PLANAR_ENCODINGS:
        return _image_from_planes(msg, PLANAR_ENCODINGS[name], source)
    encoding = ENCODINGS.get(name)
    if encoding is None:
        if reason := describe_depth(msg):
            raise ImageError(f"{source}: {reason}, or choose a topic with the images of a camera")
        supported = ", ".join((*ENCODINGS, *PLANAR_ENCODINGS))
        raise ImageError(f"{source}: image encoding {name!r} is not supported: choose a topic with one of {supported}")
    height, width = _size(msg, source)
    row_bytes = width * encoding.channels * encoding.bytes_per_channel
    step = int(msg.step) or row_bytes
    rows = _rows(msg, np.frombuffer(msg.data, np.uint8), height, row_bytes, step, source)
    pixels = _reduced(rows, encoding, bool(msg.is_bigendian), bits, f"{source}: {name}")
    pixels = pixels.reshape(height, width, encoding.channels)
    if encoding.channels == 1:
        pixels = pixels[..., 0]
    if encoding.conversion is None:
        return np.array(pixels)  # a copy, because the message may reuse its buffer
    return _converted(pixels, encoding.conversion, msg, source)


def _reduced(
    rows: NDArray[np.uint8], encoding: Encoding, is_bigendian: bool, bits: int, source: str
) -> NDArray[np.uint8]:
    """Return 8-bit channels."""
    if encoding.bytes_per_channel == 1:
        return rows
    values = rows.view(">u2" if is_bigendian else "<u2")
    return _to_8_bits(values, bits or encoding.bits, source)


def _to_8_bits(values: NDArray[np.uint16], bits: int, source: str) -> NDArray[np.uint8]:
    """Return the upper 8 of the used bits; ``bits`` is their number, or 0 to find it."""
    used = bits or used_bits(values)
    if not bits and used < 16:
        warn_once(f"{source} uses {used} of 16 bits: images are scaled by {1 << 16 - used}")
    return np.asarray(np.minimum(values >> max(used - 8, 0), 255), np.uint8)


def _image_from_planes(msg: ImageLike, encoding: PlanarEncoding, source: str) -> NDArray[np.uint8]:
    height, width = _size(msg, source)
    step = int(msg.step) or width
    is_full = encoding.chroma_step == 2  # 4:4:4
    if not is_full and (height % 2 or width % 2):
        raise ImageError(f"{source}: {msg.encoding} of {width} x {height} pixels needs even numbers: it is damaged")
    data = np.frombuffer(msg.data, np.uint8)
    luma = _rows(msg, data, height, width, step, source)
    chroma = _rows(
        msg,
        data[height * step :],
        int(height * encoding.chroma_rows),
        int(width * encoding.chroma_step),
        int(step * encoding.chroma_step),
        source,
    )
    if not is_full:
        return _converted(np.vstack([luma, chroma.reshape(-1, width)]), encoding.conversion, msg, source)
    # Every second chroma sample is enough: 4:2:0 has no more.
    even = [(0, height % 2), (0, width % 2)]
    luma, half = np.pad(luma, even, mode="edge"), chroma.reshape(height, width, 2)[::2, ::2]
    planes = np.vstack([luma, half.reshape(len(half), -1)])
    return np.ascontiguousarray(_converted(planes, encoding.conversion, msg, source)[:height, :width])


def _size(msg: ImageLike, source: str) -> tuple[int, int]:
    height, width = int(msg.height), int(msg.width)
    if height <= 0 or width <= 0:
        raise ImageError(f"{source}: image of {width} x {height} pixels is empty: the message is damaged")
    return height, width


def _rows(
    msg: ImageLike, data: NDArray[np.uint8], height: int, row_bytes: int, step: int, source: str
) -> NDArray[np.uint8]:
    """Return the bytes (height, row_bytes) without row padding."""
    needed = (height - 1) * step + row_bytes
    if step < row_bytes or len(data) < needed:
        raise ImageError(
            f"{source}: image is cut off, {len(data)} bytes in rows of {step}, but {msg.width} x {msg.height} pixels "
            f"of {msg.encoding} need {height * row_bytes}: the message is damaged"
        )
    rows = np.lib.stride_tricks.as_strided(data, (height, row_bytes), (step, 1), writeable=False)
    return np.ascontiguousarray(rows)


def _converted(pixels: NDArray[np.uint8], conversion: int, msg: ImageLike, source: str) -> NDArray[np.uint8]:
    try:
        return cv2.cvtColor(np.ascontiguousarray(pixels), conversion)  # type: ignore[return-value]
    except cv2.error as error:
        raise ImageError(
            f"{source}: image of {msg.width} x {msg.height} cannot be decoded as {msg.encoding}: the message is damaged"
        ) from error
