# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The frames of a drive that can be read, and a hash of the data that was read."""

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from tqdm import tqdm

from liploc_ros.datasets.drive import Drive, Frame
from liploc_ros.errors import LiplocError

LOG = logging.getLogger(__name__)
POINTS = "points"  # key of a scan's hash; images have the names of their frames

Digests = Mapping[str, str]
"""Hashes of the images and points of a frame that were read."""


def readable_frames(drive: Drive) -> tuple[Drive, tuple[str, ...]]:
    """Read every frame once. Return the drive with the readable frames, and the reason for each other frame."""
    frames, skipped = [], []
    for frame in tqdm(drive.frames, desc=f"checking {drive.name}", leave=False):
        try:
            _read(frame)
            frames.append(frame)
        except LiplocError as error:
            LOG.warning("skipped a frame of %s: %s", drive.name, error)
            skipped.append(str(error))
    return replace(drive, frames=frames), tuple(skipped)


def sha256_of(drive: Drive, digests: Sequence[Digests]) -> str:
    """Return the hash over the stamps, poses and data of all frames.

    Args:
        drive: whose frames all have images and points.
        digests: of each frame, as recorded when it was read.
    """
    total = hashlib.sha256()
    for frame, of_frame in zip(drive.frames, digests, strict=True):
        pose = b"" if frame.T_map_base is None else np.ascontiguousarray(frame.T_map_base).tobytes()
        total.update(f"{frame.stamp_ns}".encode() + pose)
        for kind in (*sorted(frame.images), POINTS):
            total.update(of_frame.get(kind, "").encode())
    return total.hexdigest()


class ReadRecorder:
    """Records what is read from a drive.

    Attributes:
        drive: the drive with read functions that are recorded.
        digests: of each frame.
        has_failed: whether an image or a scan could not be read.
    """

    def __init__(self, drive: Drive) -> None:
        self.digests: list[dict[str, str]] = [{} for _ in drive.frames]
        self.has_failed = False
        self.drive = replace(
            drive, frames=[self._frame(*pair) for pair in zip(self.digests, drive.frames, strict=True)]
        )

    def _frame(self, digests: dict[str, str], frame: Frame) -> Frame:
        images = {name: partial(self._read, digests, name, read) for name, read in frame.images.items()}
        points = frame.read_points
        return replace(
            frame, images=images, read_points=None if points is None else partial(self._read, digests, POINTS, points)
        )

    def _read(self, digests: dict[str, str], kind: str, read: Callable[[], Any]) -> Any:
        try:
            values = read()
        except LiplocError:
            self.has_failed = True
            raise
        if kind not in digests:
            digests[kind] = hashlib.sha256(np.asarray(values).tobytes()).hexdigest()
        return values


def _read(frame: Frame) -> None:
    for read in frame.images.values():
        read()
    if frame.read_points is not None:
        frame.read_points()
