"""Images of sensor_msgs/Image and CompressedImage messages of rclpy or rosbags."""

from typing import Any, NamedTuple, Protocol, TypeGuard

import cv2
import numpy as np
from numpy.typing import NDArray

from liploc_ros.views.image_file import ImageError, decode_image


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


class _Encoding(NamedTuple):
    channels: int
    bytes_per_channel: int
    conversion: int | None


# Own table: rosbags-image 0.10 ignores `step` (padded rows shear), cannot convert 8UC4 and fails with TypeError.
# ROS names a Bayer pattern after its first pixels, OpenCV after those one pixel further down and right.
# The colour order of 8UC3 and 8UC4 is not defined. OpenCV users publish them, so it is BGR.
ENCODINGS = {
    "rgb8": _Encoding(3, 1, None),
    "bgr8": _Encoding(3, 1, cv2.COLOR_BGR2RGB),
    "8UC3": _Encoding(3, 1, cv2.COLOR_BGR2RGB),
    "rgba8": _Encoding(4, 1, cv2.COLOR_RGBA2RGB),
    "bgra8": _Encoding(4, 1, cv2.COLOR_BGRA2RGB),
    "8UC4": _Encoding(4, 1, cv2.COLOR_BGRA2RGB),
    "mono8": _Encoding(1, 1, None),
    "8UC1": _Encoding(1, 1, None),
    "mono16": _Encoding(1, 2, None),
    "rgb16": _Encoding(3, 2, None),
    "bgr16": _Encoding(3, 2, cv2.COLOR_BGR2RGB),
    "bayer_rggb8": _Encoding(1, 1, cv2.COLOR_BayerBG2RGB),
    "bayer_bggr8": _Encoding(1, 1, cv2.COLOR_BayerRG2RGB),
    "bayer_gbrg8": _Encoding(1, 1, cv2.COLOR_BayerGR2RGB),
    "bayer_grbg8": _Encoding(1, 1, cv2.COLOR_BayerGB2RGB),
    "yuv422": _Encoding(2, 1, cv2.COLOR_YUV2RGB_UYVY),
    "uyvy": _Encoding(2, 1, cv2.COLOR_YUV2RGB_UYVY),
    "yuv422_yuy2": _Encoding(2, 1, cv2.COLOR_YUV2RGB_YUY2),
    "yuyv": _Encoding(2, 1, cv2.COLOR_YUV2RGB_YUY2),
}
"""The supported encodings, named as in sensor_msgs/image_encodings.hpp."""


def image_from_message(msg: ImageLike | CompressedImageLike, source: str) -> NDArray[np.uint8]:
    """Return the image as (h, w, 3) uint8 RGB, or (h, w) uint8 for grey encodings.

    16-bit channels are reduced to their upper 8 bits. A CompressedImage is always RGB. ``source`` names the topic in
    errors.

    Raises:
        ImageError: the encoding is not supported, or the message has too little data.
    """
    if is_raw(msg):
        return _image_from_raw(msg, source)
    return decode_image(bytes(msg.data), source)


def is_raw(msg: ImageLike | CompressedImageLike) -> TypeGuard[ImageLike]:
    """Return whether this is an Image; a CompressedImage has no encoding."""
    return hasattr(msg, "encoding")


def _image_from_raw(msg: ImageLike, source: str) -> NDArray[np.uint8]:
    encoding = ENCODINGS.get(str(msg.encoding))
    if encoding is None:
        raise ImageError(
            f"{source}: image encoding {msg.encoding!r} is not supported: publish one of {', '.join(ENCODINGS)}"
        )
    pixels = _pixels(msg, encoding, source)
    if encoding.bytes_per_channel == 2:
        pixels = pixels[..., :1] if msg.is_bigendian else pixels[..., 1:]
        pixels = np.ascontiguousarray(pixels.reshape(*pixels.shape[:2], encoding.channels))
    if encoding.channels == 1:
        pixels = pixels[..., 0]
    if encoding.conversion is None:
        return np.array(pixels)  # a copy, because the message may reuse its buffer
    try:
        return cv2.cvtColor(pixels, encoding.conversion)  # type: ignore[return-value]
    except cv2.error as error:
        raise ImageError(
            f"{source}: image of {msg.width} x {msg.height} cannot be decoded as {msg.encoding}: "
            "fix the driver that publishes it"
        ) from error


def _pixels(msg: ImageLike, encoding: _Encoding, source: str) -> NDArray[np.uint8]:
    """Return the bytes (height, width, channels) without row padding; 16 bits add an axis of two bytes."""
    height, width, step = int(msg.height), int(msg.width), int(msg.step)
    if height <= 0 or width <= 0:
        raise ImageError(f"{source}: image of {width} x {height} pixels is empty: fix the driver that publishes it")
    row_bytes = width * encoding.channels * encoding.bytes_per_channel
    step = step or row_bytes
    data = np.frombuffer(msg.data, np.uint8)
    needed = (height - 1) * step + row_bytes
    if step < row_bytes or len(data) < needed:
        raise ImageError(
            f"{source}: image is cut off, {len(data)} bytes in rows of {step}, but {width} x {height} pixels of "
            f"{msg.encoding} need {height * row_bytes}: publish or record it again"
        )
    rows = np.lib.stride_tricks.as_strided(data, (height, row_bytes), (step, 1), writeable=False)
    shape = (height, width, encoding.channels)
    return np.ascontiguousarray(rows).reshape(shape if encoding.bytes_per_channel == 1 else (*shape[:2], -1, 2))
