# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Encodings of sensor_msgs/Image, and which of them are not of a camera."""

import re
from typing import Any, NamedTuple

import cv2


class Encoding(NamedTuple):
    """How the pixels of an image are stored.

    Attributes:
        channels: interleaved channels.
        bytes_per_channel: 1 or 2.
        conversion: of OpenCV to RGB; None if the image is RGB or grey already.
        bits: used bits of each channel; 0 if the name does not say.
    """

    channels: int
    bytes_per_channel: int
    conversion: int | None
    bits: int = 0


class PlanarEncoding(NamedTuple):
    """YUV with the luma plane first, and then the chroma samples.

    Attributes:
        conversion: of OpenCV for 4:2:0, from the planes below each other.
        chroma_step: bytes of a row of chroma samples, relative to a row of luma.
        chroma_rows: rows of chroma samples, relative to the rows of luma.
    """

    conversion: int
    chroma_step: float
    chroma_rows: float


# Own table: rosbags-image 0.10 ignores `step` (padded rows shear), cannot convert 8UC4 and fails with TypeError.
# ROS names a Bayer pattern after its first pixels, OpenCV after those one pixel further down and right.
# The colour order of 8UC3 and 8UC4 is not defined. OpenCV users publish them, so it is BGR.
BAYER = {
    "rggb": cv2.COLOR_BayerBG2RGB,
    "bggr": cv2.COLOR_BayerRG2RGB,
    "gbrg": cv2.COLOR_BayerGR2RGB,
    "grbg": cv2.COLOR_BayerGB2RGB,
}
ENCODINGS = {
    "rgb8": Encoding(3, 1, None),
    "bgr8": Encoding(3, 1, cv2.COLOR_BGR2RGB),
    "8UC3": Encoding(3, 1, cv2.COLOR_BGR2RGB),
    "rgba8": Encoding(4, 1, cv2.COLOR_RGBA2RGB),
    "bgra8": Encoding(4, 1, cv2.COLOR_BGRA2RGB),
    "8UC4": Encoding(4, 1, cv2.COLOR_BGRA2RGB),
    "mono8": Encoding(1, 1, None),
    "8UC1": Encoding(1, 1, None),
    "mono10": Encoding(1, 2, None, 10),
    "mono12": Encoding(1, 2, None, 12),
    "mono16": Encoding(1, 2, None),
    "rgb16": Encoding(3, 2, None),
    "bgr16": Encoding(3, 2, cv2.COLOR_BGR2RGB),
    "16UC3": Encoding(3, 2, cv2.COLOR_BGR2RGB),
    "rgba16": Encoding(4, 2, cv2.COLOR_RGBA2RGB),
    "bgra16": Encoding(4, 2, cv2.COLOR_BGRA2RGB),
    "16UC4": Encoding(4, 2, cv2.COLOR_BGRA2RGB),
    **{f"bayer_{pattern}8": Encoding(1, 1, code) for pattern, code in BAYER.items()},
    **{f"bayer_{pattern}{bits}": Encoding(1, 2, code, bits) for pattern, code in BAYER.items() for bits in (10, 12)},
    **{f"bayer_{pattern}16": Encoding(1, 2, code) for pattern, code in BAYER.items()},
    "yuv422": Encoding(2, 1, cv2.COLOR_YUV2RGB_UYVY),
    "uyvy": Encoding(2, 1, cv2.COLOR_YUV2RGB_UYVY),
    "yuv422_yuy2": Encoding(2, 1, cv2.COLOR_YUV2RGB_YUY2),
    "yuyv": Encoding(2, 1, cv2.COLOR_YUV2RGB_YUY2),
}
"""The supported interleaved encodings, named as in sensor_msgs/image_encodings.hpp, and 10 and 12 bit of drivers."""

PLANAR_ENCODINGS = {
    "nv12": PlanarEncoding(cv2.COLOR_YUV2RGB_NV12, 1, 0.5),
    "nv21": PlanarEncoding(cv2.COLOR_YUV2RGB_NV21, 1, 0.5),
    "nv24": PlanarEncoding(cv2.COLOR_YUV2RGB_NV12, 2, 1),
    "nv42": PlanarEncoding(cv2.COLOR_YUV2RGB_NV21, 2, 1),
    "yuv420": PlanarEncoding(cv2.COLOR_YUV2RGB_I420, 0.5, 1),
    "i420": PlanarEncoding(cv2.COLOR_YUV2RGB_I420, 0.5, 1),
    "yv12": PlanarEncoding(cv2.COLOR_YUV2RGB_YV12, 0.5, 1),
}
"""The supported encodings with a luma plane."""

DEPTH = re.compile(r"(16UC1|\d+[SF]C\d+)$")
VIDEO = re.compile(r"\b(h\.?26[45]|hevc|avc1?|av1|vp[89]|mpeg[24]?|theora|ffmpeg|libx26[45])", re.IGNORECASE)
VIDEO_STARTS = (b"\x00\x00\x00\x01", b"\x00\x00\x01")
"""Begin of packets of H.264 and H.265."""
VIDEO_TYPES = (
    "foxglove_msgs/msg/CompressedVideo",
    "ffmpeg_image_transport_msgs/msg/FFMPEGPacket",
    "theora_image_transport/msg/Packet",
)
"""Types of messages that hold packets of a video."""


def describe_depth(msg: Any) -> str:
    """Return why the images of this Image or CompressedImage are not those of a camera, or an empty string.

    Depth images are 16UC1, 32FC1 or similar, or are compressed by the transport compressedDepth.
    """
    if hasattr(msg, "encoding"):
        name = str(msg.encoding)
        return f"{name} is depth or another measure, not brightness: leave it out" if DEPTH.fullmatch(name) else ""
    name = str(msg.format)
    is_depth = "compresseddepth" in name.lower() or DEPTH.fullmatch(name.partition(";")[0].strip())
    return f"format {name!r} is depth or another measure, not brightness: leave it out" if is_depth else ""


def describe_video(msg: Any) -> str:
    """Return why the data of a CompressedImage is not a picture but a packet of a video, or an empty string."""
    name, start = str(msg.format), bytes(msg.data[:4])
    if VIDEO.search(name) or start.startswith(VIDEO_STARTS):
        return f"format {name!r} is video, whose packets are not images: decode it first"
    return ""
