# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The size of image files, without decoding PNG files."""

import struct
from collections.abc import Iterable
from pathlib import Path

from liploc_ros.views.image_file import PNG_START, ImageError, read_image

PNG_HEADER = struct.Struct(">12x4s2I")  # signature and length; then the chunk's type, width and height


def image_size(path: Path) -> tuple[int, int]:
    """Return the width and height of an image file. Of a PNG file only the header is read.

    Raises:
        ImageError: the file is missing or not an image.
    """
    try:
        with path.open("rb") as file:
            head = file.read(PNG_HEADER.size)
    except OSError as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror}): check the path") from error
    if head.startswith(PNG_START) and len(head) == PNG_HEADER.size:
        kind, width, height = PNG_HEADER.unpack(head)
        if kind == b"IHDR":
            return width, height
    image = read_image(path)
    return image.shape[1], image.shape[0]


def first_image_size(paths: Iterable[Path]) -> tuple[int, int]:
    """Return the size of the first readable image, so that one damaged image does not make a recording unusable.

    Raises:
        ImageError: no image can be read; the error is that of the first image.
    """
    first: ImageError | None = None
    for path in paths:
        try:
            return image_size(path)
        except ImageError as error:
            first = first or error
    raise first or ImageError("0 images were given: give at least one")
