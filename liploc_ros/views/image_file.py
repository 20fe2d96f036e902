# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Read and decode images. A truncated file is an error, not a partly grey image."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from liploc_ros.errors import LiplocError

PNG_DEPTH = 24  # byte with the bits per channel
JPEG_START, JPEG_END = b"\xff\xd8", b"\xff\xd9"
PNG_START, PNG_END = b"\x89PNG", b"IEND\xaeB`\x82"


class ImageError(LiplocError):
    """An image cannot be read or decoded."""


def read_image(path: Path) -> NDArray[np.uint8]:
    """Return an image file as (h, w, 3) uint8 RGB.

    Raises:
        ImageError: the file is missing, truncated, or not an image.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror}): check the path") from error
    return decode_image(data, str(path))


def decode_image(data: bytes | NDArray[np.uint8], source: str) -> NDArray[np.uint8]:
    """Return JPEG, PNG or other encoded bytes as (h, w, 3) uint8 RGB; ``source`` names them in errors.

    Raises:
        ImageError: the bytes are truncated, or not an image.
    """
    return np.asarray(_decode(bytes(data), source, cv2.IMREAD_COLOR), np.uint8)


def is_16_bit_png(data: bytes) -> bool:
    """Return whether these bytes are a PNG with 16 bits per channel."""
    return data.startswith(PNG_START) and data[PNG_DEPTH : PNG_DEPTH + 1] == b"\x10"


def decode_16_bit_image(data: bytes, source: str) -> NDArray[np.uint16]:
    """Return a PNG with 16 bits per channel as (h, w, 3) uint16 RGB; ``source`` names it in errors.

    Raises:
        ImageError: the bytes are truncated, or not an image.
    """
    return np.asarray(_decode(data, source, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH), np.uint16)


def _decode(raw: bytes, source: str, flags: int) -> NDArray[np.generic]:
    # OpenCV returns the missing part of a truncated file as grey pixels, without an error.
    if raw.startswith(JPEG_START) and JPEG_END not in raw[-64:]:
        raise ImageError(f"{source}: JPEG is cut off after {len(raw)} bytes: the file or message is damaged")
    if raw.startswith(PNG_START) and PNG_END not in raw[-64:]:
        raise ImageError(f"{source}: PNG is cut off after {len(raw)} bytes: the file or message is damaged")
    try:
        image = cv2.imdecode(np.frombuffer(raw, np.uint8), flags) if raw else None
    except cv2.error:
        image = None
    if image is None:
        raise ImageError(f"{source}: {len(raw)} bytes are not an image that OpenCV can decode: give a JPEG or PNG")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
