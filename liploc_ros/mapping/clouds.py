# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The thinned points of keyframes, compressed; each is decompressed when it is read."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from backports import zstd
from numpy.typing import NDArray

POINT_RESOLUTION = 0.01  # metres per count
LEVEL = 9  # of Zstandard
LIMIT = np.iinfo(np.int16).max * POINT_RESOLUTION  # largest coordinate [m]


class Clouds:
    """The points of keyframes, in the frame of the LiDAR.

    Points are in the order of the scan, in which neighbours are near each other: differences of centimetres compress
    to about 2.4 bytes per point.
    """

    def __init__(self, parts: Sequence[tuple[Any, NDArray[np.int64]]] = ()) -> None:
        """Take parts of consecutive keyframes: compressed bytes, and where each cloud begins and the last one ends.

        The bytes may be memory-mapped.
        """
        self._parts = tuple(parts)
        self._first = np.cumsum([0, *(len(offsets) - 1 for _, offsets in self._parts)])

    @classmethod
    def of(cls, clouds: Sequence[bytes]) -> "Clouds":
        """Return clouds of :func:`encode_cloud`."""
        return cls([(b"".join(clouds), np.cumsum([0, *map(len, clouds)], dtype=np.int64))])

    @classmethod
    def joined(cls, clouds: Sequence["Clouds"]) -> "Clouds":
        """Return the clouds of several maps or tiles, one after another."""
        return cls([part for some in clouds for part in some._parts])

    def __len__(self) -> int:
        """Return the number of keyframes."""
        return int(self._first[-1])

    def encoded(self, keyframe: int) -> bytes:
        """Return the compressed points of a keyframe."""
        part = int(np.searchsorted(self._first, keyframe, side="right")) - 1
        data, offsets = self._parts[part]
        row = keyframe - self._first[part]
        return bytes(data[offsets[row] : offsets[row + 1]])

    def __getitem__(self, keyframe: int) -> NDArray[np.float32]:
        """Return a keyframe's points (N, 4): x, y, z [m], reflectance 0 to 1."""
        return decode_cloud(self.encoded(keyframe))


def encode_cloud(points: NDArray[np.floating]) -> bytes:
    """Return points (N, 3 or 4), x, y, z [m] and reflectance 0 to 1, compressed and rounded to a centimetre.

    Points that are not finite or farther than 327 m are left out.
    """
    points = points[np.isfinite(points[:, :3]).all(axis=1)]
    points = points[np.abs(points[:, :3]).max(axis=1, initial=0) < LIMIT]
    counts = np.rint(points[:, :3] / POINT_RESOLUTION).astype(np.int32)
    steps = np.diff(counts, axis=0, prepend=0).T
    zigzag = ((steps << 1) ^ (steps >> 31)).astype(np.uint32)  # small for small steps of either sign
    planes = [(zigzag >> shift).astype(np.uint8) for shift in (0, 8, 16)]  # bytes of equal weight together
    reflectance = np.zeros(len(points), np.uint8)
    if points.shape[1] == 4:
        reflectance[:] = np.rint(np.clip(np.nan_to_num(points[:, 3]), 0, 1) * 255)
    return zstd.compress(b"".join(plane.tobytes() for plane in planes) + reflectance.tobytes(), LEVEL)


def decode_cloud(data: bytes) -> NDArray[np.float32]:
    """Return the points (N, 4) of :func:`encode_cloud`.

    Raises:
        ValueError: the data are something else.
    """
    try:
        stored = np.frombuffer(zstd.decompress(data) if data else b"", np.uint8)
    except zstd.ZstdError as error:
        raise ValueError(f"points cannot be decompressed ({error})") from error
    if len(stored) % 10:
        raise ValueError(f"points: {len(stored)} bytes are not 10 per point")
    count = len(stored) // 10
    planes = stored[: 9 * count].reshape(3, 3, count).astype(np.uint32)
    zigzag = planes[0] | planes[1] << 8 | planes[2] << 16
    steps = (zigzag >> 1).astype(np.int32) ^ -(zigzag & 1).astype(np.int32)
    points = np.empty((count, 4), np.float32)
    points[:, :3] = np.cumsum(steps, axis=1).T * np.float32(POINT_RESOLUTION)
    points[:, 3] = stored[9 * count :] * np.float32(1 / 255)
    return points
